"""Keeps each use of a tool or a prompt in SQL, without the secrets that it was given."""

from __future__ import annotations

from sqlalchemy import select

from cultivar.ledger.database import Database
from cultivar.ledger.encoding import Row
from cultivar.ledger.improvement_tables import execution_logs
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.ledger.masking import masked
from cultivar.lifecycle import Artifact, Execution
from cultivar.record import asdict

_table = execution_logs.c
_NEWEST = select(execution_logs).order_by(_table.executed_at.desc(), _table.id.desc())


class SqlExecutions:
    """The executions of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_execution(self, execution: Execution) -> None:
        """Keep a use; a known id stays as it is."""
        row = {name: value for name, value in asdict(masked(execution)).items()}
        artifact: Artifact = row.pop("artifact")
        row |= {"artifact_kind": artifact.kind, "artifact_name": artifact.name}
        with self._database.write() as connection:
            connection.execute(self._database.insert_new(execution_logs), row)

    def executions(self, query: ExecutionQuery) -> tuple[Execution, ...]:
        """The matching uses, the newest first."""
        wanted = _NEWEST.limit(query.limit).where(
            _table.artifact_kind == query.artifact.kind,
            _table.artifact_name == query.artifact.name,
        )
        if query.tree_hash:
            wanted = wanted.where(_table.tree_hash == query.tree_hash)
        if query.since is not None:
            wanted = wanted.where(_table.executed_at >= query.since)
        if query.succeeded is not None:
            wanted = wanted.where((_table.error == "") == query.succeeded)
        with self._database.read() as connection:
            return tuple(_execution_of(row) for row in connection.execute(wanted).mappings())

    def executed(self) -> tuple[Artifact, ...]:
        """All that was used, by id."""
        wanted = select(_table.artifact_kind, _table.artifact_name).distinct()
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        found = (Artifact(kind=row.artifact_kind, name=row.artifact_name) for row in rows)
        return tuple(sorted(found, key=lambda each: each.id))


def _execution_of(row: Row) -> Execution:
    names = set(Execution.__struct_fields__) - {"artifact"}
    artifact = Artifact(kind=row["artifact_kind"], name=row["artifact_name"])
    return Execution(artifact=artifact, **{name: row[name] for name in names})
