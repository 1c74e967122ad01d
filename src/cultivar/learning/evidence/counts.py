"""What was counted of the values of one question, arranged so that they can be compared.

The invariant: only values that the question takes are counted, whatever was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from cultivar.learning.evidence.comparing import Cells
from cultivar.ledger.tallying import AnswerTally, Outcomes, Stratum
from cultivar.model import Json
from cultivar.record import Record

Key: TypeAlias = tuple[bool, bool | int | float | str | None]
"""A value as dictionaries can tell it from others: `true` is not 1, but 1.0 is."""

REST: Final[Key] = (True, None)
"""Of all the values together that are not looked at one by one; no value has this key."""

_NOTHING: Final = (0.0, 0.0)


class Counts(Record):
    """By value and stratum: how many succeeded and failed, and how many were chosen."""

    verified: Mapping[Key, Cells]
    chosen: Mapping[Key, Mapping[Stratum, float]]


NOTHING: Final = Counts(verified={}, chosen={})
"""Of what was never counted."""


def key_of(value: Json) -> Key:
    """What tells `value` from others; a list is what was ticked, in any order."""
    if value is None or isinstance(value, bool | int | float | str):
        return (isinstance(value, bool), value)
    parts = value if isinstance(value, Mapping) else sorted(value, key=json.dumps)
    return (True, json.dumps(parts, sort_keys=True))


def count(rows: Iterable[AnswerTally]) -> Counts:
    """Arrange the tallies of all answers to one question."""
    verified: dict[Key, dict[Stratum, tuple[float, float]]] = {}
    chosen: dict[Key, dict[Stratum, float]] = {}
    for row in rows:
        key, tally, stratum = key_of(row.value), row.tally, row.stratum
        if tally.succeeded or tally.failed:
            verified.setdefault(key, {})[stratum] = (tally.succeeded, tally.failed)
        if tally.chosen:
            chosen.setdefault(key, {})[stratum] = tally.chosen
    return Counts(verified=verified, chosen=chosen)


def arranged(outcomes: Iterable[Outcomes], values: Sequence[Json] = ()) -> Counts:
    """Arrange what a default to one question goes by.

    Args:
        outcomes: Of its answers.
        values: All that the question takes; empty: whatever was answered.
    """
    allowed = {key_of(each) for each in values}
    verified: dict[Key, Cells] = {}
    chosen: dict[Key, Mapping[Stratum, float]] = {}
    for each in outcomes:
        key = REST if each.is_rest else key_of(each.value)
        if allowed and key not in allowed:
            continue
        if each.verified:
            verified[key] = (
                together((verified[key], each.verified)) if key in verified else each.verified
            )
        if each.chosen:
            chosen[key] = summed((chosen[key], each.chosen)) if key in chosen else each.chosen
    return Counts(verified=verified, chosen=chosen)


def cells_without(whole: Cells, part: Cells) -> dict[Stratum, tuple[float, float]]:
    """What is in `whole` and not in `part`; never less than nothing, should one be newer."""
    return {
        stratum: (max(0.0, succeeded - less[0]), max(0.0, failed - less[1]))
        for stratum, (succeeded, failed) in whole.items()
        for less in [part.get(stratum, _NOTHING)]
    }


def numbers_without(
    whole: Mapping[Stratum, float], part: Mapping[Stratum, float]
) -> dict[Stratum, float]:
    """What is in `whole` and not in `part`; never less than nothing."""
    return {stratum: max(0.0, n - part.get(stratum, 0.0)) for stratum, n in whole.items()}


def together(parts: Iterable[Cells]) -> dict[Stratum, tuple[float, float]]:
    """The sum of all, by stratum."""
    found: dict[Stratum, tuple[float, float]] = {}
    for cells in parts:
        for stratum, (succeeded, failed) in cells.items():
            before = found.get(stratum, _NOTHING)
            found[stratum] = (before[0] + succeeded, before[1] + failed)
    return found


def trials(cells: Cells) -> dict[Stratum, float]:
    """How many were verified, by stratum."""
    return {stratum: succeeded + failed for stratum, (succeeded, failed) in cells.items()}


def summed(parts: Iterable[Mapping[Stratum, float]]) -> dict[Stratum, float]:
    """The sum of all numbers, by stratum."""
    found: dict[Stratum, float] = {}
    for numbers in parts:
        for stratum, number in numbers.items():
            found[stratum] = found.get(stratum, 0.0) + number
    return found


def by_instance(numbers: Mapping[Stratum, float]) -> dict[str, float]:
    """The sum of each instance."""
    found: dict[str, float] = {}
    for stratum, number in numbers.items():
        name = stratum.instance_id
        found[name] = found.get(name, 0.0) + number
    return found
