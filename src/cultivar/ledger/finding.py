"""Finds rows by many keys at once, or by the beginning of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

from cultivar.errors import NotKnownError
from cultivar.ledger.encoding import Row

T = TypeVar("T")

_MANY = 500
"""How many keys one statement asks for; every database takes as many."""

_LAST = "\U0010ffff"
"""Sorts after every other character."""


def only(kind: str, name: str, found: Mapping[str, T]) -> T:
    """The one that goes by `name`, of those whose ids begin with it.

    Raises:
        NotKnownError: There is none, or more than one and none that has it as its whole id.
    """
    if name in found:
        return found[name]
    if len(found) == 1:
        return next(iter(found.values()))
    remedy = "Give more of the id." if found else ""
    raise NotKnownError(kind, name, tuple(found), remedy)


def begins_with(
    key: ColumnElement[str], prefix: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That `key` begins so; a range uses the index, and minds case, on every database."""
    return key >= prefix, key <= prefix + _LAST


def in_batches(keys: Iterable[T]) -> Iterator[Sequence[T]]:
    """The keys in lists that are short enough for one statement."""
    listed = list(keys)
    for start in range(0, len(listed), _MANY):
        yield listed[start : start + _MANY]


def rows_of(
    connection: Connection, wanted: Select[Any], key: ColumnElement[str], ids: Iterable[str]
) -> Iterator[Row]:
    """The rows of `wanted` whose `key` is one of these ids."""
    for batch in in_batches(ids):
        yield from connection.execute(wanted.where(key.in_(batch))).mappings()
