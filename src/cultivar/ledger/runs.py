"""Records the runs of graphs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from cultivar.errors import NotKnownError
from cultivar.ledger.base import Run
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import Row, kept_order, revived
from cultivar.ledger.finding import begins_with, only
from cultivar.ledger.tables import runs
from cultivar.model import Order, RunStatus
from cultivar.record import asdict
from cultivar.upgrades import UpgradeOrder

if TYPE_CHECKING:
    from cultivar.lifecycle import ImproveOrder


class SqlRuns:
    """The runs of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run: Run) -> None:
        """Record a run that begins; a known one stays as it is."""
        row = {name: value for name, value in asdict(run).items() if name != "order"}
        row |= {"order_placed": kept_order(run.order), "updated_at": datetime.now(UTC)}
        with self._database.write() as connection:
            connection.execute(self._database.insert_new(runs), row)

    def finish(
        self, run_id: str, status: RunStatus, *, generation_id: str = "", error: str = ""
    ) -> None:
        """Record how the run stands.

        Raises:
            NotKnownError: It was never started.
        """
        stands = update(runs).where(runs.c.id == run_id)
        row = {"status": status, "generation_id": generation_id, "error": error}
        with self._database.write() as connection:
            if not connection.execute(stands, {**row, "updated_at": datetime.now(UTC)}).rowcount:
                raise NotKnownError("run", run_id)

    def run(self, run_id: str) -> Run:
        """The run of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        wanted = select(runs).where(*begins_with(runs.c.id, run_id)).order_by(runs.c.id).limit(3)
        with self._database.read() as connection:
            found = connection.execute(wanted).mappings().all()
        return _run_of(only("run", run_id, {row["id"]: row for row in found if run_id}))

    def runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The latest runs, the newest first."""
        wanted = select(runs).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple(_run_of(row) for row in connection.execute(wanted).mappings())

    def unfinished(self, graph: str) -> tuple[Run, ...]:
        """The runs of a graph that have not come to their end, the oldest first."""
        wanted = select(runs).where(runs.c.graph == graph, runs.c.status != "done")
        oldest = wanted.order_by(runs.c.started_at, runs.c.id)
        with self._database.read() as connection:
            return tuple(_run_of(row) for row in connection.execute(oldest).mappings())


def _run_of(row: Row) -> Run:
    return Run(
        id=row["id"],
        graph=row["graph"],
        order=_order_of(row),
        status=row["status"],
        started_at=row["started_at"],
        generation_id=row["generation_id"],
        error=row["error"],
    )


def _order_of(row: Row) -> Order | UpgradeOrder | ImproveOrder:
    """What the graph of a run was asked."""
    if row["graph"] == "improve":
        from cultivar.lifecycle import ImproveOrder  # which few runs need

        return revived(ImproveOrder, row["order_placed"])
    if row["graph"] == "upgrade":
        return revived(UpgradeOrder, row["order_placed"])
    return revived(Order, row["order_placed"])
