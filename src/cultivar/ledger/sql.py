"""The ledger in SQL: SQLite in a file, or PostgreSQL; one implementation for both.

The invariant: each method is one transaction. A process that is killed in it leaves all of what it
recorded before, and nothing of what it had not finished.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from cultivar.ledger.base import (
    CallRecord,
    ContentStore,
    PatternStore,
    Query,
    Run,
    VerdictCache,
    VersionStats,
)
from cultivar.ledger.blobs import SqlContentStore
from cultivar.ledger.calls import SqlCallRecord
from cultivar.ledger.database import Database, connect
from cultivar.ledger.generations import SqlGenerations
from cultivar.ledger.outbox import SqlOutbox
from cultivar.ledger.outgoing import Outbox, Telling
from cultivar.ledger.patterns import SqlPatternStore
from cultivar.ledger.runs import SqlRuns
from cultivar.ledger.schema import prepare
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import TallyStore
from cultivar.ledger.upgrades import SqlMigrations
from cultivar.ledger.verdicts import SqlVerdictCache
from cultivar.model import Generation, RunStatus
from cultivar.upgrades import Migration

if TYPE_CHECKING:
    from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExperimentStore, Leases


class SqlLedger:
    """A `Ledger`, with the stores that share its database; `open_ledger` makes it.

    Args:
        database: An open database with the ledger's tables.
        telling: Makes what others are told of each generation; nothing is put in the outbox
            without it.
    """

    def __init__(self, database: Database, telling: Telling | None = None) -> None:
        self._database = database
        self._runs = SqlRuns(database)
        self._generations = SqlGenerations(database, telling)
        self._migrations = SqlMigrations(database)
        self.content: ContentStore = SqlContentStore(database)
        """All trees."""
        self.verdicts: VerdictCache = SqlVerdictCache(database)
        """What checks said."""
        self.patterns: PatternStore = SqlPatternStore(database)
        """Failure patterns and their fixes."""
        self.calls: CallRecord = SqlCallRecord(database)
        """Model calls."""
        self.tallies: TallyStore = SqlTallies(database)
        """What was counted of all generations."""
        self.outbox: Outbox = SqlOutbox(database)
        """What others are still to be told of generations."""

    # Most who open a ledger improve nothing: what these need is imported when it is asked for.

    @property
    def artifacts(self) -> ArtifactStore:
        """Every version of what improves."""
        from cultivar.ledger.artifacts import SqlArtifacts

        return SqlArtifacts(self._database)

    @property
    def experiments(self) -> ExperimentStore:
        """Experiments with their trials, cases and releases."""
        from cultivar.ledger.experiments import SqlExperiments

        return SqlExperiments(self._database)

    @property
    def executions(self) -> ExecutionLog:
        """Uses of tools and prompts."""
        from cultivar.ledger.executions import SqlExecutions

        return SqlExecutions(self._database)

    @property
    def leases(self) -> Leases:
        """Who does what only one may do at a time."""
        from cultivar.ledger.leases import SqlLeases

        return SqlLeases(self._database)

    def flush(self) -> None:
        """Return when all that was asked for is kept: here it is, when a method has returned."""

    def start(self, run: Run) -> None:
        """Record a run that begins; a known one stays as it is."""
        self._runs.start(run)

    def finish(
        self, run_id: str, status: RunStatus, *, generation_id: str = "", error: str = ""
    ) -> None:
        """Record how the run stands.

        Raises:
            NotKnownError: It was never started.
        """
        self._runs.finish(run_id, status, generation_id=generation_id, error=error)

    def run(self, run_id: str) -> Run:
        """The run of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        return self._runs.run(run_id)

    def runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The latest runs, the newest first."""
        return self._runs.runs(limit)

    def unfinished(self, graph: str) -> tuple[Run, ...]:
        """The runs of a graph that have not come to their end, the oldest first."""
        return self._runs.unfinished(graph)

    def record(self, generation: Generation) -> None:
        """Record a generation in one transaction; a known id stays as it is.

        Raises:
            NotKnownError: The tree of an attempt was never kept.
        """
        self._generations.record(generation)

    def generation(self, generation_id: str) -> Generation:
        """The generation of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        return self._generations.generation(generation_id)

    def generations(self, query: Query) -> tuple[Generation, ...]:
        """The matching generations, the newest first."""
        return self._generations.generations(query)

    def maker_of(self, path: str) -> Generation | None:
        """The latest generation that wrote the file (or folder) at the absolute `path`.

        One whose upgrade was taken back does not count.
        """
        return self._generations.maker_of(path)

    def latest_at(
        self, output: str, template_id: str = "", file_path: str = ""
    ) -> Generation | None:
        """The latest generation that was written to the absolute folder `output`, and still stands.

        One whose upgrade was taken back, or failed, does not stand: the one before it does.

        Args:
            output: The folder.
            template_id: Of which template; empty: of any.
            file_path: Of which single file; empty: of any, or of the whole folder.
        """
        return self._generations.latest_at(output, template_id, file_path)

    def stats(self, template_id: str = "") -> tuple[VersionStats, ...]:
        """How each version of each template has done, by name and version."""
        return self._generations.stats(template_id)

    def record_migration(self, migration: Migration) -> None:
        """Record an upgrade with its scripts in one transaction; a known id stays as it is.

        One that failed gives way, since its run may be taken up again.
        """
        self._migrations.record(migration)

    def mark_undone(self, run_id: str) -> None:
        """Record that the upgrade of that run was taken back.

        Raises:
            NotKnownError: There is no such upgrade.
        """
        self._migrations.mark_undone(run_id)

    def migration(self, run_id: str) -> Migration:
        """The upgrade of that run, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        return self._migrations.migration(run_id)

    def migrations(self, output: str = "", limit: int = 50) -> tuple[Migration, ...]:
        """The latest upgrades, of the folder `output` if it is given, the newest first."""
        return self._migrations.migrations(output, limit)

    def scripts_done(self, output: str, template_id: str) -> frozenset[str]:
        """The migration scripts of a template whose work stands in the folder `output`.

        A script of an upgrade that failed or was taken back left nothing there.
        """
        return self._migrations.scripts_done(output, template_id)

    def close(self) -> None:
        """Give all connections back; the ledger is not used after it."""
        self._database.close()

    def __enter__(self) -> SqlLedger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_ledger(url: str, telling: Telling | None = None) -> SqlLedger:
    """Open the ledger at SQLAlchemy's address `url`; create it, or bring it up to date.

    Args:
        url: The address.
        telling: Makes what others are told of each generation; nothing is put in the outbox
            without it, so nobody pays for it who has no bus.

    Raises:
        SettingsError: The address is none, or names a database that the ledger cannot use.
        StoreUnavailableError: The database does not answer, cannot be written, is none of ours, or
            is of a newer version; then it was not touched.
    """
    database = connect(url)
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlLedger(database, telling)
