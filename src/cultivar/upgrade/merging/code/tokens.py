"""Merges what git's rules for lines leave open, in any language, where no guess is needed.

Two edits of one line are never blended: in real updates a person nearly always kept one of the
two. What is taken is an edit that holds the other side's whole edit, and edits of different lines
that merely touch, which git reports as a conflict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from cultivar.upgrade.merging.code.sequences import Edit, Items, Region, edits, regions
from cultivar.upgrade.merging.hunks import Lines

_TOKEN: Final = re.compile(r"\w+|\n[ \t]*|[ \t]+|.", re.DOTALL)
_WORD: Final = re.compile(r"\w")
_ALIKE: Final = 0.6
"""How alike two lines are of which one is a new version of the other."""


def merge_lines(base: Lines, ours: Lines, theirs: Lines) -> Lines | None:
    """The lines with the edits of both sides; None where that takes a guess.

    Args:
        base: What both sides started from.
        ours: The person's lines.
        theirs: The template's lines.
    """
    merged: list[str] = []
    at = 0
    for region in _joined(base, [*regions(base, ours, theirs)]):
        settled = _settled(region)
        if settled is None:
            return None
        merged += [*base[at : region.start], *settled]
        at = region.end
    merged += base[at:]
    twice = _moved_twice(merged, base, ours, theirs)
    return None if twice or not _whole(merged) else tuple(merged)


def _whole(merged: list[str]) -> bool:
    """Whether a last line that has no line feed is still the last."""
    return all(line.endswith("\n") for line in merged[:-1])


def _moved_twice(merged: list[str], base: Lines, ours: Lines, theirs: Lines) -> bool:
    """Whether a line that no side has more often is there more often, or less."""
    counted, *sides = (Counter(lines) for lines in (merged, base, ours, theirs))
    return any(
        len({side[line] for side in sides}) == 1 and counted[line] != sides[0][line]
        for line in sides[0]
        if _WORD.search(line)
    )


def _joined(base: Lines, apart: list[Region]) -> Iterator[Region]:
    """Regions between which at least one unchanged line says something."""
    waiting: list[Region] = []
    for region in apart:
        if waiting and _WORD.search("".join(base[waiting[-1].end : region.start])):
            yield _one(base, waiting)
            waiting = []
        waiting.append(region)
    if waiting:
        yield _one(base, waiting)


def _one(base: Lines, parts: list[Region]) -> Region:
    first, last = parts[0], parts[-1]
    gaps = [base[before.end : after.start] for before, after in pairwise(parts)]

    def side(name: str) -> Items:
        inner = (
            line
            for part, gap in zip(parts, [*gaps, ()], strict=True)
            for line in (*getattr(part, name), *gap)
        )
        return tuple(inner)

    return Region(
        start=first.start, end=last.end, base=side("base"), ours=side("ours"), theirs=side("theirs")
    )


def _settled(region: Region) -> Items | None:
    if (settled := region.settled) is not None:
        return settled
    return _containing(region) or _side_by_side(region)


def _containing(region: Region) -> Items | None:
    """The side that did all that the other did, and more."""
    base, ours, theirs = (
        _TOKEN.findall("".join(side)) for side in (region.base, region.ours, region.theirs)
    )
    by_us, by_them = set(edits(base, ours)), set(edits(base, theirs))
    if by_us <= by_them and not _added(region) - Counter(region.theirs):
        return region.theirs
    return region.ours if by_them <= by_us else None


def _added(region: Region) -> Counter[str]:
    """The lines that only the person has. None of them is lost, even to better ones."""
    return Counter(region.ours) - Counter(region.base)


def _side_by_side(region: Region) -> Items | None:
    """Both edits, where they are of different lines."""
    by_us, by_them = edits(region.base, region.ours), edits(region.base, region.theirs)
    every = sorted({*by_us, *by_them})
    for first, second in pairwise(every):
        mixed = (first in by_us) != (second in by_us) or (first in by_them) != (second in by_them)
        if first.end > second.start or (mixed and not _independent(first, second, region.base)):
            return None
    return _applied(region.base, every)


def _independent(first: Edit, second: Edit, base: Items) -> bool:
    """Whether two edits of different sides, the second below the first, can both be made."""
    if first.end < second.start:
        return True
    if not first.items or not second.items:
        return False  # what stands beside deleted lines may have been meant for them
    if first.start == first.end:
        return second.start < second.end and _renewed(second, base)
    if second.start == second.end:
        return _renewed(first, base)
    return 0 in (first.growth, second.growth)


def _renewed(edit: Edit, base: Items) -> bool:
    """Whether each line became a new version of itself."""
    return not edit.growth and all(
        SequenceMatcher(None, old, new, autojunk=False).ratio() >= _ALIKE
        for old, new in zip(base[edit.start : edit.end], edit.items, strict=True)
    )


def _applied(base: Items, every: list[Edit]) -> Items:
    merged: list[str] = []
    at = 0
    for each in every:
        merged += [*base[at : each.start], *each.items]
        at = each.end
    return (*merged, *base[at:])
