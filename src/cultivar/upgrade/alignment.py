"""Which lines of one text are which lines of another.

Lines that stand once on both sides are the anchors (a *patience* diff): so a brace or a blank
line is never taken for one of another place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, TypeAlias

Pairs: TypeAlias = list[tuple[int, int]]
"""Positions of the same line in the one and in the other text, both rising."""

_SMALL: Final = 250_000
"""How many pairs of lines are compared, where no line stands once."""


def lines_of(content: bytes) -> list[str]:
    """The lines of a file, with their ends; joined, they are the file."""
    text = content.decode(errors="surrogateescape")
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def same_lines(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """The lines of `old` that are still in `new`."""
    found: Pairs = []
    todo = [(0, len(old), 0, len(new))]
    while todo:
        start, end, new_start, new_end = todo.pop()
        while start < end and new_start < new_end and old[start] == new[new_start]:
            found.append((start, new_start))
            start, new_start = start + 1, new_start + 1
        while start < end and new_start < new_end and old[end - 1] == new[new_end - 1]:
            end, new_end = end - 1, new_end - 1
            found.append((end, new_end))
        if start == end or new_start == new_end:
            continue
        anchors = _anchors(old, new, (start, end, new_start, new_end))
        if not anchors:
            found += _compared(old[start:end], new[new_start:new_end], start, new_start)
            continue
        edges = [(start - 1, new_start - 1), *anchors, (end, new_end)]
        found += anchors
        todo += [
            (before[0] + 1, after[0], before[1] + 1, after[1]) for before, after in pairwise(edges)
        ]
    return sorted(found)


def gaps(pairs: Pairs, old: int, new: int) -> Iterator[tuple[range, range]]:
    """What lies between the pairs: the lines of each side, of `old` and `new` lines in all."""
    last = (-1, -1)
    for pair in [*pairs, (old, new)]:
        between = range(last[0] + 1, pair[0]), range(last[1] + 1, pair[1])
        if between[0] or between[1]:
            yield between
        last = pair


def _anchors(
    old: Sequence[Hashable], new: Sequence[Hashable], window: tuple[int, int, int, int]
) -> Pairs:
    """The lines that stand once on both sides, those in rising order."""
    start, end, new_start, new_end = window
    counts, new_counts = Counter(old[start:end]), Counter(new[new_start:new_end])
    places = {old[at]: at for at in range(start, end) if counts[old[at]] == 1}
    common = [
        (places[new[at]], at)
        for at in range(new_start, new_end)
        if new[at] in places and new_counts[new[at]] == 1
    ]
    return _rising(common)


def _rising(pairs: Pairs) -> Pairs:
    """The longest part of `pairs` whose first positions rise, too."""
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for index, (place, _) in enumerate(pairs):
        pile = bisect_left(tops, place)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(place)
            piles.append(index)
        else:
            tops[pile], piles[pile] = place, index
    chosen: Pairs = []
    at = piles[-1] if piles else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def _compared(
    old: Sequence[Hashable], new: Sequence[Hashable], start: int, new_start: int
) -> Pairs:
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) * len(new) > _SMALL)
    return [
        (start + block.a + offset, new_start + block.b + offset)
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]
