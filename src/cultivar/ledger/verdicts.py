"""Remembers in SQL what a check said of a tree."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from cultivar.ledger.database import Database
from cultivar.ledger.encoding import revived
from cultivar.ledger.tables import verdicts
from cultivar.model import CheckResult


class SqlVerdictCache:
    """The verdict cache of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verdict(self, key: str) -> CheckResult | None:
        """What was said under `key`, a hash of tree, command, environment and sandbox."""
        with self._database.read() as connection:
            row = connection.execute(select(verdicts.c.result).where(verdicts.c.key == key)).first()
        return None if row is None else revived(CheckResult, row.result)

    def remember(self, key: str, result: CheckResult) -> None:
        """Keep `result` under `key`; a later one takes its place."""
        row = {"key": key, "result": result, "kept_at": datetime.now(UTC)}
        new = self._database.insert(verdicts)
        changes = {"result": new.excluded["result"], "kept_at": new.excluded["kept_at"]}
        with self._database.write() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=["key"], set_=changes), row)
