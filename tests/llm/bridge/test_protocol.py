"""Whatever comes over the bus is read by its schema, or refused."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import encode

from cultivar.llm.base import Message, ProviderError
from cultivar.llm.bridge.caller import error_of
from cultivar.llm.bridge.protocol import (
    Alive,
    Answer,
    Asked,
    BridgeBudgetSpentError,
    Part,
    Piece,
    Refusal,
    RefusedRequestError,
    Spent,
    Taken,
    read_part,
    read_request,
)

SOME = settings(max_examples=200, deadline=timedelta(seconds=2))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
keys = st.sampled_from(
    [*Asked.__struct_fields__, *Refusal.__struct_fields__, "kind", "text", "content", "usage"]
)
anything = st.binary(max_size=200) | st.dictionaries(keys, values).map(
    lambda facts: json.dumps(facts).encode("utf-8", "replace")
)
texts = st.text(st.characters(codec="utf-8"), max_size=50)
messages = st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts)
requests = st.builds(
    Asked,
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    id=st.none() | texts | st.integers(-(2**31), 2**31),
    model=st.none() | texts,
    timeout=st.none() | st.floats(0.001, 1e6),
    retries=st.none() | st.integers(0, 9),
    stream=st.booleans(),
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.just(Alive()),
    st.builds(Piece, text=texts),
    st.builds(Answer, model=texts, content=texts, usage=st.builds(Taken, money=st.floats(0, 9))),
    st.builds(Refusal, reason=st.just("busy"), error=texts, after=st.none() | st.floats(0, 9)),
)


@SOME
@given(anything)
def test_whatever_is_asked_is_a_request_or_refused(data: bytes) -> None:
    try:
        read: object = read_request(data).messages
    except RefusedRequestError as error:
        read = error.refusal.error
    assert read


@SOME
@given(anything)
def test_whatever_is_answered_is_a_part_or_an_error_of_the_seam(data: bytes) -> None:
    try:
        read: object = read_part(data)
    except ProviderError as error:
        read = error.retry
    assert read


@SOME
@given(requests)
def test_a_request_is_read_as_it_was_written(asked: Asked) -> None:
    assert read_request(encode(asked)) == asked


@SOME
@given(parts)
def test_a_part_is_read_as_it_was_written(part: Part) -> None:
    assert read_part(encode(part)) == part


def test_a_refusal_that_says_no_budget_is_no_spent_budget() -> None:
    assert isinstance(error_of(Refusal(reason="budget", error="spent")), ProviderError)


@pytest.mark.parametrize("said", ["x" * 1_000_000, "\x1b[31mred"])
def test_what_a_bridge_says_of_itself_is_bounded(said: str) -> None:
    for reason in ("model", "provider"):
        assert len(str(error_of(Refusal(reason=reason, error=said, remedy=said)))) < 3000


def test_the_error_of_a_spent_budget_survives_pickling() -> None:
    spent = Spent(kind="calls", spent=2, limit=1, free_at="2026-11-22T00:00:00+00:00")
    error = BridgeBudgetSpentError(spent)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.budget, again.exit_code) == (str(error), spent, 5)
