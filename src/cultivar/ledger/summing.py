"""Adds up what a batch of generations adds to the counts, as rows in the order of their keys.

The invariant: few generations and many are added up in two ways that give the same rows, but for
the last digits of what has faded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress
from operator import attrgetter
from typing import Final, TypeAlias

from cultivar.ledger.columns import storable
from cultivar.ledger.upserts import MICROSECONDS, Added
from cultivar.ledger.uses import LONG_AGO, Columns, Stratum, Thing, Use

_MANY: Final = 500
"""So many generations are added up by NumPy: to load it takes longer than to add up fewer."""

_at: Final = attrgetter("at")


def summed(things: Mapping[int, Thing], strata: Mapping[Stratum, list[Use]]) -> tuple[Added, Added]:
    """What is added to the answers, and what to the combinations.

    Args:
        things: All that is counted of them, by number.
        strata: The generations.
    """
    order = sorted(things, key=things.__getitem__)
    named = sorted((tuple(map(storable, where)), where) for where in strata)
    columns = _columns(order, [sorted(strata[where], key=_at) for _, where in named])
    ends = [(version, instance) for (_, version, instance), _ in named]
    begins, border = [things[each][1:] for each in order], _answers(things)
    first = bisect_left(columns[0], border)
    answers, rest = [each[:first] for each in columns], [each[first:] for each in columns]
    rest[0] = [each - border for each in rest[0]]
    return Added(begins[:border], ends, answers), Added(begins[border:], ends, rest)


def _answers(things: Mapping[int, Thing]) -> int:
    """How many of them are no combinations."""
    return sum(not is_combination for is_combination, *_ in things.values())


def _columns(order: Sequence[int], strata: Sequence[Sequence[Use]]) -> Columns:
    """The columns of the rows in the order of their keys."""
    if sum(map(len, strata)) < _MANY:
        return _few(order, strata)
    from cultivar.ledger.summing_many import many  # NumPy is slow to load

    return many(order, strata)


def _few(order: Sequence[int], strata: Sequence[Sequence[Use]]) -> Columns:
    ranks = {number: rank for rank, number in enumerate(order)}
    rows = [
        (ranks[number], stratum, *counts)
        for stratum, uses in enumerate(strata)
        for number, counts in _counts(uses)
    ]
    rows.sort()
    return [list(each) for each in zip(*rows, strict=True)] or [[]]


_Counts: TypeAlias = tuple[int, int, int, int, float, float, float, int]
"""What a row holds beside its key."""


def _counts(uses: Sequence[Use]) -> Iterator[tuple[int, _Counts]]:
    """What a stratum's generations add, by number."""
    newest, latest = uses[-1].at, dict[int, int]()
    for use in uses:
        latest.update(dict.fromkeys(use.adds_to, use.at))
    chosen = _times(compress(use.adds_to, use.chosen) for use in uses)
    (passed, lately_passed), (failed, lately_failed), (rest, lately_rest) = (
        _outcome([use for use in uses if use.success is each], newest)
        for each in (True, False, None)
    )
    for number, at in latest.items():
        succeeded, broken = passed(number, 0), failed(number, 0)
        grown = 1.0 / _faded(newest - at)
        recent = lately_passed(number, 0.0) * grown, lately_failed(number, 0.0) * grown
        whole = succeeded + broken + rest(number, 0), chosen(number, 0), succeeded, broken
        yield number, (*whole, sum(recent) + lately_rest(number, 0.0) * grown, *recent, at)


def _outcome(
    uses: Sequence[Use], newest: int
) -> tuple[Callable[[int, int], int], Callable[[int, float], float]]:
    """How often each number occurs in uses of one outcome, and how much that is at `newest`."""
    recent = defaultdict[int, float](float)
    for use in uses:
        weight = _faded(newest - use.at)
        for number in use.adds_to:
            recent[number] += weight
    return _times(use.adds_to for use in uses), recent.get


def _times(uses: Iterable[Iterable[int]]) -> Callable[[int, int], int]:
    """How often each number occurs."""
    return Counter(chain.from_iterable(uses)).get


def _faded(microseconds: int) -> float:
    return 0.5 ** (min(microseconds, LONG_AGO) / MICROSECONDS) if microseconds else 1.0
