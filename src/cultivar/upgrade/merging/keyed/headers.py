"""Whose comments they are: those before the first entry, and those between two tables."""

from __future__ import annotations

from collections.abc import Sequence

from cultivar.record import replace
from cultivar.upgrade.merging.keyed.nodes import Block, Entry

Lines = tuple[str, ...]


def with_header(root: Block) -> Block:
    """A document of one part, whose header is the file's, not the first entry's.

    Args:
        root: The file's only part.
    """
    if not root.entries:
        return Block(kind="list", entries=(Entry(value=root),))
    header, lead = _split(root.entries[0].lead, _last_blank(root.entries[0].lead))
    first = replace(root.entries[0], lead=lead)
    part = replace(root, entries=(first, *root.entries[1:]))
    return Block(kind="list", entries=(Entry(lead=header, value=part),))


def attached(lines: Sequence[str]) -> tuple[Lines, Lines]:
    """What ends the table above, and what leads the one below: the comments that touch it.

    Args:
        lines: The comments and blank lines between two tables.
    """
    touching = _last_blank(lines)
    while touching and not lines[touching - 1].strip(" \t\0"):
        touching -= 1
    return _split(lines, touching)


def _last_blank(lines: Sequence[str]) -> int:
    blank = (index for index, line in enumerate(lines, 1) if not line.strip(" \t\0"))
    return max(blank, default=0)


def _split(lines: Sequence[str], at: int) -> tuple[Lines, Lines]:
    return tuple(lines[:at]), tuple(lines[at:])
