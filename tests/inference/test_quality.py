"""The bars of inference, held on the tasks that it was tuned on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cultivar.inference.infer import infer
from cultivar.templating.template import Template

HERE = Path(__file__).parent
PARTS = {
    "dev": HERE.parents[1] / "evals" / "inference" / "dev.yaml",
    "tasks": HERE / "fixtures" / "tasks.yaml",
    "phrases": HERE / "fixtures" / "phrases.yaml",
}


def judged(cases: list[dict[str, Any]], templates: dict[str, Template]) -> dict[str, list[bool]]:
    """Of each case: what was asked for and came out right, what was not and was inferred."""
    found: dict[str, list[bool]] = {"right": [], "wrong": []}
    for case in cases:
        for answer in infer(case["task"], templates[case["template"]], {}):
            if answer.name in case["expect"]:
                found["right"].append(answer.value == case["expect"][answer.name])
            elif answer.name not in case.get("unscored", ()):
                found["wrong"].append(answer.source == "task")
    return found


@pytest.mark.parametrize("part", PARTS)
def test_nine_in_ten_are_right_and_two_in_a_hundred_wrong_at_most(
    templates: dict[str, Template], part: str
) -> None:
    found = judged(yaml.safe_load(PARTS[part].read_text("utf-8")), templates)

    assert sum(found["right"]) >= 0.95 * len(found["right"])
    assert sum(found["wrong"]) <= 0.01 * len(found["wrong"])
