"""Adds rows to the counts, with one statement a table however many they are.

The invariant: the order in which rows are added makes no difference to the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import json
from sqlalchemy import Connection

from cultivar.ledger.database import Database
from cultivar.ledger.tallying import HALF_LIFE
from cultivar.record import Record

MICROSECONDS: Final = HALF_LIFE.days * 86_400_000_000
"""In a half-life."""

_FORGOTTEN: Final = 64 * MICROSECONDS
"""Whatever lies further apart is halved no more often: it makes no difference to a double."""

Key: TypeAlias = tuple[str, str, str, str, str]
"""The key of a row, as the table has it."""

Row: TypeAlias = tuple[str, str, str, str, str, int, int, int, int, float, float, float, int]
"""A row: its key, then uses, chosen, succeeded, failed, the three recents, and their time."""


class Added(NamedTuple):
    """Rows that are added, in the order of their keys; what keys have in common is said once."""

    things: Sequence[tuple[str, str, str]]
    """How keys begin."""
    strata: Sequence[tuple[str, str]]
    """How they end."""
    columns: Sequence[Sequence[Any]]
    """By row the place of the one, that of the other, and what is counted."""

    def rows(self) -> Iterator[Row]:
        """The rows."""
        things, strata = self.things, self.strata
        for thing, stratum, *counts in zip(*self.columns, strict=True):
            yield (*things[thing], *strata[stratum], *counts)


_TOGETHER: Final = 2000
"""Rows of one statement: SQLite takes 32766 values."""

_WHOLE_NUMBERS = ("uses", "chosen", "succeeded", "failed")
_RECENT = ("recent_uses", "recent_succeeded", "recent_failed")
TYPES: Final = ("text",) * 5 + ("bigint",) * 4 + ("float8",) * 3 + ("bigint",)
"""Of the columns of a row, as PostgreSQL calls them."""


def add_answers(connection: Connection, database: Database, added: Added) -> None:
    """Add rows to `answer_stats`."""
    _add(connection, database, _ANSWERS, added)


def add_combinations(connection: Connection, database: Database, added: Added) -> None:
    """Add rows to `combination_stats`."""
    _add(connection, database, _COMBINATIONS, added)


def insert_together(
    connection: Connection, into: str, rows: Sequence[Sequence[object]], conflict: str = ""
) -> None:
    """Insert rows into a table of SQLite, thousands with one statement.

    The driver takes Python's lock again after each statement, and may have to wait for it each
    time while other threads work.

    Args:
        connection: A connection to it.
        into: `INSERT INTO`, the table, and its columns if not all are given.
        rows: The rows.
        conflict: What follows the values.
    """
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        marks = f"({', '.join('?' * len(part[0]))})"
        statement = f"{into} VALUES {', '.join([marks] * len(part))} {conflict}"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))


def from_columns(types: Sequence[str]) -> str:
    """What to select from, on PostgreSQL, to get the rows that `in_columns` gives.

    Args:
        types: Of the columns.
    """
    names = [f"c{number}" for number in range(len(types))]
    given = ", ".join(["json_array_elements_text(%s)"] * len(types))
    cast = ", ".join(f"{name}::{kind}" for name, kind in zip(names, types, strict=True))
    return f"SELECT {cast} FROM ROWS FROM ({given}) AS given({', '.join(names)})"


def in_columns(rows: Iterable[Sequence[object]]) -> tuple[str, ...]:
    """The parameters of a statement that selects rows by `from_columns`.

    They are JSON, which the driver passes on as it is; to write lists as arrays takes it ten times
    as long.
    """
    return tuple(json.encode(each).decode() for each in zip(*rows, strict=True))


def _given(name: str, columns: Sequence[str]) -> str:
    """Rows that are given as JSON, a parameter a column, and numbered from 1 by `name`."""
    each = ", ".join(["json_array_elements_text(%s)"] * len(columns))
    return f"ROWS FROM ({each}) WITH ORDINALITY AS {name}s({', '.join(columns)}, {name})"


def _joined() -> str:
    """What to select from, on PostgreSQL, to get the rows that were given as `Added` has them."""
    texts, counts = [f"text{number}" for number in range(5)], [f"c{number}" for number in range(8)]
    cast = ", ".join(f"{name}::{kind}" for name, kind in zip(counts, TYPES[5:], strict=True))
    return (
        f"SELECT {', '.join(texts)}, {cast} FROM {_given('place', ('of', 'within', *counts))} "
        f"JOIN {_given('thing', texts[:3])} ON thing = of::bigint + 1 "
        f"JOIN {_given('stratum', texts[3:])} ON stratum = within::bigint + 1 ORDER BY place"
    )


class _Upsert(Record):
    """How rows are added to a table, by the kind of database."""

    into: str
    on_file: str
    on_server: str

    @classmethod
    def of(cls, table: str, keys: str) -> _Upsert:
        """To that table, with these columns for a key."""
        columns = f"{keys}, {', '.join((*_WHOLE_NUMBERS, *_RECENT))}, recent_at"
        return cls(
            into=f"INSERT INTO {table} ({columns})",
            on_file=_merge(table, keys, "min", "max"),
            on_server=f"{_joined()} {_merge(table, keys, 'least', 'greatest')}",
        )


def _add(connection: Connection, database: Database, upsert: _Upsert, added: Added) -> None:
    if database.is_sqlite:
        insert_together(connection, upsert.into, list(added.rows()), upsert.on_file)
    elif added.columns[0]:
        keys = (*zip(*added.things, strict=True), *zip(*added.strata, strict=True))
        columns = tuple(json.encode(each).decode() for each in (*added.columns, *keys))
        connection.exec_driver_sql(f"{upsert.into} {upsert.on_server}", columns)


def _merge(table: str, keys: str, least: str, greatest: str) -> str:
    """What becomes of a row that is there: the older of the two recents fades to the newer."""
    here, new = f"{table}.recent_at", "excluded.recent_at"
    added = [f"{each} = {table}.{each} + excluded.{each}" for each in _WHOLE_NUMBERS]
    merged = [
        f"{each} = CASE WHEN {here} >= {new} "
        f"THEN {table}.{each} + {_fading(f'excluded.{each}', f'{here} - {new}', least)} "
        f"ELSE {_fading(f'{table}.{each}', f'{new} - {here}', least)} + excluded.{each} END"
        for each in _RECENT
    ]
    at = f"recent_at = {greatest}({here}, {new})"
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join((*added, *merged, at))}"


def _fading(amount: str, age: str, least: str) -> str:
    """What is left of an amount; PostgreSQL refuses a product that is too small for a double."""
    halvings = f"CAST({least}({age}, {_FORGOTTEN}) AS DOUBLE PRECISION) / {MICROSECONDS}.0"
    return f"CASE WHEN {amount} > 1e-99 THEN {amount} * power(0.5, {halvings}) ELSE 0 END"


_ANSWERS: Final = _Upsert.of(
    "answer_stats", "template_id, question, value, template_version, instance_id"
)
_COMBINATIONS: Final = _Upsert.of(
    "combination_stats", "questions, template_id, combination, template_version, instance_id"
)
