"""Follows the keys that a template moved to another table, so that a person's edit goes along.

Tools move their settings: `select` of `[tool.ruff]` to `[tool.ruff.lint]`, groups of dependencies
from a tool's own table to `[dependency-groups]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cultivar.record import Record, replace
from cultivar.upgrade.merging.keyed.identities import package
from cultivar.upgrade.merging.keyed.nodes import Block, Data, Entry, Key


class _Place(Record):
    """A key in its table."""

    table: Entry
    entry: Entry

    @property
    def path(self) -> Key:
        """All keys that lead to it."""
        return (*self.table.key, *self.entry.key)

    @property
    def data(self) -> Data:
        """What it means."""
        return self.entry.value.data


def moved_along(base: Block, ours: Block, theirs: Block) -> tuple[Block, Block]:
    """`base` and `ours`, with the keys that the person edited where the template has moved them.

    Args:
        base: The tables of the old template.
        ours: The person's.
        theirs: Those of the new template.
    """
    before, mine, after = (_places(each) for each in (base, ours, theirs))
    new = [each for path, each in after.items() if path not in before and path not in mine]
    moves: dict[Key, _Place] = {}
    for path in before.keys() & mine.keys() - after.keys():
        found = [each for each in new if _is_moved(before[path], each)]
        if len(found) == 1:
            moves[path] = found[0]
    if any(before[path].data != mine[path].data for path in moves):
        for path in (path for path in before if path in moves):
            base, ours = (_moved(each, path, moves[path]) for each in (base, ours))
    return base, ours


def _places(tables: Block) -> Mapping[Key, _Place]:
    found: dict[Key, _Place] = {}
    for table in tables.entries:
        if isinstance(table.value, Block) and not table.many:
            for entry in table.value.entries:
                place = _Place(table=table, entry=entry)
                found[place.path] = place
    return found


def _is_moved(old: _Place, new: _Place) -> bool:
    """Whether it has the same name, and says at least half of what it said."""
    if old.path[-1] != new.path[-1]:
        return False
    one, other = set(_said(old.data)), set(_said(new.data))
    return bool(one & other) and 2 * len(one & other) >= min(len(one), len(other))


def _said(data: Data) -> Iterator[str]:
    """The single things that a value says, without versions."""
    if isinstance(data, tuple):
        yield package(data[1]) or data[1]
    elif isinstance(data, list):
        for each in data:
            yield from _said(each)
    else:
        yield from data


def _moved(tables: Block, path: Key, new: _Place) -> Block:
    old = _places(tables)[path]
    entry = replace(old.entry, key=new.entry.key, label=new.entry.label)
    found = [_with(table, old, new, entry) for table in tables.entries]
    if all(table.key != new.table.key for table in tables.entries):
        opened = replace(new.table, value=Block(kind="map", entries=(entry,)))
        found.insert(tables.entries.index(old.table) + 1, opened)
    return replace(tables, entries=tuple(found))


def _with(table: Entry, old: _Place, new: _Place, entry: Entry) -> Entry:
    """The table without the key that has left it, and with the one that has come."""
    if not isinstance(table.value, Block) or table.many:
        return table
    entries = [each for each in table.value.entries if each is not old.entry]
    if table.key == new.table.key:
        at = table.value.entries.index(old.entry) if table.key == old.table.key else len(entries)
        entries.insert(at, entry)
    return replace(table, value=replace(table.value, entries=tuple(entries)))
