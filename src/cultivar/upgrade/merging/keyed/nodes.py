"""Parsed text in nodes that keep every byte: what TOML, YAML and JSON have in common.

The invariant: `document_text(parse(text))` is `text`. A node's text is relative to the margin of
the place where it stands, so that two nodes are equal however deep they are indented.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Final, Literal, TypeAlias

from cultivar.record import Record
from cultivar.upgrade.merging.keyed.margins import freed, indented, indented_line

Data: TypeAlias = "tuple[str, str] | list[Data] | dict[str, Data]"
"""What a text means: a scalar is the name of its type with its value."""

MERGED: Final = "merged"
"""The type of a scalar that was made of two; its value is known when it is read again."""

Key = tuple[str, ...]
"""Where a value stands in its mapping; more than one part where the language writes `a.b = 1`."""

Kind = Literal["map", "list", "tables"]
"""What the entries of a collection make; `tables` are the sections of a TOML file."""


class UnclearError(Exception):
    """Not certain: the text cannot be merged by key."""


class Scalar(Record):
    """One value."""

    text: str
    data: Data


class Entry(Record, dict=True):
    """One item of a collection, with what surrounds it."""

    key: Key = ()
    """Empty in a list. Of a section of TOML, its header's path."""
    many: bool = False
    """It is one of an array of tables."""
    lead: tuple[str, ...] = ()
    """The comments and blank lines before it."""
    gap: str | None = None
    """Between brackets, what stands before it in its line; None: it begins a line."""
    label: str = ""
    """What stands before the value: `key: `, `- `, `[header]`."""
    drop: str | None = None
    """How much deeper the value is, on lines of its own; None: it begins in the label's line."""
    depth: str = ""
    """How much deeper the value's other lines are, where it begins in the label's line."""
    value: Node
    trail: str = ""
    """The comment behind it."""

    @cached_property
    def body(self) -> str:
        """Label, value and trail."""
        text = self.value.text
        if self.drop is None:
            return f"{self.label}{indented(text, self.depth)}{self.trail}"
        lines = "\n".join(indented_line(line, self.drop) for line in text.split("\n"))
        return f"{self.label}\n{lines}" if text else self.label

    @property
    def comments(self) -> Iterator[str]:
        """The comments before, in and behind it."""
        yield from (line.strip(" \t\0") for line in self.lead if line.strip(" \t\0"))
        yield from (each for each in (_comment(self.label), self.trail.strip()) if each)
        if not isinstance(self.value, Scalar):
            yield from self.value.comments


class Block(Record, dict=True):
    """A collection with each entry on lines of its own."""

    kind: Kind
    entries: tuple[Entry, ...]
    tail: tuple[str, ...] = ()
    """The comments after the last entry."""

    @cached_property
    def data(self) -> Data:
        """What it means."""
        return meaning(self.kind, self.entries)

    @property
    def comments(self) -> Iterator[str]:
        """All comments in it."""
        yield from (comment for entry in self.entries for comment in entry.comments)
        yield from (line.strip(" \t\0") for line in self.tail if line.strip(" \t\0"))

    @cached_property
    def text(self) -> str:
        """All of it, without the last line feed."""
        lines = [line for entry in self.entries for line in (*entry.lead, entry.body)]
        return "\n".join([*lines, *self.tail])


class Flow(Record, dict=True):
    """A collection between brackets."""

    kind: Kind
    opening: str
    entries: tuple[Entry, ...]
    margin: str = ""
    """How much deeper the entries are that begin a line."""
    comma: bool = False
    """The last entry has one too."""
    tail: tuple[str, ...] = ()
    """The comments after the last entry, on lines of their own."""
    closing: str

    @cached_property
    def data(self) -> Data:
        """What it means."""
        return meaning(self.kind, self.entries)

    @property
    def comments(self) -> Iterator[str]:
        """All comments in it."""
        yield from (each for each in (_comment(self.opening),) if each)
        yield from (comment for entry in self.entries for comment in entry.comments)
        yield from (line.strip(" \t\0") for line in self.tail if line.strip(" \t\0"))

    @cached_property
    def text(self) -> str:
        """All of it."""
        last = len(self.entries) - 1
        parts = [
            self._part(entry, "," if index < last or self.comma else "")
            for index, entry in enumerate(self.entries)
        ]
        tail = "".join(f"\n{indented_line(line, self.margin)}" for line in self.tail)
        return f"{self.opening}{''.join(parts)}{tail}{self.closing}"

    def _part(self, entry: Entry, comma: str) -> str:
        text = f"{entry.label}{entry.value.text}{comma}{entry.trail}"
        if entry.gap is not None:
            return entry.gap + text
        lines = (*entry.lead, indented(text, self.margin))
        return "".join(f"\n{indented_line(line, self.margin)}" for line in lines)


Node = Scalar | Block | Flow


def document_text(document: Block) -> str:
    """The text of a whole file."""
    return freed(f"{document.text}\n") if document.text else ""


def meaning(kind: Kind, entries: tuple[Entry, ...]) -> Data:
    """What a collection of `entries` means.

    Raises:
        UnclearError: A key stands twice, or is a value here and a mapping there.
    """
    if kind == "list":
        return [entry.value.data for entry in entries]
    found: dict[str, Data] = {}
    for entry in entries:
        if kind == "tables":
            _open_table(found, entry)
        else:
            _put(found, entry.key, entry.value.data)
    return found


def _put(into: dict[str, Data], key: Key, data: Data) -> None:
    for part in key[:-1]:
        into = _table(into.setdefault(part, {}))
    if key[-1] in into:
        raise UnclearError(f"{key[-1]!r} stands twice")
    into[key[-1]] = data


def _open_table(into: dict[str, Data], entry: Entry) -> None:
    *above, last = entry.key or ("",)
    data = _table(deepcopy(entry.value.data))  # tables of its own may be put into it
    if not entry.key:
        into.update(data)
        return
    for part in above:
        into = _table(into.setdefault(part, {}))
    if entry.many:
        items = into.setdefault(last, [])
        if not isinstance(items, list):
            raise UnclearError(f"{last!r} is a table and an array")
        items.append(data)
    else:
        _merge_table(into, last, data)


def _merge_table(into: dict[str, Data], last: str, data: dict[str, Data]) -> None:
    """A table may come after its own subtables."""
    known = _table(into.setdefault(last, {}))
    if twice := known.keys() & data.keys():
        raise UnclearError(f"{twice} stands twice")
    known.update(data)


def _table(data: Data) -> dict[str, Data]:
    if isinstance(data, list) and data:
        data = data[-1]
    if not isinstance(data, dict):
        raise UnclearError("a value where a table should be")
    return data


def _comment(text: str) -> str:
    _, mark, comment = text.partition(" #")
    return f"#{comment}".strip() if mark else ""
