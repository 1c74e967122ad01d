"""Parses TOML into nodes: a file is its tables, in order, and a table its entries."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Final, cast

from cultivar.record import replace
from cultivar.upgrade.merging.keyed.headers import Lines, attached, with_header
from cultivar.upgrade.merging.keyed.margins import dedented_line
from cultivar.upgrade.merging.keyed.nodes import Block, Data, Entry, UnclearError
from cultivar.upgrade.merging.keyed.scanning import KEY_PATTERN, TOML, Scanner, toml_key

_LINE: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({KEY_PATTERN})[ \t]*\]\]?[ \t]*(?:#[^\n]*)?\n")
_LABEL: Final = re.compile(rf"[ \t]*({KEY_PATTERN})[ \t]*=[ \t]*")
_TRAIL: Final = re.compile(r"([ \t]*(?:#[^\n]*)?)\n")
_NOTHING: Final = Block(kind="map", entries=())


def parse_toml(text: str) -> Block:
    """The nodes of a TOML file.

    Args:
        text: All of it, with its last line feed.

    Raises:
        UnclearError: It is not TOML.
    """
    tables = Block(kind="tables", entries=_Reader(text=text).tables())
    try:
        known = _meaning(tomllib.loads(text))
    except ValueError as error:
        raise UnclearError("it does not parse") from error
    if tables.data != known:
        raise UnclearError("it is not understood")
    return with_header(tables)


def _meaning(value: object) -> Data:
    if isinstance(value, dict):
        return {str(key): _meaning(each) for key, each in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_meaning(each) for each in cast(list[object], value)]
    return type(value).__name__, str(value)


@dataclass(kw_only=True)
class _Reader:
    text: str
    at: int = 0

    def tables(self) -> tuple[Entry, ...]:
        found: list[Entry] = []
        lead = self._trivia()
        if not _HEADER.match(self.text, self.at):
            table, lead = self._table(Entry(value=_NOTHING), lead)
            found.append(table)
        while header := _HEADER.match(self.text, self.at):
            self.at = header.end()
            opened = Entry(
                key=toml_key(header[2]),
                many=header[1] == "[[",
                lead=lead,
                label=header[0][:-1],
                drop="",
                value=_NOTHING,
            )
            table, lead = self._table(opened, self._trivia())
            found.append(table)
        return tuple(found)

    def _table(self, opened: Entry, lead: Lines) -> tuple[Entry, Lines]:
        """The table with its entries, and the lines that lead the next."""
        entries: list[Entry] = []
        while self.at < len(self.text) and not _HEADER.match(self.text, self.at):
            entries.append(self._entry(lead))
            lead = self._trivia()
        tail, lead = attached(lead) if self.at < len(self.text) else (lead, ())
        value = Block(kind="map", entries=tuple(entries), tail=tail)
        return replace(opened, value=value), lead

    def _trivia(self) -> Lines:
        lines: list[str] = []
        while found := _LINE.match(self.text, self.at):
            lines.append(dedented_line(found[0][:-1], ""))
            self.at = found.end()
        return tuple(lines)

    def _entry(self, lead: Lines) -> Entry:
        label = self._match(_LABEL, self.at)
        value, end = Scanner(text=self.text, grammar=TOML).value(label.end(), "")
        trail = self._match(_TRAIL, end)
        self.at = trail.end()
        key = toml_key(label[1])
        return Entry(key=key, lead=lead, label=label[0], value=value, trail=trail[1])

    def _match(self, pattern: re.Pattern[str], start: int) -> re.Match[str]:
        found = pattern.match(self.text, start)
        if found is None:
            raise UnclearError("it does not parse")
        return found
