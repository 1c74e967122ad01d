"""Templates for the tests of inference: written by a test, or read from a folder of fixtures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cultivar.inference.infer import infer
from cultivar.model import Answer
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, read_tree, text_entry

FIXTURES: Final = Path(__file__).parent / "fixtures"
SHIPPED: Final = Path(__file__).parents[2] / "templates_data" / "code_generation"

Write = Callable[..., Template]
"""Make a template of questions given by name."""

Read = Callable[..., Mapping[str, Answer]]
"""The answers that a task says something on, by name."""


def write(cultivar: Mapping[str, Any] | None = None, **questions: Mapping[str, Any]) -> Template:
    own = {"id": "test:written", "version": "1.0.0", **(cultivar or {})}
    text = yaml.safe_dump({**questions, "_cultivar": own}, sort_keys=False)
    return parse_template(Tree({"copier.yml": text_entry(text)}), origin="test")


def read(task: str, template: Template, **given: object) -> Mapping[str, Answer]:
    answers = infer(task, template, given)
    return {answer.name: answer for answer in answers if answer.source == "task"}


@pytest.fixture(scope="session")
def write_template() -> Write:
    return write


@pytest.fixture(scope="session")
def said() -> Read:
    return read


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """All templates of the fixtures and those that ship, by id."""
    files = [*FIXTURES.glob("*/copier.yml"), *SHIPPED.glob("*/*/copier.yml")]
    found = [parse_template(read_tree(file.parent), origin="test") for file in sorted(files)]
    return {template.ref.id: template for template in found}


@pytest.fixture(scope="session")
def service(templates: dict[str, Template]) -> Template:
    return templates["test:go-service"]


@pytest.fixture(scope="session")
def loader(templates: dict[str, Template]) -> Template:
    return templates["quality_template:python-production"]
