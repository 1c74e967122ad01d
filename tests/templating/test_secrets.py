"""Secrets: a placeholder wherever they may be kept, and never shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cultivar.errors import AnswerError
from cultivar.model import Json
from cultivar.templating.questions.interview import interview, secret_values
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, text_entry

SECRET = "hunter2-0987"


def template_of(config: str) -> Template:
    return parse_template(Tree({"copier.yml": text_entry(config)}), origin="/t/mine")


def values(config: str, given: Mapping[str, object] | None = None) -> dict[str, Json]:
    return {each.name: each.value for each in interview(template_of(config), given or {})}


def test_a_secret_with_choices_is_one_of_them() -> None:
    one = "s: {type: str, secret: true, default: '', choices: [a, b, '']}"
    some = "s: {type: str, secret: true, default: [], choices: [a], multiselect: true}"
    assert values(one, {"s": "b"}) == {"s": "a"}
    assert values(some, {"s": ["a"]}) == {"s": []}


SECRETS = """
user: me
password:
  type: str
  secret: true
  default: ""
  validator: "{% if password|length < 4 %}'{{ password }}' is short{% endif %}"
pin: {type: int, secret: true, default: 0}
dsn: {type: str, default: "db://{{ user }}:{{ password }}@host", when: false}
"""


def test_the_value_of_a_secret_is_a_placeholder() -> None:
    answers = {each.name: each for each in interview(template_of(SECRETS), {"password": SECRET})}

    assert answers["password"].value == "<password>"
    assert answers["password"].secret
    assert answers["password"].source == "user"
    assert answers["pin"].value == 0
    assert SECRET not in repr(answers)


def test_the_real_values_come_apart_with_all_that_is_made_of_them() -> None:
    template = template_of(SECRETS)
    given = {"password": SECRET, "user": "you"}
    answers = interview(template, given)

    assert secret_values(template, {"password": SECRET}, answers) == {
        "password": SECRET,
        "dsn": f"db://you:{SECRET}@host",
    }


@pytest.mark.parametrize(
    ("name", "value"), [("password", "abc"), ("pin", SECRET), ("password", ["deep-secret"])]
)
def test_an_error_about_a_secret_does_not_show_it(name: str, value: object) -> None:
    for refuse in (interview, secret_values):
        with pytest.raises(AnswerError) as caught:
            refuse(template_of(SECRETS), {name: value})

        shown = f"{caught.value} {caught.value.value} {caught.value.__cause__}"
        assert str(value) not in shown
        assert "deep-secret" not in shown


@pytest.mark.parametrize(
    ("kind", "given", "placeholder"),
    [("str", "real", "<s>"), ("int", 7, 0), ("bool", True, False), ("yaml", "real", "<s>")],
)
def test_a_placeholder_is_nothing_that_one_takes_for_real(
    kind: str, given: Json, placeholder: Json
) -> None:
    default = "''" if kind in {"str", "yaml"} else "0"
    config = f"s: {{type: {kind}, secret: true, default: {default}}}"

    assert values(config, {"s": given}) == {"s": placeholder}


def test_a_secret_that_nobody_gave_is_what_the_template_says_for_all_to_read() -> None:
    config = "s: {type: str, secret: true, default: ''}"

    assert values(config) == values(config, {"s": ""}) == {"s": ""}
