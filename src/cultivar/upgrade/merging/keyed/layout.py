"""How a collection between brackets is laid out, and how entries are put into that layout."""

from __future__ import annotations

from collections.abc import Sequence

from cultivar.record import replace
from cultivar.upgrade.merging.keyed.nodes import Entry, Flow, UnclearError


def merged_layout(base: Flow, ours: Flow, theirs: Flow) -> Flow:
    """The version whose layout the merged collection has.

    Args:
        base: What the old template made.
        ours: The person's.
        theirs: What the new template makes.
    """
    known = [each for each in (theirs, ours) if each.entries]
    if len(known) < 2 or not base.entries:
        return known[-1] if known else ours
    return theirs if _layout(ours) == _layout(base) else ours


def laid_out(layout: Flow, entries: Sequence[Entry]) -> Flow:
    """`layout` with `entries` instead of its own.

    Args:
        layout: Whose brackets, margin and commas are taken.
        entries: What it is to hold.

    Raises:
        UnclearError: A comment would stand in the middle of a line.
    """
    tall = _is_tall(layout)
    placed = [
        _in_lines(layout, entry) if tall else _in_line(layout, entry, first=not index)
        for index, entry in enumerate(entries)
    ]
    return replace(layout, entries=tuple(placed))


def _layout(flow: Flow) -> tuple[bool, str, bool]:
    return _is_tall(flow), flow.margin, flow.comma


def _is_tall(flow: Flow) -> bool:
    """Whether its entries have lines of their own."""
    return any(entry.gap is None for entry in flow.entries)


def _in_lines(layout: Flow, entry: Entry) -> Entry:
    stays = entry.gap is None or any(entry is each for each in layout.entries)
    return entry if stays else replace(entry, gap=None)


def _in_line(layout: Flow, entry: Entry, *, first: bool) -> Entry:
    if entry.lead or entry.trail.strip():
        raise UnclearError("there is no line of its own for a comment")
    gaps = [each.gap or "" for each in layout.entries]
    gap = gaps[0] if first else next(iter(gaps[1:]), " ")
    return replace(entry, gap=gap, trail="")
