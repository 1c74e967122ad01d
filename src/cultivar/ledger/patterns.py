"""Keeps failure patterns, their vectors and their fixes in SQL.

The invariant: whoever sees a revision sees every pattern that was added up to it, because each
change takes the next revision in its own transaction and holds it until it is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, select, true, update

from cultivar.errors import NotKnownError
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import Row, fix_of
from cultivar.ledger.finding import in_batches
from cultivar.ledger.outgoing import SeenPattern
from cultivar.ledger.tables import failure_fixes, failure_patterns, revisions
from cultivar.model import FailurePattern, Fix, Generation, Trial
from cultivar.record import asdict

_patterns = failure_patterns.c
_fixes = failure_fixes.c

REVISION = "patterns"
"""The counter that grows with every change."""

_COLUMNS = (
    *(_patterns.id, _patterns.signature, _patterns.check_name, _patterns.language),
    *(_patterns.kind, _patterns.example, _patterns.seen),
)
"""All but the vector, which is long and which only the index needs."""


class SqlPatternStore:
    """The failure patterns of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """Grows with every change; 0 while there is no pattern."""
        with self._database.read() as connection:
            return connection.execute(
                select(revisions.c.number).where(revisions.c.name == REVISION)
            ).scalar_one()

    def add_pattern(self, pattern: FailurePattern, vector: bytes, embedder: str) -> None:
        """Keep a new pattern with its vector (little-endian float32) and its embedder's id.

        One of a known id stays as it is.
        """
        with self._database.write() as connection:
            revision = _next_revision(connection)
            row = _pattern_row(pattern, revision) | {"vector": vector, "embedder": embedder}
            new = self._database.insert_new(failure_patterns).returning(_patterns.id)
            if connection.execute(new, row).first() is not None and pattern.fixes:
                self._insert_fixes(connection, pattern.id, revision, pattern.fixes)

    def patterns(self, ids: Iterable[str] | None = None) -> tuple[FailurePattern, ...]:
        """The patterns of these ids, in their order; all, the newest first, without ids.

        Ids that are not known are left out.
        """
        with self._database.read() as connection:
            if ids is None:
                return tuple(_load(connection, true(), true()).values())
            wanted = list(dict.fromkeys(ids))
            found: dict[str, FailurePattern] = {}
            for batch in in_batches(wanted):
                found |= _load(connection, _patterns.id.in_(batch), _fixes.pattern_id.in_(batch))
        return tuple(found[each] for each in wanted if each in found)

    def vectors(self, embedder: str, after: int = 0) -> Mapping[str, bytes]:
        """All vectors that this embedder made, by pattern id.

        With `after`, only those of patterns that were added since that revision.
        """
        wanted = (
            select(_patterns.id, _patterns.vector)
            .where(_patterns.embedder == embedder, _patterns.added > after)
            .order_by(_patterns.added)
        )
        with self._database.read() as connection:
            return {row.id: bytes(row.vector) for row in connection.execute(wanted)}

    def add_fix(self, pattern_id: str, fix: Fix) -> None:
        """Keep a fix of the pattern; a known one stays as it is.

        Raises:
            NotKnownError: There is no such pattern.
        """
        with self._database.write() as connection:
            revision = _next_revision(connection)
            found = select(_patterns.id).where(_patterns.id == pattern_id)
            if connection.execute(found).first() is None:
                raise NotKnownError("failure pattern", pattern_id)
            self._insert_fixes(connection, pattern_id, revision, (fix,))

    def count(self, generation: Generation) -> None:
        """Count the failures of a generation to their patterns, and what became of fixes."""
        with self._database.write() as connection:
            count(connection, generation)

    def _insert_fixes(
        self, connection: Connection, pattern_id: str, revision: int, fixes: Sequence[Fix]
    ) -> None:
        rows = [
            {**asdict(fix), "pattern_id": pattern_id, "added": revision, "position": position}
            for position, fix in enumerate(fixes)
        ]
        connection.execute(self._database.insert_new(failure_fixes), rows)


def _next_revision(connection: Connection) -> int:
    """Take the next revision; other writers wait until this transaction ends."""
    return connection.execute(
        update(revisions)
        .where(revisions.c.name == REVISION)
        .values(number=revisions.c.number + 1)
        .returning(revisions.c.number)
    ).scalar_one()


def seen_patterns(database: Database, ids: Iterable[str]) -> tuple[SeenPattern, ...]:
    """What may be told of the patterns of these ids, without their examples and fixes."""
    wanted = select(_patterns.id, _patterns.signature, _patterns.check_name, _patterns.language)
    wanted = wanted.order_by(_patterns.id)
    with database.read() as connection:
        return tuple(
            SeenPattern(id=row[0], signature=row[1], check=row[2], language=row[3])
            for batch in in_batches(sorted(ids))
            for row in connection.execute(wanted.where(_patterns.id.in_(batch)))
        )


def count(connection: Connection, generation: Generation) -> None:
    """Count the failures of a generation to their patterns, and what became of fixes.

    It belongs to the transaction that records the generation, so that nothing counts twice.
    """
    joined = [pattern for attempt in generation.attempts for pattern in attempt.patterns]
    if joined:
        _next_revision(connection)
    for pattern_id in joined:
        _count_seen(connection, pattern_id)
    for trial in generation.trials:
        _count_trial(connection, trial)


def _count_seen(connection: Connection, pattern_id: str) -> None:
    connection.execute(
        update(failure_patterns)
        .where(_patterns.id == pattern_id)
        .values(seen=_patterns.seen + 1, last_seen_at=datetime.now(UTC))
    )


def _count_trial(connection: Connection, trial: Trial) -> None:
    connection.execute(
        update(failure_fixes)
        .where(and_(_fixes.pattern_id == trial.pattern_id, _fixes.id == trial.fix_id))
        .values(tried=_fixes.tried + 1, worked=_fixes.worked + int(trial.worked))
    )


def _pattern_row(pattern: FailurePattern, revision: int) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "id": pattern.id,
        "added": revision,
        "signature": pattern.signature,
        "check_name": pattern.check,
        "language": pattern.language,
        "kind": pattern.kind,
        "example": pattern.example,
        "seen": pattern.seen,
        "first_seen_at": now,
        "last_seen_at": now,
    }


def _load(
    connection: Connection, which: ColumnElement[bool], whose: ColumnElement[bool]
) -> dict[str, FailurePattern]:
    """The patterns by id, the newest first, each with its fixes, the oldest first."""
    fixes: dict[str, list[Fix]] = defaultdict(list)
    ordered = select(failure_fixes).where(whose).order_by(_fixes.added, _fixes.position)
    for row in connection.execute(ordered).mappings():
        fixes[row["pattern_id"]].append(fix_of(row))
    wanted = select(*_COLUMNS).where(which).order_by(_patterns.added.desc())
    rows = connection.execute(wanted).mappings()
    return {row["id"]: _pattern_of(row, fixes[row["id"]]) for row in rows}


def _pattern_of(row: Row, fixes: Sequence[Fix]) -> FailurePattern:
    return FailurePattern(
        id=row["id"],
        signature=row["signature"],
        check=row["check_name"],
        language=row["language"],
        kind=row["kind"],
        example=row["example"],
        seen=row["seen"],
        fixes=tuple(fixes),
    )
