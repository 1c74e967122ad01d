"""Lines up three versions of a sequence and names the regions where something changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from cultivar.record import Record

Items = tuple[str, ...]


class Edit(Record, kw_only=False, order=True):
    """What one side made of `base[start:end]`."""

    start: int
    end: int
    items: Items

    @property
    def growth(self) -> int:
        """By how many items it makes the sequence longer."""
        return len(self.items) - (self.end - self.start)


class Region(Record):
    """A stretch of the base in which no edit stands apart from its neighbour."""

    start: int
    end: int
    base: Items
    ours: Items
    theirs: Items

    @property
    def settled(self) -> Items | None:
        """What it becomes where at most one side changed it, or both alike; else None."""
        if self.ours in (self.base, self.theirs):
            return self.theirs
        return self.ours if self.theirs == self.base else None


def edits(base: Sequence[str], side: Sequence[str]) -> list[Edit]:
    """What has to be done to `base` to get `side`, in order."""
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    return [
        Edit(i1, i2, tuple(side[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def regions(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Region]:
    """The changed regions, in order. Edits that touch are one region."""
    by_us, by_them = edits(base, ours), edits(base, theirs)
    for start, end in _grouped(sorted([*by_us, *by_them])):
        yield Region(
            start=start,
            end=end,
            base=tuple(base[start:end]),
            ours=tuple(_slice(ours, by_us, start, end)),
            theirs=tuple(_slice(theirs, by_them, start, end)),
        )


def _grouped(all_edits: list[Edit]) -> Iterator[tuple[int, int]]:
    start = end = -1
    for each in all_edits:
        if each.start > end:
            if start >= 0:
                yield start, end
            start = each.start
        end = max(end, each.end)
    if start >= 0:
        yield start, end


def _slice(side: Sequence[str], made: list[Edit], start: int, end: int) -> Sequence[str]:
    before = sum(each.growth for each in made if each.end < start)
    until = sum(each.growth for each in made if each.end <= end)
    return side[start + before : end + until]
