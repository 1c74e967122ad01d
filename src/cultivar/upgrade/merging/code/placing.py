"""Where a statement goes that only one side has, and how many empty lines stand above it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from cultivar.record import Record, replace
from cultivar.upgrade.merging.code.imports import LAST, Place, place_of, root_of
from cultivar.upgrade.merging.code.units import Block, Imported, Unit
from cultivar.upgrade.merging.hunks import Lines


class Placing(Record, kw_only=False, dict=True):
    """How the three versions of a block lay out their statements."""

    base: Block
    ours: Block
    theirs: Block

    def with_import(self, units: list[Unit], start: int, new: Unit) -> list[Unit]:
        """Put an import among the units from `start` on, where an import sorter would."""
        place = self._place(new)
        places = [self._place(unit) for unit in units]
        at = next((i for i in range(start, len(units)) if places[i] > place), len(units))
        return [*units[:at], new, *units[at:]]

    def spaced(self, units: list[Unit]) -> list[Unit]:
        """The units with the empty lines that stand between such neighbours."""
        gaps = [side.gaps for side in (self.base, self.ours, self.theirs)]
        return [
            replace(unit, gap=self._gap(units[at - 1] if at else None, unit, gaps))
            for at, unit in enumerate(units)
        ]

    def _gap(
        self, before: Unit | None, unit: Unit, gaps: list[dict[tuple[str, str], Lines]]
    ) -> Lines:
        base, ours, theirs = (each.get((before.key if before else "", unit.key)) for each in gaps)
        if ours is not None and theirs is not None:
            return theirs if ours == base else ours
        known = theirs if ours is None else ours
        return self._new_gap(before, unit) if known is None else known

    def _new_gap(self, before: Unit | None, unit: Unit) -> Lines:
        """The empty lines between two that were never neighbours."""
        if before is None:
            return ()
        above, below = self._place(before), self._place(unit)
        if LAST not in (above, below):
            return () if above[0] == below[0] else ("\n",)
        known = (side.gaps.items() for side in (self.ours, self.theirs, self.base))
        around = (
            gap
            for gaps in known
            for pair, gap in gaps
            if pair[0] == before.key or pair[1] == unit.key
        )
        return max(around, key=len, default=())

    def _place(self, unit: Unit) -> Place:
        return place_of(unit.node, self._own)

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset((*_own_packages(self.ours), *_own_packages(self.theirs)))


def _own_packages(block: Block) -> Iterator[str]:
    """The packages of the last section, where sections follow that of foreign packages."""
    sections: list[list[str]] = []
    for unit in block.units:
        if place_of(unit.node, ())[0] == 2:
            if unit.gap or not sections:
                sections.append([])
            sections[-1].append(root_of(unit.node))
        elif isinstance(unit.node, Imported):
            sections.clear()
    if len(sections) > 1:
        yield from sections[-1]
