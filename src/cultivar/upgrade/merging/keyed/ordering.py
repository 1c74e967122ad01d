"""The order of the merged entries: the template's, unless the person has another."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import TypeVar

from cultivar.upgrade.merging.keyed.nodes import UnclearError

Some = TypeVar("Some", bound=Hashable)


def merged_order(
    base: Sequence[Some], ours: Sequence[Some], theirs: Sequence[Some], kept: Collection[Some]
) -> list[Some]:
    """The entries that are kept, in their order.

    Args:
        base: The order of the old template.
        ours: The person's order.
        theirs: The order of the new template.
        kept: Those that are to be ordered.
    """
    common = set(base) & set(ours)
    moved = [each for each in base if each in common] != [each for each in ours if each in common]
    first, second = (ours, theirs) if moved else (theirs, ours)
    result = [each for each in first if each in kept]
    placed = set(result)
    nearest: Some | None = None
    for each in second:
        if each in kept and each not in placed:
            result.insert(0 if nearest is None else result.index(nearest) + 1, each)
            placed.add(each)
        nearest = each if each in placed else nearest
    return result


def check_order(
    base: Sequence[Some], ours: Sequence[Some], theirs: Sequence[Some], exact: Collection[Some]
) -> None:
    """Refuse a list whose order matters and that both sides rearranged at one place.

    Args:
        base: The items of the old template.
        ours: The person's items.
        theirs: The items of the new template.
        exact: Items that are another one when they are changed.

    Raises:
        UnclearError: Both added at one place, or moved or changed what the other did.
    """
    if base in (ours, theirs) or ours == theirs:
        return
    common = set(base) & set(ours) & set(theirs)
    anchors = [each for each in base if each in common]
    if any([each for each in side if each in common] != anchors for side in (ours, theirs)):
        raise UnclearError("items were moved")
    gaps = zip(*(_gaps(common, side) for side in (base, ours, theirs)), strict=True)
    if any(_clash(old, one, other, exact) for old, one, other in gaps):
        raise UnclearError("both changed one place of a list")


def check_set(
    base: Sequence[Some], ours: Sequence[Some], theirs: Sequence[Some], exact: Collection[Some]
) -> None:
    """Refuse a set in which both sides put something else in the place of one item.

    Args:
        base: The items of the old template.
        ours: The person's items.
        theirs: The items of the new template.
        exact: Items that are another one when they are changed.

    Raises:
        UnclearError: They did.
    """
    gone = (set(base) - set(ours) - set(theirs)).intersection(exact)
    added = [{each for each in side if each in exact} - set(base) for side in (ours, theirs)]
    if gone and added[0] - added[1] and added[1] - added[0]:
        raise UnclearError("both changed one item")


def _gaps(anchors: Collection[Some], side: Sequence[Some]) -> list[list[Some]]:
    """What stands between each two of what all versions have."""
    found: list[list[Some]] = [[]]
    for each in side:
        if each in anchors:
            found.append([])
        else:
            found[-1].append(each)
    return found


def _clash(
    base: Sequence[Some], ours: Sequence[Some], theirs: Sequence[Some], exact: Collection[Some]
) -> bool:
    added = [[each for each in side if each not in base] for side in (ours, theirs)]
    if all(added) and added[0] != added[1]:
        return True
    old, *new = ([each for each in side if each in exact] for side in (base, ours, theirs))
    return old not in new and new[0] != new[1]
