"""Cuts a collection between brackets into entries, with all that stands between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.keyed.margins import dedented_line
from cultivar.upgrade.merging.keyed.nodes import Entry, Flow, Key, Kind, Node, UnclearError

_BEHIND: Final = re.compile(r"(,?)([^\n]*)")


class Item(Record):
    """Where an entry stands in the text."""

    start: int
    value_start: int
    end: int
    key: Key = ()
    value: Node


class Brackets(Record):
    """Where a collection stands in the text."""

    text: str
    kind: Kind
    start: int
    inside: int
    """Behind the opening bracket."""
    close: int
    """At the closing bracket."""
    outer: str
    """The margin of the place where the collection stands."""
    inner: str
    """The margin of its entries."""

    def flow(self, items: Sequence[Item]) -> Flow:
        """The collection as a node.

        Args:
            items: Where its entries stand, in order.

        Raises:
            UnclearError: Something stands where only a comment or a comma may.
        """
        gaps = self._gaps(items)
        opening = self.text[self.start : self.inside] + gaps[0].behind
        entries = [
            self._entry(item, gap, after.behind)
            for item, gap, after in zip(items, gaps, gaps[1:], strict=False)
        ]
        last = gaps[-1]
        return Flow(
            kind=self.kind,
            opening=opening,
            entries=tuple(entries),
            margin=_below(self.inner, self.outer),
            comma=bool(items) and last.comma,
            tail=self._lines(last.lines) if last.lines is not None else (),
            closing=self._closing(last),
        )

    def _gaps(self, items: Sequence[Item]) -> list[_Gap]:
        """Before the first entry, between each two, and behind the last."""
        starts = [*(item.start for item in items), self.close]
        ends = [self.inside, *(item.end for item in items)]
        gaps = [_gap(self.text[end:start]) for end, start in zip(ends, starts, strict=True)]
        between = gaps[1:-1]
        if gaps[0].comma or not all(gap.comma for gap in between):
            raise UnclearError("a comma is missing, or one too many")
        return gaps

    def _entry(self, item: Item, gap: _Gap, trail: str) -> Entry:
        label = self.text[item.start : item.value_start]
        if gap.lines is None:
            return Entry(key=item.key, gap=gap.before, label=label, value=item.value, trail=trail)
        return Entry(
            key=item.key,
            lead=self._lines(gap.lines),
            label=_below(gap.before, self.inner) + label,
            value=item.value,
            trail=trail,
        )

    def _lines(self, lines: Sequence[str]) -> tuple[str, ...]:
        return tuple(dedented_line(line, self.inner) for line in lines)

    def _closing(self, last: _Gap) -> str:
        bracket = self.text[self.close]
        if last.lines is None:
            return last.before + bracket
        return f"\n{_below(last.before, self.outer)}{bracket}"


class _Gap(Record):
    comma: bool
    behind: str
    """What the line before it ends with: a comment."""
    lines: Sequence[str] | None
    """The lines between; None where the next thing stands in the same line."""
    before: str
    """What the next thing has before it in its line."""


def _gap(text: str) -> _Gap:
    found = _BEHIND.match(text)
    comma, behind = (found[1], found[2]) if found else ("", "")
    if "\n" not in text:
        _blank(behind)
        return _Gap(comma=bool(comma), behind="", lines=None, before=behind)
    *lines, before = text.split("\n")[1:]
    _blank(before)
    if behind.strip() and behind.lstrip()[0] not in "#/":
        raise UnclearError("something stands behind a value")
    return _Gap(comma=bool(comma), behind=behind, lines=lines, before=before)


def _blank(text: str) -> None:
    if text.strip():
        raise UnclearError("something stands between two values")


def _below(margin: str, outer: str) -> str:
    if not margin.startswith(outer):
        raise UnclearError("what is inside is indented less")
    return margin[len(outer) :]


def margin_of(text: str, start: int, outer: str) -> str:
    """The margin of what stands at `start`: its line's, if it begins it, else `outer`.

    Args:
        text: The file's text.
        start: Where the thing begins.
        outer: The margin of what is around it.
    """
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return before if not before.strip() and "\n" in text[:start] else outer
