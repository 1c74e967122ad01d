"""Records upgrades with their migration scripts, and says which of them stand.

The invariant: an upgrade is there with all its scripts, or not at all.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, select, update

from cultivar.errors import NotKnownError
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import (
    Row,
    migration_of,
    migration_row,
    script_of,
    script_rows,
)
from cultivar.ledger.finding import begins_with, only, rows_of
from cultivar.ledger.tables import migration_scripts, template_migrations
from cultivar.upgrades import Migration, ScriptRun

_table = template_migrations.c
_script = migration_scripts.c
_SCRIPTS = select(migration_scripts).order_by(_script.position)
_FALLEN = ("failed", "undone")
"""The outcomes that left the project as it was."""
_NEAREST = 3


class SqlMigrations:
    """The upgrades of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, migration: Migration) -> None:
        """Record an upgrade with its scripts in one transaction; a known id stays as it is.

        One that failed gives way, since its run may be taken up again.
        """
        new = self._database.insert_new(template_migrations).returning(_table.id)
        scripts = script_rows(migration)
        with self._database.write() as connection:
            _forget_failed(connection, migration.id)
            inserted = connection.execute(new, migration_row(migration)).first()
            if inserted is not None and scripts:
                connection.execute(self._database.insert(migration_scripts), scripts)

    def mark_undone(self, run_id: str) -> None:
        """Record that the upgrade of that run was taken back.

        Raises:
            NotKnownError: There is no such upgrade.
        """
        undone = update(template_migrations).where(_table.id == run_id)
        row = {"outcome": "undone", "updated_at": datetime.now(UTC)}
        with self._database.write() as connection:
            if not connection.execute(undone, row).rowcount:
                raise NotKnownError("upgrade", run_id)

    def migration(self, run_id: str) -> Migration:
        """The upgrade of that run, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        wanted = select(template_migrations).where(*begins_with(_table.id, run_id))
        with self._database.read() as connection:
            found = _load(connection, wanted.order_by(_table.id).limit(_NEAREST))
        return only("upgrade", run_id, {each.id: each for each in found if run_id})

    def migrations(self, output: str = "", limit: int = 50) -> tuple[Migration, ...]:
        """The latest upgrades, of the folder `output` if it is given, the newest first."""
        wanted = select(template_migrations).limit(limit)
        if output:
            wanted = wanted.where(_table.output == posixpath.normpath(output))
        with self._database.read() as connection:
            return _load(connection, wanted.order_by(_table.migrated_at.desc(), _table.id.desc()))

    def scripts_done(self, output: str, template_id: str) -> frozenset[str]:
        """The migration scripts of a template whose work stands in the folder `output`.

        A script of an upgrade that failed or was taken back left nothing there.
        """
        wanted = (
            select(_script.script)
            .join_from(migration_scripts, template_migrations)
            .where(_table.output == posixpath.normpath(output), _table.template_id == template_id)
            .where(_table.outcome.not_in(_FALLEN), _script.succeeded)
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(wanted).scalars())


def standing(run_id: ColumnElement[str]) -> ColumnElement[bool]:
    """That the run is no upgrade that failed or was taken back."""
    return ~exists().where(_table.id == run_id, _table.outcome.in_(_FALLEN))


def _forget_failed(connection: Connection, run_id: str) -> None:
    failed = select(_table.id).where(_table.id == run_id, _table.outcome == "failed")
    connection.execute(delete(migration_scripts).where(_script.migration_id.in_(failed)))
    connection.execute(
        delete(template_migrations).where(_table.id == run_id, _table.outcome == "failed")
    )


def _load(connection: Connection, wanted: Select[Any]) -> tuple[Migration, ...]:
    """The upgrades of these rows with their scripts."""
    rows = connection.execute(wanted).mappings().all()
    scripts = _scripts(connection, [row["id"] for row in rows])
    return tuple(migration_of(row, scripts[row["id"]]) for row in rows)


def _scripts(connection: Connection, ids: Sequence[str]) -> Mapping[str, list[ScriptRun]]:
    found: dict[str, list[ScriptRun]] = defaultdict(list)
    row: Row
    for row in rows_of(connection, _SCRIPTS, _script.migration_id, ids):
        found[row["migration_id"]].append(script_of(row))
    return found
