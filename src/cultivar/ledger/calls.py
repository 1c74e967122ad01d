"""Keeps every model call in SQL, so that a resumed run pays for none twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, text, update

from cultivar.ledger.base import Fits, ModelCall, Reserved
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import revived
from cultivar.ledger.tables import model_calls
from cultivar.model import Usage
from cultivar.record import asdict, replace
from cultivar.schema import read_as

_LOCK_KEY: Final = 0x43554C42
"""Of PostgreSQL's advisory locks: "CULB" in ASCII."""

_RESERVED: Final = "reserved"
"""The key of a prompt under which it stands what a call that is under way may take."""


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
        with self._database.write() as connection:
            connection.execute(insert(model_calls), _row(call))

    def begin_call(self, call: ModelCall, most: Reserved, fits: Fits) -> int | None:
        """Keep a call before it is made, if there is room for it beside those that are under way.

        It stands among the run's calls as what it takes at least, so that a process that dies
        leaves that behind; what it may take stands in its prompt, until it is ended.
        """
        with self._database.write() as connection:
            self._lock(connection, call.run_id)
            under_way = self._under_way(connection, call.run_id, most.begins)
            used = _sums(connection, call.run_id, tuple(under_way))
            if not fits(used, _total(under_way)):
                return None
            kept = replace(call, prompt={"call": call.prompt, _RESERVED: asdict(most)})
            begun: int = connection.execute(
                insert(model_calls).returning(model_calls.c.id), _row(kept)
            ).scalar_one()
            return begun

    def end_call(self, begun: int, call: ModelCall | None) -> None:
        """Keep what a call took that was begun; None: it was not made after all."""
        its_row = model_calls.c.id == begun
        with self._database.write() as connection:
            if call is None:
                connection.execute(delete(model_calls).where(its_row))
            elif not connection.execute(update(model_calls).where(its_row), _row(call)).rowcount:
                connection.execute(insert(model_calls), _row(call))

    def usage(self, run_id: str) -> Usage:
        """What the run's calls took so far."""
        with self._database.read() as connection:
            return _sums(connection, run_id)

    def _lock(self, connection: Connection, run_id: str) -> None:
        """Let nobody else begin a call of the run; a file has one writer at a time anyway."""
        if not self._database.is_sqlite:
            lock = text("SELECT pg_advisory_xact_lock(:key, hashtext(:run_id))")
            connection.execute(lock, {"key": _LOCK_KEY, "run_id": run_id})

    def _under_way(self, connection: Connection, run_id: str, now: float) -> Mapping[int, Reserved]:
        """The run's calls that nobody has ended nor given up, by their ids."""
        open_ones = select(model_calls.c.id, model_calls.c.prompt).where(
            model_calls.c.run_id == run_id, model_calls.c.attempts == 0
        )
        found = {row.id: _reserved(row.prompt) for row in connection.execute(open_ones)}
        return {each: most for each, most in found.items() if most and most.ends > now}


def _reserved(prompt: Any) -> Reserved | None:
    """What a call may take that was begun; None where it was not, but failed before it was sent."""
    return read_as(Reserved, prompt[_RESERVED]) if _RESERVED in prompt else None


def _row(call: ModelCall) -> dict[str, Any]:
    return {**asdict(call), "called_at": datetime.now(UTC)}


def _total(under_way: Mapping[int, Reserved]) -> Usage:
    return Usage(
        calls=len(under_way),
        tokens=sum(each.tokens for each in under_way.values()),
        money=sum(each.money for each in under_way.values()),
    )


def _sums(connection: Connection, run_id: str, without: tuple[int, ...] = ()) -> Usage:
    tokens = model_calls.c.prompt_tokens + model_calls.c.completion_tokens
    sums = select(
        func.count().label("calls"),
        func.coalesce(func.sum(tokens), 0).label("tokens"),
        func.coalesce(func.sum(model_calls.c.money), 0.0).label("money"),
        func.coalesce(func.sum(model_calls.c.seconds), 0.0).label("seconds"),
    ).where(model_calls.c.run_id == run_id, model_calls.c.id.not_in(without))
    row = connection.execute(sums).one()
    return Usage(calls=row.calls, tokens=int(row.tokens), money=row.money, seconds=row.seconds)
