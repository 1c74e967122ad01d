"""Ends a run of `improve` for good that cannot come to its end: what it left open is decided."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cultivar.evolution.strategies.shadowing import is_shadowed
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.record import replace

LOOP: Final = "loop"
"""Who decided about an experiment whose run could not be taken up again."""

_MOST: Final = 10_000


def close_experiments(store: ExperimentStore, run_id: str, reason: str, by: str = LOOP) -> None:
    """Stop the trials of a run that are still open; what is in the shadow goes on without it.

    Args:
        store: The record.
        run_id: The run's.
        reason: Why.
        by: Who decided it.
    """
    query = ExperimentQuery(campaign=run_id, status="running", limit=_MOST)
    for each in store.experiments(query):
        if not is_shadowed(each):
            now = datetime.now(UTC)
            store.keep_experiment(
                replace(each, status="stopped", reason=reason, decided_by=by, updated_at=now)
            )
