"""The outbox in SQL: rows that a generation's transaction adds, and that go once they were told.

What was told is deleted: the generation itself is the lasting record. A gap is not waited for.
The rows are asked for by what is there, not by how far a reader has come, so one whose transaction
commits after that of a later one is found as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from cultivar.ledger.database import Database
from cultivar.ledger.outgoing import Outgoing, Parked
from cultivar.ledger.tables import outbox
from cultivar.model import Generation

_table = outbox.c

_ADD = insert(outbox)

_AT_ONCE = 500
"""Rows named in one statement; SQLite takes only so many values."""


class SqlOutbox:
    """The outbox of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, instance_id: str, limit: int = 200) -> tuple[Outgoing, ...]:
        """The first of what this instance has to tell, without what is parked."""
        found = self._found(
            _table.instance_id == instance_id, _table.parked_for.is_(None), limit=limit
        )
        return tuple(_outgoing_of(each) for each in found)

    def published(self, sequences: Iterable[int]) -> None:
        """Forget what was told; what is forgotten already stays so."""
        told = sorted(set(sequences))
        with self._database.write() as connection:
            for start in range(0, len(told), _AT_ONCE):
                some = told[start : start + _AT_ONCE]
                connection.execute(delete(outbox).where(_table.sequence.in_(some)))

    def park(self, sequence: int, reason: str) -> None:
        """Put it out of the way of the rest, where `parked` shows it.

        Args:
            sequence: Which.
            reason: Why it cannot be told, in words.
        """
        changed = update(outbox).where(_table.sequence == sequence)
        with self._database.write() as connection:
            connection.execute(changed.values(parked_for=reason))

    def parked(self, instance_id: str) -> tuple[Parked, ...]:
        """What this instance cannot tell, in order."""
        found = self._found(_table.instance_id == instance_id, _table.parked_for.is_not(None))
        return tuple(Parked(outgoing=_outgoing_of(each), reason=each.parked_for) for each in found)

    def waiting(self, instance_id: str) -> int:
        """How much this instance has to tell, without what is parked."""
        ours = (_table.instance_id == instance_id, _table.parked_for.is_(None))
        with self._database.read() as connection:
            return connection.execute(select(func.count()).where(*ours)).scalar_one()

    def unpark(self, instance_id: str) -> None:
        """Let what this instance could not tell wait with the rest again, in its old place."""
        ours = (_table.instance_id == instance_id, _table.parked_for.is_not(None))
        with self._database.write() as connection:
            connection.execute(update(outbox).where(*ours).values(parked_for=None))

    def _found(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> Sequence[Row[Any]]:
        wanted = select(outbox).where(*conditions).order_by(_table.sequence).limit(limit)
        with self._database.read() as connection:
            return connection.execute(wanted).all()


def put(connection: Connection, generation: Generation, payload: bytes) -> None:
    """Add what is to be told of a generation, in the transaction that records it."""
    connection.execute(
        _ADD,
        {
            "generation_id": generation.id,
            "instance_id": generation.instance_id,
            "payload": payload,
        },
    )


def _outgoing_of(row: Row[Any]) -> Outgoing:
    return Outgoing(sequence=row.sequence, generation_id=row.generation_id, payload=row.payload)
