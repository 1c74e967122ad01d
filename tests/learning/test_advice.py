"""Whatever a hub answers is either a suggestion that can be, in our own words, or odd."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from cultivar.learning.asking.advice import OddAdviceError, read_advice
from cultivar.model import Json
from cultivar.templating.questions.asking import AskedQuestion, OfferedChoice
from cultivar.testing.advisers import SAID

MODE = AskedQuestion(
    name="mode",
    type="str",
    default="careful",
    choices=(OfferedChoice(label="", value="careful"), OfferedChoice(label="", value="eager")),
)
ASKED = {
    "mode": MODE,
    "retries": AskedQuestion(name="retries", type="bool", default=False),
    "workers": AskedQuestion(name="workers", type="int", default=1),
    "share": AskedQuestion(name="share", type="float", default=0.5),
}
GIVEN: dict[str, Json] = {"owner": True, "size": 3, "kind": "plain"}
TEXT = st.text() | st.sampled_from([*GIVEN, "\x1b[31m", "[bold]", "eager", "use", "success"])
NUMBER = st.floats(allow_nan=False) | st.integers() | st.sampled_from([0, 1, 0.5, 10**400])
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
LIES = st.dictionaries(st.sampled_from(list(SAID)), ANY, max_size=2).map(lambda lie: SAID | lie)


def read(data: bytes) -> None:
    """Take what can be of an answer, and see that it is as it should be."""
    advice = read_advice(data)
    for asked in ASKED.values():
        found = advice.suggestion(asked, GIVEN)
        if found is None:
            continue
        assert asked.name == found.question
        assert (
            type(found.value) is {"str": str, "bool": bool, "int": int, "float": float}[asked.type]
        )
        assert asked.name != "mode" or found.value in ("careful", "eager")
        assert 0 <= found.confidence <= 1
        assert found.given.items() <= GIVEN.items()
        assert found.why.startswith("learned from ")
        assert found.why.isascii()
        assert found.why.isprintable()
        assert len(found.why) < 300


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ASKED, LIES | ANY)))
def test_what_a_hub_suggests_is_taken_as_it_can_be_or_not_at_all(said: dict[str, Any]) -> None:
    with suppress(OddAdviceError):
        read(json.encode({"suggestions": said}))


@given(st.binary() | ANY.map(json.encode))
def test_an_answer_that_is_none_is_odd(data: bytes) -> None:
    with suppress(OddAdviceError):
        read(data)


def test_a_suggestion_that_can_be_is_taken() -> None:
    found = read_advice(json.encode({"suggestions": {"mode": SAID}})).suggestion(MODE, GIVEN)
    assert found is not None
    assert (found.value, found.instances, found.sample_size) == ("eager", 12, 1000)


def test_a_hub_says_which_half_holds_under_which_answer() -> None:
    said = SAID | {"given": {"owner": True}, "under": {"success": "owner", "use": None}}
    assert _why(said).endswith("use it; where `owner` is yes, 94 % succeed against 81 %")


def test_an_older_hub_that_does_not_say_it_is_understood() -> None:
    said = {key: each for key, each in SAID.items() if key != "under"} | {"given": {"owner": True}}
    assert _why(said) == "learned from 12 instances: where `owner` is yes, " + _HALVES


def test_what_it_goes_by_must_be_among_what_it_depends_on() -> None:
    said = SAID | {"given": {"owner": True}, "under": {"success": "size", "use": None}}
    with pytest.raises(OddAdviceError, match="does not name"):
        _why(said)


_HALVES = "72 % of 1,000 use it; 94 % succeed against 81 %"


def _why(said: dict[str, Any]) -> str:
    found = read_advice(json.encode({"suggestions": {"mode": said}})).suggestion(MODE, GIVEN)
    assert found is not None
    return found.why
