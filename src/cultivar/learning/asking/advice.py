"""What the hub answers to who asks it for a default, read with suspicion.

The invariant: what gets through are values that the question takes, numbers that can be true, and
no text but what was sent with the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import DecodeError, Meta, json

from cultivar.learning.defaults.proposing import asked_for
from cultivar.learning.defaults.suggestion import (
    AskedFor,
    Reason,
    Success,
    Suggestion,
    why_together,
)
from cultivar.learning.evidence.conditions import Under
from cultivar.learning.evidence.counts import key_of
from cultivar.learning.evidence.rates import Interval
from cultivar.model import Json
from cultivar.record import Record, field, replace
from cultivar.templating.questions.asking import AskedQuestion

LONGEST: Final = 1_000_000
"""Bytes of an answer."""

_GREATEST: Final = 10**15
"""Of a number that is believed."""

_UNKNOWN: Final = "NotKnownError"
"""What the hub calls it that no instance has told of the template."""

_Share = Annotated[float, Meta(ge=0, le=1)]
_Number = Annotated[int, Meta(ge=0, le=_GREATEST)]


class OddAdviceError(ValueError):
    """The hub answered what cannot be."""


class _Success(Record):
    value: Any
    rate: _Share
    interval: Interval
    sample: _Number

    def checked(self, asked: AskedQuestion) -> Success:
        value = _own_value(asked, self.value)
        return Success(value=value, rate=self.rate, interval=self.interval, sample=self.sample)


class _Suggested(Record):
    value: Any
    reason: Reason
    share: _Share
    share_interval: Interval
    sample_size: _Number
    instances: Annotated[int, Meta(ge=1, le=10**9)]
    confidence: _Share
    success: _Success | None = None
    rivals: tuple[_Success, ...] = ()
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    under: Under | None = None

    def checked(self, asked: AskedQuestion, given: Mapping[str, Json]) -> Suggestion:
        own = _own_answers(given, self.given)
        found = Suggestion(
            question=asked.name,
            value=_own_value(asked, self.value),
            reason=self.reason,
            share=self.share,
            share_interval=self.share_interval,
            sample_size=self.sample_size,
            success=self.success.checked(asked) if self.success else None,
            rivals=tuple(each.checked(asked) for each in self.rivals),
            instances=self.instances,
            given=own,
            under=_own_names(own, self.under),
            confidence=self.confidence,
        )
        return replace(found, why=why_together(found))


class Advice(Record):
    """What the hub answered."""

    suggestions: dict[str, _Suggested] = field(default_factory=dict[str, _Suggested])
    """By question."""
    in_turn: bool = False
    """Whether it took what it suggests for given when it came to the questions after."""
    not_reached: tuple[str, ...] = ()
    """Questions for which there was no time; asked again it gets further."""
    error: str = ""
    kind: str = ""
    """Which error it is."""

    @property
    def is_ignorant(self) -> bool:
        """Whether no instance has told the hub of the template."""
        return self.kind == _UNKNOWN

    def foreseen(self, wanted: AskedFor) -> Json:
        """The answer that it takes for given after a question."""
        found = self.suggestions.get(wanted.name)
        return wanted.default if found is None else found.value

    def suggestion(self, asked: AskedQuestion, given: Mapping[str, Json]) -> Suggestion | None:
        """What is suggested to answer, with a reason in our words; None where nothing is.

        Args:
            asked: The question.
            given: The answers that the hub was told.

        Raises:
            OddAdviceError: It cannot be.
        """
        found = self.suggestions.get(asked.name)
        return None if found is None else found.checked(asked, given)


def read_advice(data: bytes) -> Advice:
    """The answer as it came.

    Raises:
        OddAdviceError: It is none.
    """
    try:
        return json.decode(data, type=Advice)
    except (DecodeError, RecursionError) as error:
        raise OddAdviceError(f"the answer cannot be read: {error}") from error


def _own_value(asked: AskedQuestion, value: Any) -> Json:
    """The value as the question has it."""
    wanted = asked_for(asked)
    offered = wanted.values if wanted else ()
    for each in offered:
        if key_of(each) == key_of(value):
            return each
    if offered or not _is_number(value) or (asked.type == "int" and value != int(value)):
        raise OddAdviceError(f"`{asked.name}` does not take the value")
    return int(value) if asked.type == "int" else float(value)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -_GREATEST <= value <= _GREATEST


def _own_answers(given: Mapping[str, Json], named: Mapping[str, Any]) -> dict[str, Json]:
    """Those of the given answers that are named."""
    if any(name not in given or key_of(given[name]) != key_of(named[name]) for name in named):
        raise OddAdviceError("it goes by answers that were not given")
    return {name: given[name] for name in given if name in named}


def _own_names(given: Mapping[str, Json], under: Under | None) -> Under | None:
    """What it goes by, all of it among what it says that it depends on."""
    named = {under.success, under.use} - {None} if under else set[str]()
    if not named <= given.keys():
        raise OddAdviceError("it goes by answers that it does not name")
    return under
