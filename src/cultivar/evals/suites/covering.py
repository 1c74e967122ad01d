"""Few rows in which every two values stand together once: pairwise covering arrays, greedily.

The invariant: each pair of values that conditions allow is in a row in which both count. After
Cohen, Dalal, Fredman and Patton, "The AETG system", IEEE Trans. Software Eng. 23 (1997), 437-444,
with conditions: a row begins with a pair that is missing and with what lets both values count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from random import Random
from typing import Final, TypeAlias

from cultivar.model import Json
from cultivar.record import Record, field

Row: TypeAlias = Mapping[str, Json]
"""Values by the names of their factors; those that do not count are left out."""

Choice: TypeAlias = dict[str, int]
"""Of factors, which of their values, counted from 0."""

Target: TypeAlias = frozenset[tuple[str, int]]
"""One value, or two values of different factors, that a row is to hold."""

MOST_PAIRS: Final = 20_000
MOST_ROWS: Final = 2_000
"""What can be covered: so many pairs of values, which take so many rows at least."""

_TRIES: Final = 12
"""Rows that are made for each that is taken."""


class Condition(Record):
    """When a factor counts, where it does not always: a question that is not asked does not."""

    depends: frozenset[str]
    """The factors that it depends on, and all that these depend on in turn."""
    holds: Callable[[Row], bool]
    """Whether it counts under the values of those factors."""


class Factors(Record, dict=True):
    """Named values, and when they count."""

    values: Mapping[str, Sequence[Json]]
    conditions: Mapping[str, Condition] = field(default_factory=dict[str, Condition])
    _known: dict[tuple[str, tuple[tuple[str, int], ...]], bool] = field(
        default_factory=dict[tuple[str, tuple[tuple[str, int], ...]], bool]
    )

    @property
    def in_order(self) -> list[str]:
        """The names, each after those that it depends on."""
        return sorted(self.values, key=lambda name: len(self.depends(name)))

    def depends(self, name: str) -> frozenset[str]:
        """The factors that it depends on whether `name` counts."""
        condition = self.conditions.get(name)
        return condition.depends & self.values.keys() if condition else frozenset()

    def counts(self, name: str, chosen: Choice) -> bool:
        """Whether `name` counts under what is chosen of the factors that it depends on."""
        condition = self.conditions.get(name)
        if condition is None:
            return True
        under = tuple((each, chosen[each]) for each in sorted(self.depends(name)))
        if (name, under) not in self._known:
            row = {each: self.values[each][at] for each, at in under}
            self._known[name, under] = condition.holds(row)
        return self._known[name, under]

    def row(self, chosen: Choice) -> Row:
        """The values of what is chosen and counts, in the order in which they were named."""
        counting = (name for name in self.values if self.counts(name, chosen))
        return {name: self.values[name][chosen[name]] for name in counting}


def every_row(factors: Factors) -> Iterator[Row]:
    """All values with all values; rows that differ only in what does not count come once."""
    seen: set[tuple[tuple[str, int], ...]] = set()
    for picked in product(*(range(len(values)) for values in factors.values.values())):
        chosen = dict(zip(factors.values, picked, strict=True))
        row = factors.row(chosen)
        told = tuple((name, chosen[name]) for name in row)
        if told not in seen:
            seen.add(told)
            yield row


class Extent(Record):
    """How much there is to cover."""

    pairs: int
    """Of values of different factors."""
    rows: int
    """That these take at least."""

    @property
    def is_coverable(self) -> bool:
        """Whether it is little enough to be covered at all."""
        return self.pairs <= MOST_PAIRS and self.rows <= MOST_ROWS


def extent_of(values: Mapping[str, Sequence[Json]]) -> Extent:
    """How much there is to cover, without covering it."""
    counts = sorted(map(len, values.values()), reverse=True)
    pairs = (sum(counts) ** 2 - sum(count**2 for count in counts)) // 2
    return Extent(pairs=pairs, rows=math.prod(counts[:2]))


def covering(factors: Factors) -> tuple[Row, ...]:
    """Rows that hold every value, and every pair of values, that count together at all.

    The same rows each time. Ask `extent_of` first: what it takes grows with the pairs.
    """
    luck, missing = Random(0), dict.fromkeys(_targets(factors))
    rows: list[Row] = []
    while missing:
        seed = next(iter(missing))
        start = _start(factors, seed)
        if start is None:
            del missing[seed]  # nothing lets these count together
            continue
        made = [_filled(factors, start, missing, luck) for _ in range(_TRIES)]
        best = max(made, key=lambda chosen: len(_held(factors, chosen, missing)))
        for each in _held(factors, best, missing):
            del missing[each]
        rows.append(factors.row(best))
    return tuple(rows)


def _targets(factors: Factors) -> Iterator[Target]:
    """All pairs, then all single values, which most pairs hold along the way."""
    counts = {name: range(len(values)) for name, values in factors.values.items()}
    for one, other in combinations(counts, 2):
        for at, other_at in product(counts[one], counts[other]):
            yield frozenset({(one, at), (other, other_at)})
    for name, all_of_it in counts.items():
        yield from (frozenset({(name, at)}) for at in all_of_it)


def _start(factors: Factors, seed: Target) -> Choice | None:
    """The seed with values of what it depends on that let it count; None where none does."""
    wanted = dict(seed)
    above = sorted({each for name in wanted for each in factors.depends(name)} - wanted.keys())
    for picked in product(*(range(len(factors.values[name])) for name in above)):
        chosen = {**wanted, **dict(zip(above, picked, strict=True))}
        if all(factors.counts(name, chosen) for name in wanted):
            return chosen
    return None


def _filled(
    factors: Factors, start: Choice, missing: Mapping[Target, None], luck: Random
) -> Choice:
    """`start` with a value for every other factor: of each, one that holds most of `missing`."""
    chosen = dict(start)
    for name in factors.in_order:
        if name not in chosen:
            at_random = luck.sample(range(len(factors.values[name])), len(factors.values[name]))
            chosen[name] = max(
                at_random, key=lambda at: _gain(factors, {**chosen, name: at}, name, missing)
            )
    return chosen


def _gain(factors: Factors, chosen: Choice, name: str, missing: Mapping[Target, None]) -> int:
    """How many missing pairs the value of `name` makes with what is chosen already."""
    if not factors.counts(name, chosen):
        return 0
    own = (name, chosen[name])
    others = (
        each for each in chosen.items() if each != own and _is_settled(factors, each[0], chosen)
    )
    return sum(frozenset({own, each}) in missing for each in others)


def _is_settled(factors: Factors, name: str, chosen: Choice) -> bool:
    """Whether it is known already that `name` counts."""
    return factors.depends(name) <= chosen.keys() and factors.counts(name, chosen)


def _held(factors: Factors, chosen: Choice, missing: Iterable[Target]) -> list[Target]:
    told = {each for each in chosen.items() if factors.counts(each[0], chosen)}
    return [each for each in missing if each <= told]
