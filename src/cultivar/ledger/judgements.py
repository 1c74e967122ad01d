"""Keeps what was made of the counts beside them, for whoever asks the same again.

The invariant: it only saves work. What cannot be kept at once is not, and nobody is told.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from contextlib import closing
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, text

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.columns import restored, storable
from cultivar.ledger.counting import TOTAL
from cultivar.ledger.database import Database
from cultivar.ledger.tallying import Extent, Judgement, Known

_LOG = logging.getLogger(__name__)

MOST_KEPT: Final = 1000
"""How many of one question are kept; those made last stay, since anybody may ask for anything."""

_PATIENCE: Final = 100
"""Milliseconds that keeping waits for other writers."""

_BY_INSTANCE: Final = (
    "SELECT sum(uses) AS told, count(*) AS strata FROM combination_stats "
    f"WHERE questions = '{TOTAL}' AND template_id = :of GROUP BY instance_id"
)
_LISTED: Final = {"sqlite": "group_concat(told)", "postgresql": "string_agg(told::text, ',')"}
"""What makes one text of the numbers of all instances, as a row of each would take longer."""
_OF_QUESTION: Final = "template_id = :of AND question = :question"
_KEPT: Final = text(
    f"SELECT key, body, uses FROM judgements WHERE {_OF_QUESTION} AND key IN :keys"
).bindparams(bindparam("keys", expanding=True, type_=Text()))
_EXTENTS: Final = {
    dialect: f"SELECT {listed} AS told, sum(strata) AS strata FROM ({_BY_INSTANCE}) AS instances"
    for dialect, listed in _LISTED.items()
}
_EXTENT: Final = {dialect: text(statement) for dialect, statement in _EXTENTS.items()}
# One statement: a server is asked once.
_KNOWN: Final = {
    dialect: text(
        "SELECT told, strata, NULL AS key, NULL AS body, NULL AS uses "
        f"FROM ({statement}) AS extent UNION ALL "
        "SELECT NULL, NULL, key, body, uses FROM judgements "
        f"WHERE {_OF_QUESTION} AND key IN :keys"
    ).bindparams(bindparam("keys", expanding=True, type_=Text()))
    for dialect, statement in _EXTENTS.items()
}
_KEEP: Final = (
    "INSERT INTO judgements (template_id, question, key, body, uses) VALUES ({}) "
    "ON CONFLICT (template_id, question, key) DO UPDATE SET body = excluded.body, "
    "uses = excluded.uses"
)
_FORGET: Final = (
    "DELETE FROM judgements WHERE template_id = {0} AND question = {0} AND key IN "
    "(SELECT key FROM judgements WHERE template_id = {0} AND question = {0} "
    f"ORDER BY uses DESC, key LIMIT {MOST_KEPT} OFFSET {MOST_KEPT})"
)


def extent(connection: Connection, template_id: str) -> Extent:
    """How much was counted of a template."""
    statement = _EXTENT[connection.dialect.name]
    return _extent(*connection.execute(statement, {"of": storable(template_id)}).one())


def known(connection: Connection, template_id: str, question: str, keys: Collection[str]) -> Known:
    """What is kept of a question, of these keys, and how much was counted of its template."""
    named = {"of": storable(template_id), "question": storable(question), "keys": list(keys)}
    rows = connection.execute(_KNOWN[connection.dialect.name], named).all()
    (counted,) = (row for row in rows if row.key is None)
    kept = {row.key: Judgement(body=restored(row.body), uses=row.uses) for row in rows if row.key}
    return Known(extent=_extent(counted.told, counted.strata), kept=kept)


def _extent(told: str | None, strata: int | None) -> Extent:
    """What the instances, listed as a text, tell together; None where there are none."""
    numbers = tuple(map(int, told.split(","))) if told else ()
    return Extent(uses=sum(numbers), strata=int(strata or 0), instances=len(numbers), told=numbers)


def kept(
    connection: Connection, template_id: str, question: str, keys: Collection[str]
) -> dict[str, Judgement]:
    """What is kept of a question, of these keys."""
    named = {"of": storable(template_id), "question": storable(question), "keys": list(keys)}
    rows = connection.execute(_KEPT, named).all() if keys else ()
    return {key: Judgement(body=restored(body), uses=uses) for key, body, uses in rows}


def keep(
    database: Database, template_id: str, question: str, made: Mapping[str, Judgement]
) -> None:
    """Keep what was worked out of a question, if nobody else is writing."""
    of = (storable(template_id), storable(question))
    rows = [(*of, key, storable(each.body), each.uses) for key, each in sorted(made.items())]
    try:
        with database.explained():
            (_keep_in_file if database.is_sqlite else _keep_on_server)(database, rows, of)
    except StoreUnavailableError as error:
        _LOG.debug("not kept: %s", error)


def _keep_in_file(database: Database, rows: list[tuple[Any, ...]], of: tuple[str, str]) -> None:
    with closing(database.engine.raw_connection()) as borrowed:
        cursor = borrowed.cursor()
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(_KEEP.format("?, ?, ?, ?, ?"), rows)
            cursor.execute(_FORGET.format("?"), of * 2)
            cursor.execute("COMMIT")
        finally:  # giving it back takes back what was not finished
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def _keep_on_server(database: Database, rows: list[tuple[Any, ...]], of: tuple[str, str]) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_PATIENCE}")
        connection.exec_driver_sql(_KEEP.format("%s, %s, %s, %s, %s"), rows)
        connection.exec_driver_sql(_FORGET.format("%s"), of * 2)
