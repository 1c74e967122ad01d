"""A hunk in smaller pieces: git calls edits of neighbouring lines a conflict, and most are none.

Each side's change is taken as edits of ranges of the base. Edits that do not overlap are all
applied; what overlaps stays open, as small as it can be. Where two edits touch, it must be plain
which line of the result is whose: lines that only changed their form are, what was taken away or
written anew beside another edit is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.alike import are_forms_of, squeezed
from cultivar.upgrade.merging.base import Side
from cultivar.upgrade.merging.hunks import Hunk, Lines, Piece, Settled
from cultivar.upgrade.merging.pins import NEWER, masked, merged_line

APART: Final = "the edits are of different lines"
_MOST_LINES: Final = 2000
"""Longer hunks are left as they are; comparing them takes too long."""


class _Edit(Record):
    """What one side made of the base's lines from `start` to `end`."""

    start: int
    end: int
    lines: Lines
    side: Side
    form: bool = False
    """Whether it gives a line another form."""


class _Cluster(Record):
    """Edits that overlap, or one that stands alone."""

    start: int
    end: int
    edits: tuple[_Edit, ...]


def refined(hunk: Hunk) -> list[Piece]:
    """The hunk's lines, settled where the two sides' edits do not overlap."""
    if len(hunk.base) + len(hunk.ours) + len(hunk.theirs) > _MOST_LINES:
        return [hunk]
    return _Refinement(hunk).pieces()


class _Refinement:
    """Which lines of the sides are lines of the base, and what the sides made of the others."""

    def __init__(self, hunk: Hunk) -> None:
        self._base = hunk.base
        sides: dict[Side, Lines] = {"ours": hunk.ours, "theirs": hunk.theirs}
        keys = _Keys(hunk)
        pairs = {side: keys.pairs(lines) for side, lines in sides.items()}
        self._edits = [
            edit
            for side, lines in sides.items()
            for edit in _edits(pairs[side], hunk.base, lines, side)
        ]

    def pieces(self) -> list[Piece]:
        pieces: list[Piece] = []
        at = 0
        for cluster in _clusters(self._edits):
            pieces += [Settled(lines=self._base[at : cluster.start]), self._piece(cluster)]
            at = cluster.end
        return [*pieces, Settled(lines=self._base[at:])]

    def _piece(self, cluster: _Cluster) -> Piece:
        """What one side changed, or the hunk that both leave open."""
        ours, theirs = self._of(cluster, "ours"), self._of(cluster, "theirs")
        base = self._base[cluster.start : cluster.end]
        if ours in (base, theirs):
            return Settled(lines=theirs, reason=APART)
        if theirs == base:
            return Settled(lines=ours, reason=APART)
        if len(base) == len(ours) == len(theirs) == 1:
            line = merged_line(base[0], ours[0], theirs[0])
            if line is not None:
                return Settled(lines=(line,), reason=NEWER)
        return Hunk(base=base, ours=ours, theirs=theirs)

    def _of(self, cluster: _Cluster, side: Side) -> Lines:
        lines: Lines = ()
        at = cluster.start
        for edit in (each for each in cluster.edits if each.side == side):
            lines += self._base[at : edit.start] + edit.lines
            at = edit.end
        return lines + self._base[at : cluster.end]


class _Keys:
    """What a line is known by: its text, or its text without versions where only one has that."""

    def __init__(self, hunk: Hunk) -> None:
        self._base = hunk.base
        sides = (hunk.base, hunk.ours, hunk.theirs)
        counted = [Counter(masked(line) for line in lines) for lines in sides]
        self._repeated = {key for counts in counted for key, count in counts.items() if count > 1}

    def pairs(self, side: Lines) -> list[tuple[int, int]]:
        """The numbers of lines of the base and of `side` that are the same, with their end."""
        matcher = SequenceMatcher(None, self._of(self._base), self._of(side), autojunk=False)
        blocks = matcher.get_matching_blocks()
        found = [(one + step, other + step) for one, other, n in blocks for step in range(n)]
        return [*found, (len(self._base), len(side))]

    def _of(self, lines: Lines) -> list[str]:
        keys = (masked(line) for line in lines)
        return [
            squeezed(line) if key in self._repeated else key
            for line, key in zip(lines, keys, strict=True)
        ]


def _edits(
    pairs: Iterable[tuple[int, int]], base: Lines, side: Lines, name: Side
) -> Iterator[_Edit]:
    base_at = side_at = 0
    for at, other in pairs:
        if at > base_at or other > side_at:
            yield from _between(base_at, base[base_at:at], side[side_at:other], name)
        if at < len(base) and base[at] != side[other]:
            yield _Edit(start=at, end=at + 1, lines=(side[other],), side=name, form=True)
        base_at, side_at = at + 1, other + 1


def _between(start: int, base: Lines, lines: Lines, side: Side) -> Iterator[_Edit]:
    """The edits between two lines that are the same; line by line where they are forms."""
    if base and are_forms_of(base, lines):
        for step, line in enumerate(lines):
            at = start + step
            yield _Edit(start=at, end=at + 1, lines=(line,), side=side, form=True)
        return
    yield _Edit(start=start, end=start + len(base), lines=lines, side=side)


def _clusters(edits: Iterable[_Edit]) -> list[_Cluster]:
    clusters: list[_Cluster] = []
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        last = clusters[-1] if clusters else None
        if last is not None and _belongs(last, edit):
            clusters[-1] = _Cluster(
                start=last.start, end=max(last.end, edit.end), edits=(*last.edits, edit)
            )
        else:
            clusters.append(_Cluster(start=edit.start, end=edit.end, edits=(edit,)))
    return clusters


def _belongs(cluster: _Cluster, edit: _Edit) -> bool:
    if edit.start < cluster.end or cluster.start == cluster.end == edit.start == edit.end:
        return True
    if edit.start > cluster.end:
        return False
    others = [each for each in cluster.edits if each.side != edit.side and each.end == edit.start]
    return any(not (each.form or edit.form) for each in others)
