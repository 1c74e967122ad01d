"""From what was given to what a question takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import AnswerError, UsageError
from cultivar.model import Json
from cultivar.templating.reading.casting import cast_answer, parse_answer_text
from cultivar.templating.template import Question, QuestionType


def test_several_answers_without_choices_are_cast_one_by_one() -> None:
    many = Question(name="q", type="int", multiselect=True)

    assert cast_answer(many, "[1, '2']") == [1, 2]
    assert cast_answer(many, (3, "4")) == [3, 4]


@pytest.mark.parametrize("value", [5, {"a": 1}, "[1", None])
def test_what_is_no_list_is_not_several_answers(value: object) -> None:
    with pytest.raises(AnswerError):
        cast_answer(Question(name="q", type="int", multiselect=True), value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "five"),
        ("int", 5.5),
        ("float", "x"),
        ("float", "nan"),
        ("bool", "maybe"),
        ("bool", [1]),
        ("json", "{"),
        ("yaml", "a: b: c"),
        ("yaml", "!!python/name:os.system x"),
        ("str", {"a": 1}),
        ("str", None),
    ],
)
def test_a_value_of_another_type_is_refused(kind: QuestionType, value: object) -> None:
    with pytest.raises(AnswerError) as caught:
        cast_answer(Question(name="q", type=kind), value)

    assert caught.value.question == "q"
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("kind", "value", "cast"),
    [
        ("int", "5", 5),
        ("int", 5.0, 5),
        ("float", "1e3", 1000.0),
        ("bool", "yes", True),
        ("bool", "off", False),
        ("bool", 0, False),
        ("str", 5, "5"),
        ("yaml", "[1, a]", [1, "a"]),
        ("yaml", "2020-01-01", "2020-01-01"),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", {"a": 1}, {"a": 1}),
        ("path", "a/b", "a/b"),
    ],
)
def test_a_value_as_text_is_cast(kind: QuestionType, value: object, cast: Json) -> None:
    assert cast_answer(Question(name="q", type=kind), value) == cast


@pytest.mark.parametrize("text", ["name", "=x", ""])
def test_an_answer_on_the_command_line_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match="no answer"):
        parse_answer_text(text)


def test_a_value_on_the_command_line_may_hold_anything() -> None:
    assert parse_answer_text("a=b=[c, d] ") == ("a", "b=[c, d] ")


@given(
    st.sampled_from(["str", "int", "float", "bool", "yaml", "json", "path"]), st.text(max_size=20)
)
def test_a_cast_value_casts_to_itself_or_is_refused(kind: QuestionType, text: str) -> None:
    question = Question(name="q", type=kind)
    try:
        once = cast_answer(question, text)
    except AnswerError:
        return
    if kind in {"yaml", "json"} and isinstance(once, str):
        return  # a text is read once more
    assert cast_answer(question, once) == once
