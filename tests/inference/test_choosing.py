"""Which template a task asks for, and when that must not be decided unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cultivar.inference.choosing import choose
from cultivar.templating.template import Template

CASES = Path(__file__).parents[2] / "evals" / "inference" / "choose.yaml"


def test_the_template_that_is_meant_comes_first(templates: dict[str, Template]) -> None:
    cases = yaml.safe_load(CASES.read_text("utf-8"))
    shipped = [each for name, each in templates.items() if not name.startswith("test:")]
    right = [choose(case["task"], shipped)[0].template.ref.id == case["template"] for case in cases]

    assert sum(right) >= 0.9 * len(right)


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("A Terraform module for an S3 bucket", "test:terraform-bucket"),
        ("React component with a Storybook story", "test:react-component"),
        ("An HTTP microservice in Go with MySQL", "test:go-service"),
        ("A Helm chart with an ingress", "test:helm-chart"),
        ("A GenServer in Elixir", "quality_template:elixir-production"),
    ],
)
def test_a_template_is_chosen_by_its_language_its_questions_and_its_choices(
    templates: dict[str, Template], task: str, wanted: str
) -> None:
    first = choose(task, tuple(templates.values()))[0]

    assert (first.template.ref.id, first.confident) == (wanted, True)


@pytest.mark.parametrize("task", ["", "a poem about the sea", "what time is it?"])
def test_where_none_fits_none_is_confident(templates: dict[str, Template], task: str) -> None:
    assert not any(each.confident for each in choose(task, tuple(templates.values())))


def test_where_two_fit_equally_none_is_confident(templates: dict[str, Template]) -> None:
    twin = templates["test:go-service"]

    ranked = choose("An HTTP service in Go", [twin, twin])

    assert not any(each.confident for each in ranked)
    assert ranked[0].confidence == ranked[1].confidence <= 0.5


def test_a_ranked_template_says_which_words_it_went_by(templates: dict[str, Template]) -> None:
    first = choose("elixir, with ETS", tuple(templates.values()))[0]

    assert {"elixir", "ETS"} <= set(first.words)


def test_without_templates_there_is_nothing_to_choose() -> None:
    assert choose("anything", []) == ()
