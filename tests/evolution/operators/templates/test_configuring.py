"""Edits of `copier.yml`: one value is another one, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from cultivar.evolution.operators.templates.configuring import (
    chosen_by,
    condition,
    with_default,
    with_validator,
)
from cultivar.model import Json
from cultivar.templating.making.making import Making, make
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Rules
from cultivar.tree import Tree, text_entry

BEFORE = "# first\nmode: {type: str, default: a}  # how\n"
AFTER = "\nlast: 1 # the end"


def changed(question: str, default: Json, **files: str) -> Tree | None:
    """The files of a template whose question `what` has another default."""
    texts = {"copier.yml": f"{BEFORE}{question}{AFTER}", **files}
    tree = Tree({path: text_entry(text) for path, text in texts.items()})
    asked = {each.name: each for each in parse_template(tree, origin="test").questions}
    return with_default(tree, asked["what"], default)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("what: old  # note", 'what:\n  type: str\n  default: "new"  # note'),
        ('what: "old"', 'what:\n  type: str\n  default: "new"'),
        ("what: {default: old, help: x}", 'what: {type: str, default: "new", help: x}'),
        ("what: {type: str, default: old}", 'what: {type: str, default: "new"}'),
        (
            "what:\n  default: old  # as ever\n  help: x",
            'what:\n  type: str\n  default: "new"  # as ever\n  help: x',
        ),
        ("what:\n  type: str\n  default: 'old'", 'what:\n  type: str\n  default: "new"'),
    ],
)
def test_a_default_becomes_another_one_and_all_else_stays(question: str, wanted: str) -> None:
    made = changed(question, "new")
    assert made is not None
    assert made.text("copier.yml") == f"{BEFORE}{wanted}{AFTER}"


@pytest.mark.parametrize(
    ("question", "kind"), [("what: false", "bool"), ("what: 3", "int"), ("what: 0.5", "float")]
)
def test_a_default_that_is_rendered_has_the_type_that_it_had(question: str, kind: str) -> None:
    made = changed(question, "{{ 1 }}")
    assert made is not None
    (asked,) = (e for e in parse_template(made, origin="test").questions if e.name == "what")
    assert asked.type == kind


def test_a_question_without_a_default_is_left_alone() -> None:
    assert changed("what: {type: str}", "new") is None
    assert changed("what: {type: yaml, default: [a]}", "new") is None


def test_a_question_in_a_file_of_its_own_is_changed_there() -> None:
    texts = {"copier.yml": "!include more.yml\n---\nx: 1\n", "more.yml": "what: {default: old}\n"}
    tree = Tree({path: text_entry(text) for path, text in texts.items()})
    asked = {each.name: each for each in parse_template(tree, origin="test").questions}
    made = with_default(tree, asked["what"], "new")
    assert made is not None
    assert made.text("copier.yml") == texts["copier.yml"]
    assert made.text("more.yml") == 'what: {type: str, default: "new"}\n'


@pytest.mark.parametrize("value", [True, False, "a", 'it\'s "so"\\n', "{{ x }}", 3, 0.5, None])
def test_a_condition_holds_where_the_answer_is_that_and_nowhere_else(value: Json) -> None:
    test = chosen_by(condition({"it": value}), "yes", "no", Rules())
    tree = Tree(
        {
            "copier.yml": text_entry("it: {type: json, default: 99}\n"),
            "out.jinja": text_entry(test),
        }
    )
    template = parse_template(tree, origin="test")
    other = not value if isinstance(value, bool) else ["other"]

    def made_with(answer: object) -> str:
        making = Making(template=template, given={"it": json.dumps(answer)})
        return make(making).rendered.tree.text("out")

    assert (made_with(value), made_with(other)) == ("yes", "no")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("q:\n  type: str # kind\n", 'q:\n  validator: "{{ 1 }}"\n  type: str # kind\n'),
        ("q: {type: str, default: a}\n", 'q: {validator: "{{ 1 }}", type: str, default: a}\n'),
        ("q: {type: str, validator: ''}\n", None),
        ("q: a\n", None),
    ],
)
def test_a_question_gets_a_validator_where_it_has_none(before: str, after: str | None) -> None:
    tree = Tree({"copier.yml": text_entry(before)})
    (question,) = parse_template(tree, origin="x").questions
    made = with_validator(tree, question, "{{ 1 }}")
    assert (made and made.text("copier.yml")) == after
