"""Environments that mark where a rendered text comes from, and the reader of their marks.

Marks are put around each line of a template's text and each of its expressions, as slots are
marked. They may change what is rendered, where the template looks at its own text; so whoever uses
them compares what comes out without them with what is rendered without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias
from zlib import crc32

from cultivar.record import Record, replace
from cultivar.templating.rendering.markers import MarkedEnvironment
from cultivar.upgrade.alignment import lines_of

_Token: TypeAlias = tuple[int, str, str]

Names: TypeAlias = Mapping[tuple[int, int], frozenset[str]]
"""The names in each expression, by the number of its file and its own."""

# Digits between characters of private use, as slots have them; these are others.
_MARK: Final = re.compile(
    "\uf8f3(?P<file>\\d+)\uf8f5(?P<line>\\d+)(?:\uf8f5(?P<number>\\d+))?\uf8f4|\uf8f6"
)
_CLOSE: Final = "\uf8f6"
_NOWHERE: Final = "\uf8f30\uf8f50\uf8f4"
"""What follows may be a text that was taken up, and is not marked."""

_SLOT_MARKS: Final = ("\uf8f0", "\uf8f2")


class Piece(Record):
    """A text that comes from one place."""

    text: str
    file: str = ""
    line: int = 0
    names: frozenset[str] = frozenset()
    """What the expression uses that made it; empty of a literal text."""
    passed: frozenset[str] = frozenset()
    """What the expressions around it use: in a macro, what is passed to it."""


def number_of(file: str) -> int:
    """What stands for a file of the template in marks."""
    return crc32(file.encode())


def is_marked(text: str) -> bool:
    """Whether there are marks in `text`."""
    return _MARK.search(text) is not None


def pieces_of(text: str, files: Mapping[int, str], names: Names) -> Iterator[Piece]:
    """The pieces of a text with marks, which are taken out."""
    here, around, position = Piece(text=""), list[tuple[Piece, frozenset[str]]](), 0
    passed = frozenset[str]()
    for mark in _MARK.finditer(text):
        if text[position : mark.start()]:
            yield replace(here, text=text[position : mark.start()])
        position = mark.end()
        if mark[0] == _CLOSE:
            here, passed = around.pop() if around else (here, passed)
            continue
        file, number = int(mark["file"]), mark["number"]
        before, here = here, Piece(text="", file=files.get(file, ""), line=int(mark["line"]))
        if number is not None:
            uses = names.get((file, int(number)), frozenset())
            here = replace(here, names=uses, passed=passed)
            around.append((before, passed))
            passed |= uses
    if text[position:]:
        yield replace(here, text=text[position:])


def by_line(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces of each line."""
    line: list[Piece] = []
    for piece in pieces:
        for part in lines_of(piece.text.encode(errors="surrogateescape")):
            line.append(replace(piece, text=part))
            if part.endswith("\n"):
                yield line
                line = []
    if line:
        yield line


class Tracing(MarkedEnvironment):
    """An environment whose texts and expressions leave marks of their places."""

    marks_slots: ClassVar[bool] = False
    marks_blocks: ClassVar[bool] = True
    """Whether texts are marked that a filter, a macro or a variable takes up."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.names: dict[tuple[int, int], frozenset[str]] = {}
        """The names in each expression, by the place of its mark."""

    def _with_marks(self, tokens: Iterable[_Token], file: str | None) -> Iterator[_Token]:
        found = super()._with_marks(tokens, file) if self.marks_slots else iter(tokens)
        return found if file is None else self._traced(found, file)

    def _traced(self, tokens: Iterator[_Token], file: str) -> Iterator[_Token]:
        place, tags, reader = number_of(file), _Tags(), _Names()
        for line, kind, value in tokens:
            tags.see(kind, value)
            reader.see(kind, value)
            marked = self.marks_blocks or not tags.depth
            if kind == "data" and marked and not value.startswith(_SLOT_MARKS):
                yield line, kind, _marked(value, place, line)
                continue
            if kind == "block_begin" and marked and not self.marks_blocks:
                yield line, "data", _NOWHERE
            if kind == "variable_begin" and marked:
                yield line, "data", f"\uf8f3{place}\uf8f5{line}\uf8f5{reader.count}\uf8f4"
            yield line, kind, value
            if kind == "variable_end":
                number = reader.count
                self.names[place, number] = reader.take()
                if marked:
                    yield line, "data", _CLOSE


class TracingSlots(Tracing):
    """Its twin that marks slots too."""

    marks_slots = True


class Sparse(Tracing):
    """One that marks no text that a filter, a macro or a variable takes up."""

    marks_blocks = False


class SparseSlots(Sparse):
    """Its twin that marks slots too."""

    marks_slots = True


class _Tags:
    """Counts the blocks that take up what is rendered in them."""

    _TAKING: Final = frozenset({"set", "filter", "call", "macro"})

    def __init__(self) -> None:
        self.depth = 0
        self._tag = ""
        self._inside = False
        self._assigns = False

    def see(self, kind: str, value: str) -> None:
        if kind == "block_begin":
            self._tag, self._inside, self._assigns = "", True, False
        elif kind == "block_end" and self._inside:
            self._inside = False
            self._end()
        elif self._inside and kind == "name" and not self._tag:
            self._tag = value
        elif self._inside and kind == "operator" and value == "=":
            self._assigns = True

    def _end(self) -> None:
        if self._tag in self._TAKING and not (self._tag == "set" and self._assigns):
            self.depth += 1
        elif self._tag.removeprefix("end") in self._TAKING and self._tag.startswith("end"):
            self.depth = max(0, self.depth - 1)


class _Names:
    """Reads the names that an expression uses, those of attributes and filters aside."""

    def __init__(self) -> None:
        self.count = 0
        self._names: set[str] = set()
        self._inside = False
        self._last = ""

    def see(self, kind: str, value: str) -> None:
        if kind == "variable_begin":
            self._inside = True
        elif self._inside and kind != "whitespace":
            if kind == "name" and self._last not in {".", "|"}:
                self._names.add(value)
            self._last = value

    def take(self) -> frozenset[str]:
        found, self._names = frozenset(self._names), set()
        self._inside, self._last = False, ""
        self.count += 1
        return found


def _marked(text: str, place: int, line: int) -> str:
    """A literal text with a mark before each of its lines."""
    return "".join(
        f"\uf8f3{place}\uf8f5{line + offset}\uf8f4{part}"
        for offset, part in enumerate(lines_of(text.encode(errors="surrogateescape")))
    )
