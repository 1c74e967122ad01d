"""Tables of numbers and words that fit where they are shown, with nothing broken in a cell.

The invariant: no line is wider than the width, unless a single word is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import combining, east_asian_width

from cultivar.cli.output import escape, printable, show, width
from cultivar.record import Record

JOINED: Final = " + "
"""Stands between words that are said together: there a line may go on beneath."""

_GAP: Final = "  "
_NARROWEST: Final = 12
"""Of a column that is cut."""


class Column(Record):
    """How the cells of a column are shown."""

    name: str
    style: str = ""
    """Rich's, on a terminal."""
    is_number: bool = False
    """Aligned at its end."""


class Grid(Record):
    """A table, of plain texts."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    is_grouped: bool = False
    """Whether the first column names several rows, and may stand above them."""

    def lines(self, width: int) -> Iterator[str]:
        """The table in Rich's markup, line by line.

        Args:
            width: How many characters there is room for.
        """
        yield f"[bold]{escape(self.title)}[/]"
        yield from _fitted(self, width).lines(width)


def show_grid(grid: Grid) -> None:
    """Show a table on standard output, and an empty line."""
    show("\n".join([*grid.lines(width()), ""]))


class _Laid(Record):
    """A table as it is laid out."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str] | str]
    """Cells; or what stands above those that follow."""
    widths: Sequence[int]

    @property
    def total(self) -> int:
        """The width of a line."""
        return 1 + sum(self.widths) + len(_GAP) * (len(self.widths) - 1)

    def lines(self, width: int) -> Iterator[str]:
        """All below the title; what the last column has no room for goes on beneath."""
        room = max(_NARROWEST, width - self.total + self.widths[-1])
        names = [each.name for each in self.columns]
        yield self._line(names, styled=False)
        yield " " + "─" * min(self.total - 1, width - 1)
        for row in self.rows:
            if isinstance(row, str):
                yield f" {escape(row)}"
                continue
            first, *more = _folded(row[-1], room)
            yield self._line([*row[:-1], first])
            for each in more:
                yield self._line([*("" for _ in row[:-1]), each])

    def _line(self, cells: Sequence[str], *, styled: bool = True) -> str:
        line, plain = "", " "
        for column, cell, wide in zip(self.columns, cells, self.widths, strict=True):
            text = _aligned(column, cell, wide)
            if styled and column.style:
                # Side by side, harmless texts may look like markup: they are escaped together.
                line, plain = f"{line}{escape(plain)}[{column.style}]{escape(text)}[/]", _GAP
            else:
                plain += f"{text}{_GAP}"
        return f"{line}{escape(plain.rstrip())}"


def _fitted(grid: Grid, width: int) -> _Laid:
    """The table as wide as it may be: with names above their rows, or cut, where it must."""
    rows = [[_plain(cell) for cell in row] for row in grid.rows]
    laid = _laid(grid.columns, rows)
    if laid.total <= width or not grid.is_grouped:
        return laid
    grouped: list[Sequence[str] | str] = []
    for name, first, *rest in rows:
        grouped += [name] if name else []
        grouped.append([f"  {first}", *rest])
    return _cut(_laid(grid.columns[1:], grouped), width)


def _laid(columns: Sequence[Column], rows: Sequence[Sequence[str] | str]) -> _Laid:
    cells = [row for row in rows if not isinstance(row, str)]
    widths = [
        max(map(_length, [column.name, *(row[at] for row in cells)]))
        for at, column in enumerate(columns)
    ]
    return _Laid(columns=columns, rows=rows, widths=widths)


def _cut(laid: _Laid, width: int) -> _Laid:
    """The same with what is too long in the first column left out."""
    first, *rest = laid.widths
    room = max(_NARROWEST, min(first, first + width - laid.total))
    rows = [row if isinstance(row, str) else [_until(row[0], room), *row[1:]] for row in laid.rows]
    return _Laid(columns=laid.columns, rows=rows, widths=[room, *rest])


def _until(text: str, room: int) -> str:
    if _length(text) <= room:
        return text
    while _length(text) >= room:
        text = text[:-1]
    return f"{text}…"


def _folded(text: str, room: int) -> list[str]:
    """What is said together, in lines of that length."""
    lines = [""]
    for part in text.split(JOINED):
        joined = f"{lines[-1]}{JOINED}{part}" if lines[-1] else part
        if lines[-1] and _length(joined) > room:
            lines.append(f"{JOINED.lstrip()}{part}")
        else:
            lines[-1] = joined
    return lines


def _aligned(column: Column, text: str, wide: int) -> str:
    space = " " * (wide - _length(text))
    return f"{space}{text}" if column.is_number else f"{text}{space}"


def _plain(cell: str) -> str:
    return printable(" ".join(cell.split("\n"))).replace("\t", " ")


def _length(text: str) -> int:
    """In how many characters' room it is shown: what is wide takes two, an accent none."""
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)
