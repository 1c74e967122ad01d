"""Few answers that hold every pair: what a covering test of a template renders and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from random import Random
from typing import TypeAlias

Value: TypeAlias = bool | int | str
"""An answer."""

Row: TypeAlias = Mapping[str, Value]
"""Answers by the names of their questions."""

Asked: TypeAlias = Callable[[Row, str], bool]
"""Whether a question is asked under the (perhaps not all) answers of a row."""

Pair: TypeAlias = tuple[tuple[str, object], tuple[str, object]]
"""Two answers to different questions."""

_POOL = 300


def covering(
    factors: Mapping[str, Sequence[Value]],
    asked: Asked = lambda row, name: True,
) -> tuple[Row, ...]:
    """Rows of answers in which every two answers to different questions stand together once.

    Greedy: of some random rows the one that holds most of the missing pairs, until none is
    missing; the same rows each time.

    Args:
        factors: What each question is answered with.
        asked: What is not asked tells nothing, so its pairs do not count.
    """
    luck, rows, missing = Random(0), list[Row](), _pairs(factors, asked)
    while missing:
        pool = [{name: luck.choice(factors[name]) for name in factors} for _ in range(_POOL)]
        rows.append(max(pool, key=lambda row: len(missing & _held(row, asked))))
        missing -= _held(rows[-1], asked)
    return tuple(rows)


def _pairs(factors: Mapping[str, Sequence[Value]], asked: Asked) -> set[Pair]:
    """Every two answers that can be given together."""
    return {
        ((one, value), (other, other_value))
        for one, other in combinations(factors, 2)
        for value, other_value in product(factors[one], factors[other])
        if _both_asked({one: value, other: other_value}, asked)
    }


def _both_asked(row: Row, asked: Asked) -> bool:
    return all(asked(row, name) for name in row)


def _held(row: Mapping[str, Value], asked: Callable[[Mapping[str, Value], str], bool]) -> set[Pair]:
    told = [(name, value) for name, value in row.items() if asked(row, name)]
    return set(combinations(told, 2))
