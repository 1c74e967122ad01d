from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.tooling import Tooling
from cultivar.definitions import builtin_root
from cultivar.lifecycle import Artifact
from cultivar.settings import ImproveSettings, Settings

EXAMPLE = builtin_root() / "examples" / "calculator"
CALCULATOR = Artifact(kind="tool", name="calculator")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "mine"
    shutil.copytree(EXAMPLE, root)
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n", encoding="utf-8")
    return Settings(
        workspace=root,
        home=root / ".cultivar",
        cache=tmp_path / "cache",
        trust=(str(root),),
        improve=ImproveSettings(real=True, automatic=True),
    )


def _succeeded(settings: Settings, name: str) -> float:
    """The share of the uses in a file that succeed; they are recorded."""
    lines = (EXAMPLE / name).read_text(encoding="utf-8").splitlines()
    with Tooling(settings) as tooling:
        used = [tooling.use_tool("calculator", json.loads(line)) for line in lines]
    return _share(not each.error for each in used)


def _share(outcomes: Iterable[bool]) -> float:
    found = list(outcomes)
    return sum(found) / len(found)


def test_a_calculator_that_fails_in_half_of_its_uses_is_found_mended_released_and_taken_back(
    settings: Settings,
) -> None:
    with Cultivar(settings) as cultivar:
        cultivar.improve()  # its first version is taken up
    assert _succeeded(settings, "uses.jsonl") == 0.5
    with Cultivar(settings) as cultivar:
        done = cultivar.improve()
        assert [each.kind for each in done.opportunities] == ["failing"]
        assert [each.reason for each in done.experiments if each.status == "running"] == [
            "In the shadow: 0 of at least 105 live uses, 0 as good."
        ]
    assert _succeeded(settings, "uses.jsonl") == 0.5  # users have the version that is used
    with Cultivar(settings) as cultivar:
        assert [each.status for each in cultivar.improve().releases] == ["watching"]
    assert _succeeded(settings, "held-out.jsonl") == 1.0
    with Cultivar(settings) as cultivar:
        assert [each.status for each in cultivar.improve().releases] == ["kept"]
        cultivar.rollback(CALCULATOR, by="ada")
    assert _succeeded(settings, "held-out.jsonl") == 0.5
