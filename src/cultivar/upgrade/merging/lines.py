"""The second rung: rules about lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cultivar.upgrade.merging.hunks import Hunk, Piece, Settled
from cultivar.upgrade.merging.refining import refined
from cultivar.upgrade.merging.sides import Place, chosen


def settle_hunks(pieces: Sequence[Piece], path: str) -> list[Piece]:
    """Settle the hunks of which a rule says what is right; the others stay open.

    Args:
        pieces: What git made of a text.
        path: Where the text stands, which says what kind of text it is.
    """
    return [part for piece in pieces for part in _settle(piece, _place(pieces, piece, path))]


def _place(pieces: Sequence[Piece], here: Piece, path: str) -> Place:
    others = (piece for piece in pieces if piece is not here)
    around = (
        line
        for piece in others
        for line in (piece.lines if isinstance(piece, Settled) else piece.ours)
    )
    return Place(path=path, around=tuple(around))


def reasons(pieces: Sequence[Piece]) -> str:
    """What the rules went by, in a few words."""
    told = (piece.reason for piece in pieces if isinstance(piece, Settled))
    return "; ".join(dict.fromkeys(reason for reason in told if reason))


def _settle(piece: Piece, place: Place) -> Iterator[Piece]:
    if isinstance(piece, Settled):
        yield piece
        return
    whole = chosen(piece, place, whole=True)
    for part in refined(piece) if whole is None else [whole]:
        found = chosen(part, place) if isinstance(part, Hunk) else None
        yield found or part
