"""The generations of a batch as they are added up: what each of them adds to, by number."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from cultivar.ledger.upserts import MICROSECONDS

LONG_AGO: Final = 1000 * MICROSECONDS
"""What lies further before the newest of a batch fades no more: a double could not tell it."""

Numbers: TypeAlias = "array[int]"
"""What a generation adds to, each by its number."""

Stratum: TypeAlias = tuple[str, str, str]
"""Template, version and instance."""

Thing: TypeAlias = tuple[bool, str, str, str]
"""What is counted: whether it is a combination, and how the key of its rows begins."""

Columns: TypeAlias = Sequence[Sequence[Any]]
"""What is added: by row the place of the thing, that of the stratum, then the counts."""


class Use(NamedTuple):
    """A generation, as it is counted."""

    at: int
    """In microseconds."""
    success: bool | None
    adds_to: Numbers
    chosen: bytes
    """Of each of them, 1 where it adds to it as chosen, else 0."""
