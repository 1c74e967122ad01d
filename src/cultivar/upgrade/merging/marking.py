"""Conflict markers as git writes them, with the base between (zdiff3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from cultivar.tree import Entry
from cultivar.upgrade.merging.hunks import Hunk, Piece, Settled

_USUAL = 7
_MARKERS: Final = re.compile(rb"^(?:<{7,} .*|>{7,} .*)$", re.MULTILINE)


def has_markers(entry: Entry | None) -> bool:
    """Whether the markers of a conflict stand in a file."""
    if entry is None:
        return False
    starts = {found[0][:1] for found in _MARKERS.finditer(entry.content)}
    return starts == {b"<", b">"}


def marked_text(pieces: Sequence[Piece]) -> str:
    """The text of `pieces`, with markers around each hunk that is open."""
    width = _width(pieces)
    return "".join(line for piece in pieces for line in _written(piece, width))


def _written(piece: Piece, width: int) -> Iterator[str]:
    if isinstance(piece, Settled):
        yield from piece.lines
        return
    head, hunk, tail = _trimmed(piece)
    yield from head
    yield f"{'<' * width} yours\n"
    yield from hunk.ours
    yield f"{'|' * width} the template, before\n"
    yield from hunk.base
    yield f"{'=' * width}\n"
    yield from hunk.theirs
    yield f"{'>' * width} the template, now\n"
    yield from tail


def _trimmed(hunk: Hunk) -> tuple[tuple[str, ...], Hunk, tuple[str, ...]]:
    """The hunk without the lines at either end that both sides have now."""
    ours, theirs = list(hunk.ours), list(hunk.theirs)
    head: list[str] = []
    tail: list[str] = []
    while ours and theirs and ours[0] == theirs[0]:
        head.append(ours.pop(0))
        theirs.pop(0)
    while ours and theirs and ours[-1] == theirs[-1]:
        tail.insert(0, ours.pop())
        theirs.pop()
    return tuple(head), Hunk(base=hunk.base, ours=tuple(ours), theirs=tuple(theirs)), tuple(tail)


def _width(pieces: Sequence[Piece]) -> int:
    """The usual width, unless a line of the file would be taken for a marker."""
    lines = [line for piece in pieces for line in _all_lines(piece)]
    width = _USUAL
    while any(line.startswith(("<" * width, ">" * width)) for line in lines):
        width += 1
    return width


def _all_lines(piece: Piece) -> tuple[str, ...]:
    if isinstance(piece, Settled):
        return piece.lines
    return piece.base + piece.ours + piece.theirs
