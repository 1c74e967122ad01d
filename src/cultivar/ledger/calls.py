"""Keeps every model call in SQL, so that a resumed run pays for none twice."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from cultivar.ledger.base import ModelCall
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import revived
from cultivar.ledger.tables import model_calls
from cultivar.model import Usage
from cultivar.record import asdict


class SqlCallRecord:
    """The record of model calls in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def call(self, run_id: str, request_hash: str) -> ModelCall | None:
        """The answered call of this run with that request, if there is one; the first of many."""
        wanted = (
            select(model_calls)
            .where(model_calls.c.run_id == run_id, model_calls.c.request_hash == request_hash)
            .where(model_calls.c.error == "")
            .order_by(model_calls.c.id)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else revived(ModelCall, row)

    def add_call(self, call: ModelCall) -> None:
        """Keep a call."""
        row = {**asdict(call), "called_at": datetime.now(UTC)}
        with self._database.write() as connection:
            connection.execute(insert(model_calls), row)

    def usage(self, run_id: str) -> Usage:
        """What the run's calls took so far."""
        tokens = model_calls.c.prompt_tokens + model_calls.c.completion_tokens
        sums = select(
            func.count().label("calls"),
            func.coalesce(func.sum(tokens), 0).label("tokens"),
            func.coalesce(func.sum(model_calls.c.money), 0.0).label("money"),
            func.coalesce(func.sum(model_calls.c.seconds), 0.0).label("seconds"),
        ).where(model_calls.c.run_id == run_id)
        with self._database.read() as connection:
            row = connection.execute(sums).one()
        return Usage(calls=row.calls, tokens=int(row.tokens), money=row.money, seconds=row.seconds)
