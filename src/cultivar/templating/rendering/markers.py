"""Finds slots in what was rendered: their comments leave marks, and the marks are taken out again.

The invariant: a slot changes no byte. The text without marks is compared with the text rendered
from the same template without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from jinja2.lexer import TokenStream

from cultivar.errors import TemplateError
from cultivar.record import Record, replace
from cultivar.templating.jinja.guards import GuardedEnvironment

_SLOT = re.compile(r"\s*slot:\s*(?P<name>[\w.-]+)\s*(?:\|\s*(?P<instruction>.*?))?\s*", re.DOTALL)
_END = re.compile(r"\s*endslot\s*")
# Digits between characters of private use: no filter of case or of escaping changes them.
_MARK = re.compile("\uf8f0(?P<number>[0-9]{1,6})\uf8f1|\uf8f2")
_CLOSE: Final = "\uf8f2"


class Slot(Record):
    """A region of a rendered file that a model may write."""

    path: str
    name: str
    instruction: str
    default: str
    """What stands there now."""
    start: int
    """Where it begins in the file's text, in characters."""

    @property
    def end(self) -> int:
        """Where it ends in the file's text."""
        return self.start + len(self.default)


class _Opened(Record):
    name: str
    instruction: str


class MarkedEnvironment(GuardedEnvironment):
    """An environment whose slots leave marks in what it renders."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._opened: list[_Opened] = []

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        text = self.preprocess(source, name, filename)
        tokens = self._with_marks(self.lexer.tokeniter(text, name, filename, state), filename)
        stream = TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)
        return stream

    def _with_marks(
        self, tokens: Iterable[tuple[int, str, str]], file: str | None
    ) -> Iterator[tuple[int, str, str]]:
        mark, opened = "", 0
        for line, kind, value in tokens:
            yield line, kind, value
            if kind == "comment":
                mark = self._mark_of(value)
                opened = _next_line_of(mark, opened, line, file)
            elif kind == "comment_end" and mark:
                yield line, "data", mark
                mark = ""
        if opened:
            raise TemplateError("This slot has no end.", file=file or "", line=opened)

    def _mark_of(self, comment: str) -> str:
        if _END.fullmatch(comment):
            return _CLOSE
        if found := _SLOT.fullmatch(comment):
            opened = _Opened(name=found["name"], instruction=found["instruction"] or "")
            if opened not in self._opened:
                self._opened.append(opened)
            return f"\uf8f0{self._opened.index(opened)}\uf8f1"
        return ""

    def read_marks(self, marked: str, path: str) -> tuple[str, tuple[Slot, ...]]:
        """The text without its marks, and the slots that they enclosed.

        Raises:
            TemplateError: Slots lie in each other, or one has no end.
        """
        reader = _Reader(path)
        position = 0
        for mark in _MARK.finditer(marked):
            reader.text(marked[position : mark.start()])
            reader.mark(self._known(mark["number"], path))
            position = mark.end()
        reader.text(marked[position:])
        return reader.result()

    def _known(self, number: str | None, path: str) -> _Opened | None:
        """What the mark of that number opens; None where the mark closes."""
        if number is None:
            return None
        if int(number) >= len(self._opened):  # a mark that is none of ours
            raise _unmatched(path, None)
        return self._opened[int(number)]


class _Reader:
    """Takes texts and marks in their order."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._plain: list[str] = []
        self._length = 0
        self._open: Slot | None = None
        self._slots: list[Slot] = []

    def text(self, text: str) -> None:
        self._plain.append(text)
        self._length += len(text)

    def mark(self, known: _Opened | None) -> None:
        if (known is None) == (self._open is None):
            raise _unmatched(self._path, None)
        if self._open is not None:
            default = "".join(self._plain)[self._open.start :]
            self._slots.append(replace(self._open, default=default))
            self._open = None
        elif known is not None:
            self._open = Slot(
                path=self._path,
                name=known.name,
                instruction=known.instruction,
                default="",
                start=self._length,
            )

    def result(self) -> tuple[str, tuple[Slot, ...]]:
        if self._open is not None:
            raise TemplateError(f"The slot {self._open.name!r} has no end.", file=self._path)
        return "".join(self._plain), _numbered(self._slots)


def _unmatched(file: str, line: int | None) -> TemplateError:
    return TemplateError(
        "A slot lies in another one, or has an end without a beginning.",
        file=file,
        line=line,
        remedy="Close each slot with `{# endslot #}` before the next one.",
    )


def _next_line_of(mark: str, opened: int, line: int, file: str | None) -> int:
    """The line of the slot that is open after `mark`; 0 without one."""
    if not mark:
        return opened
    if (mark == _CLOSE) != bool(opened):
        raise _unmatched(file or "", line)
    return 0 if mark == _CLOSE else line


def _numbered(slots: list[Slot]) -> tuple[Slot, ...]:
    """The slots, those that a loop repeats told apart by a number."""
    seen: dict[str, int] = {}
    named: list[Slot] = []
    for slot in slots:
        seen[slot.name] = count = seen.get(slot.name, 0) + 1
        named.append(slot if count == 1 else replace(slot, name=f"{slot.name}-{count}"))
    return tuple(named)
