"""Merges Python statement by statement, and keeps the bytes of each.

Imports are merged name by name, classes and functions by their names, whatever lines they stand
on. What one side deleted and the other changed is never settled here.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property

from cultivar.record import Record, replace
from cultivar.upgrade.merging.code.coherence import newly_unresolved
from cultivar.upgrade.merging.code.imports import names_of, rewritten
from cultivar.upgrade.merging.code.placing import Placing
from cultivar.upgrade.merging.code.sequences import Region, regions
from cultivar.upgrade.merging.code.tokens import merge_lines
from cultivar.upgrade.merging.code.units import (
    DOCSTRING,
    Block,
    CutError,
    Defined,
    Imported,
    Unit,
    imported_roots,
    module_block,
)
from cultivar.upgrade.merging.hunks import Lines


class _OpenError(Exception):
    """A signal: the two sides say different things of one statement."""


def merge_modules(base: Lines, ours: Lines, theirs: Lines) -> Lines | None:
    """The module with the edits of both sides; None where that takes a guess.

    An import that one side dropped stays as long as what the other side has needs it.

    Args:
        base: What both sides started from.
        ours: The person's module.
        theirs: The template's module.
    """
    if not base and ours and theirs:
        return None  # two modules of one name: to join them is nearly always wrong
    try:
        sides = _Sides(module_block(base), module_block(ours), module_block(theirs))
        merged = sides.lines
        if needed := newly_unresolved("".join(ours), "".join(theirs), "".join(merged)):
            merged = replace(sides, needed=needed).lines
    except (_OpenError, CutError, SyntaxError, ValueError, RecursionError):
        return None
    return merged


class _Sides(Record, kw_only=False, dict=True):
    """One block in its three versions."""

    base: Block
    ours: Block
    theirs: Block
    needed: frozenset[str] = frozenset()
    """Names whose import a side may not drop: what the other side has needs them."""

    @property
    def lines(self) -> Lines:
        settled = {key: unit for key in self._keys() if (unit := self._settled(key)) is not None}
        units = self._placing.spaced(self._ordered(settled))
        head = _merged(self.base.head, self.ours.head, self.theirs.head)
        tail = _merged(self.base.tail, self.ours.tail, self.theirs.tail)
        merged = Block(head=head, units=tuple(units), tail=tail).lines
        if any(not line.endswith("\n") for line in merged[:-1]):
            raise _OpenError
        return merged

    @cached_property
    def _unnamed(self) -> set[str]:
        sides = (self.base, self.ours, self.theirs)
        return {unit.key for side in sides for unit in side.units if not unit.named}

    @cached_property
    def _placing(self) -> Placing:
        return Placing(self.base, self.ours, self.theirs)

    def _keys(self) -> Iterator[str]:
        yield from dict.fromkeys(
            unit.key for side in (self.base, self.ours, self.theirs) for unit in side.units
        )

    def _settled(self, key: str) -> Unit | None:
        """The unit of that key; None where it has to go."""
        base, ours, theirs = (s.by_key.get(key) for s in (self.base, self.ours, self.theirs))
        left = ours or theirs
        if left is None:
            return None
        if isinstance(left.node, ast.ImportFrom):
            return _merged_names(left, base, ours, theirs, self.needed)
        if ours is None or theirs is None:
            return _one_sided(base, left, self.needed)
        if base is None:
            return _same(ours, theirs)
        lead = _merged(base.lead, ours.lead, theirs.lead)
        return replace(ours, lead=lead, lines=self._merged_unit(base, ours, theirs))

    def _merged_unit(self, base: Unit, ours: Unit, theirs: Unit) -> Lines:
        if ours.lines in (base.lines, theirs.lines):
            return theirs.lines
        if theirs.lines == base.lines:
            return ours.lines
        if base.inner and ours.inner and theirs.inner:
            return replace(self, base=base.inner, ours=ours.inner, theirs=theirs.inner).lines
        return _merged(base.lines, ours.lines, theirs.lines)

    def _ordered(self, settled: dict[str, Unit]) -> list[Unit]:
        """All that stays, in the order that follows both sides'."""
        self._refuse_rewritten()
        base = [unit.key for unit in self.base.units if unit.key in settled]
        sides = (
            _put_back([unit.key for unit in side.units if unit.key in settled], base)
            for side in (self.ours, self.theirs)
        )
        units: list[Unit] = []
        at = 0
        for region in regions(base, *sides):
            units += [settled[key] for key in base[at : region.start]]
            if region.settled is None:
                units = self._with_both(units, region, settled)
            else:
                units += [settled[key] for key in region.settled]
            at = region.end
        units += [settled[key] for key in base[at:]]
        if sorted(unit.key for unit in units) != sorted(settled):
            raise _OpenError
        return units

    def _refuse_rewritten(self) -> None:
        """A statement without a name is known by its text: one that changed looks like another."""
        base, ours, theirs = (
            [unit.key for unit in side.units] for side in (self.base, self.ours, self.theirs)
        )
        for region in regions(base, ours, theirs):
            gone = {*region.base} - {*region.ours} - {*region.theirs}
            if gone and region.settled is None and gone & self._unnamed:
                new = ({*side} & self._unnamed for side in (region.ours, region.theirs))
                if any(side - {*region.base} for side in new):
                    raise _OpenError

    def _with_both(self, units: list[Unit], region: Region, settled: dict[str, Unit]) -> list[Unit]:
        """Add what both sides put at one place: the person's first, imports where they belong."""
        if region.base:
            raise _OpenError  # both moved something
        start = len(units)
        units = [*units, *(settled[key] for key in region.ours)]
        for key in region.theirs:
            new = settled[key]
            if key in region.ours:
                continue
            if isinstance(new.node, Imported):
                units = self._placing.with_import(units, start, new)
            elif key == DOCSTRING and not start:
                units = [new, *units]
            elif isinstance(new.node, Defined):
                units = [*units, new]
            else:
                raise _OpenError  # the order of statements may matter
        return units


def _merged(base: Lines, ours: Lines, theirs: Lines) -> Lines:
    merged = merge_lines(base, ours, theirs)
    if merged is None:
        raise _OpenError
    return merged


def _one_sided(base: Unit | None, left: Unit, needed: Collection[str]) -> Unit | None:
    """What only one side has: it added it, or the other deleted it."""
    if base is None or not {*needed}.isdisjoint(imported_roots(left.node)):
        return left
    if (left.lead, left.lines) != (base.lead, base.lines):
        raise _OpenError
    return None


def _same(ours: Unit, theirs: Unit) -> Unit:
    """What both sides added."""
    if ours.lines != theirs.lines:
        raise _OpenError
    return ours


def _merged_names(
    left: Unit,
    base: Unit | None,
    ours: Unit | None,
    theirs: Unit | None,
    needed: frozenset[str],
) -> Unit | None:
    """The `from` that is left, with the names of both sides; None where no name is."""
    dropped = {each for each in _names(base) - _names(theirs) if each.split()[-1] not in needed}
    dropped_by_us = _names(base) - _names(ours)
    if ours is None:
        dropped_by_us = {each for each in dropped_by_us if each.split()[-1] not in needed}
    wanted = (_names(ours) | _names(theirs)) - dropped - dropped_by_us
    if not wanted:
        return None
    if base and ours and theirs:
        left = replace(left, lead=_merged(base.lead, ours.lead, theirs.lead))
        if _names(theirs) == wanted == _names(ours):
            return replace(left, lines=_merged(base.lines, ours.lines, theirs.lines))
    same = (each for each in (theirs, ours) if each and _names(each) == wanted)
    lines = next((each.lines for each in same), None)
    if lines is None:
        if not _names(base) <= wanted:
            raise _OpenError  # names came and went: in real updates, a person decides anew
        lines = _rewritten(left, wanted)
    said = (_comments(ours) | _comments(theirs)) - _comments(base)
    if said - _comments(replace(left, lines=lines)):
        raise _OpenError
    return replace(left, lines=lines)


def _names(unit: Unit | None) -> set[str]:
    return {*names_of(unit.node)} if unit else set()


def _comments(unit: Unit | None) -> Counter[str]:
    return Counter(line.partition("#")[2].strip() for line in unit.lines) if unit else Counter()


def _rewritten(unit: Unit, wanted: set[str]) -> Lines:
    lines = rewritten(unit.lines, names_of(unit.node), wanted)
    if lines is None:
        raise _OpenError
    return lines


def _put_back(keys: list[str], base: list[str]) -> list[str]:
    """The keys with those of the base that one side has not, each after its neighbour."""
    keys = [*keys]
    for number, key in enumerate(base):
        if key not in keys:
            before = base[number - 1] if number else None
            keys.insert(keys.index(before) + 1 if before else 0, key)
    return keys
