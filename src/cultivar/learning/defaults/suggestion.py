"""A suggestion of what to answer, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from cultivar.learning.evidence.conditions import Under
from cultivar.learning.evidence.rates import Interval
from cultivar.model import Json
from cultivar.record import Record, field

Reason = Literal["success", "use"]
"""Whether a value is suggested since it succeeds most, or since most choose it."""


_SAME: Final = 0.0005
"""A lead that is less is none: with a decimal, the rates would look alike."""

_PLAIN: Final = 0.02
"""Rates that are nearer to each other are told with a decimal."""


class AskedFor(Record):
    """A question that a default is wanted for."""

    name: str
    values: Sequence[Json] = ()
    """All that it takes; empty: any number."""
    default: Json = None
    """What the template itself would answer."""


class Success(Record):
    """How often generations with a value succeed."""

    value: Json
    rate: float
    """Standardised: as if all values had been used in the same versions and instances."""
    interval: Interval
    sample: int
    """How many generations were verified."""


class Suggestion(Record):
    """A smart default, with what speaks for it."""

    question: str
    value: Json
    reason: Reason
    share: float
    """How many of those who chose, chose it; 0 where nobody did."""
    share_interval: Interval
    sample_size: int
    """How many choices or, where nobody chose, verified generations were heard."""
    success: Success | None
    """Of the value; None where too little was verified."""
    rivals: tuple[Success, ...]
    """Of the other values with enough evidence, the best first."""
    instances: int
    """How many instances bear witness."""
    given: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The earlier answers that it depends on: one for success, one for use."""
    under: Under | None = None
    """Which of them its success goes by, and which its use; None where nobody said."""
    confidence: float
    """0 to 1: how probable it is that it is best, or that the next one would choose it."""
    why: str = ""
    """The sentence that a person is shown."""


def why(suggestion: Suggestion) -> str:
    """What speaks for it, as in `learned: 72 % of 1,000 use it; 94 % succeed against 81 %`."""
    return f"learned: {_said(suggestion)}"


def why_together(suggestion: Suggestion) -> str:
    """What speaks for it, of instances together: `learned from 12 instances: 72 % of …`."""
    instances = f"{suggestion.instances:,} instance{'s' if suggestion.instances > 1 else ''}"
    return f"learned from {instances}: {_said(suggestion)}"


def _said(suggestion: Suggestion) -> str:
    """Both halves, with the condition of each; one that both have, or that stands alone, first."""
    use, success = _use(suggestion), _success(suggestion)
    for_use, for_success = _conditions(suggestion)
    if not (use and success):
        return _first(for_use if use else for_success, use or success)
    if for_use == for_success:
        return _first(for_use, f"{use}; {success}")
    return f"{use}{f' {for_use}' if for_use else ''}; {_first(for_success, success)}"


def _first(condition: str, said: str) -> str:
    return f"{condition}, {said}" if condition else said


def _conditions(suggestion: Suggestion) -> tuple[str, str]:
    """Where the number of those who use it holds, and where that of those who succeed."""
    given, under = suggestion.given, suggestion.under
    if under is None:
        return _condition(given), _condition(given)
    named = [{name: given[name] for name in (half,) if name} for half in (under.use, under.success)]
    return _condition(named[0]), _condition(named[1])


def _use(suggestion: Suggestion) -> str:
    if not suggestion.share:
        return ""
    return f"{_percent(suggestion.share)} of {suggestion.sample_size:,} use it"


def _success(suggestion: Suggestion) -> str:
    own = suggestion.success
    if own is None:
        return ""
    if not suggestion.rivals:
        return f"{_percent(own.rate)} succeed"
    rival = suggestion.rivals[0]
    if own.rate - rival.rate < _SAME:
        return ""
    places = 0 if abs(own.rate - rival.rate) >= _PLAIN else 1
    return f"{_percent(own.rate, places)} succeed against {_percent(rival.rate, places)}"


def _condition(given: Mapping[str, Json]) -> str:
    where = " and ".join(f"`{name}` is {_worded(value)}" for name, value in given.items())
    return f"where {where}" if where else ""


def _worded(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}"


def _percent(share: float, places: int = 0) -> str:
    return f"{share * 100:.{places}f} %"
