"""A text in pieces: what is settled, and the hunks that are open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cultivar.record import Record, replace
from cultivar.upgrade.merging.base import Texts

Lines = tuple[str, ...]
"""Lines with their line feeds."""


class Settled(Record):
    """Lines on which all agree, or that one rung has settled."""

    lines: Lines
    reason: str = ""
    """What a rule went by; empty where git settled it."""


class Hunk(Record):
    """A place where both sides changed the same lines, each in its own way."""

    base: Lines
    ours: Lines
    theirs: Lines


Piece = Settled | Hunk


def to_lines(text: str) -> list[str]:
    """The lines of `text`, split at line feeds only."""
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def open_hunks(pieces: Iterable[Piece]) -> list[Hunk]:
    """The hunks that nothing has settled."""
    return [piece for piece in pieces if isinstance(piece, Hunk)]


def settled_text(pieces: Iterable[Piece]) -> str:
    """The text of pieces of which none is open."""
    return "".join(line for piece in pieces if isinstance(piece, Settled) for line in piece.lines)


def remaining(texts: Texts, pieces: Sequence[Piece]) -> Texts:
    """The three versions, different only where the pieces are open."""
    sides = {
        side: "".join(
            line
            for piece in pieces
            for line in (piece.lines if isinstance(piece, Settled) else getattr(piece, side))
        )
        for side in ("base", "ours", "theirs")
    }
    return replace(texts, **sides)
