"""Which whole combinations of answers do best, and which worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cultivar.learning.evidence.counts import Key, key_of
from cultivar.learning.evidence.rates import Interval
from cultivar.learning.evidence.standardising import Baseline, baseline_of
from cultivar.ledger.tallying import CombinationTally, TallyStore
from cultivar.model import Json
from cultivar.record import Record

SHOWN: Final = 5
"""How many combinations are told."""

_LEAST: Final = 5
"""Verified generations from which on a combination is told at all."""


class Combination(Record):
    """Answers that were given together, and what became of it."""

    answers: Mapping[str, Json]
    uses: int
    verified: int
    success: float
    """As it would be were it used in the same versions and instances as all others."""
    interval: Interval
    instances: int


def best_combinations(
    store: TallyStore, template_id: str, limit: int = SHOWN
) -> tuple[Combination, ...]:
    """Those that succeed most: by the lower end of the interval, so that luck does not lead.

    Args:
        store: Where the counts are.
        template_id: The template.
        limit: How many at most.
    """
    found = _combinations(store, template_id)
    return tuple(sorted(found, key=lambda each: (-each.interval.low, -each.verified))[:limit])


def worst_combinations(
    store: TallyStore, template_id: str, limit: int = SHOWN
) -> tuple[Combination, ...]:
    """Those that succeed least: by the upper end of the interval.

    Args:
        store: Where the counts are.
        template_id: The template.
        limit: How many at most.
    """
    found = _combinations(store, template_id)
    return tuple(sorted(found, key=lambda each: (each.interval.high, -each.verified))[:limit])


def _combinations(store: TallyStore, template_id: str) -> list[Combination]:
    totals = store.totals(template_id).get(template_id, {})
    baseline = baseline_of({s: (t.succeeded, t.failed) for s, t in totals.items()})
    found: dict[tuple[tuple[str, Key], ...], list[CombinationTally]] = {}
    for row in store.combinations(template_id):
        key = tuple((name, key_of(value)) for name, value in row.answers)
        found.setdefault(key, []).append(row)
    told = (_combination(rows, baseline) for rows in found.values())
    return [each for each in told if each.verified >= _LEAST]


def _combination(rows: Sequence[CombinationTally], baseline: Baseline) -> Combination:
    cells = {row.stratum: (row.tally.succeeded, row.tally.failed) for row in rows}
    rate = baseline.standardised(cells)
    return Combination(
        answers=dict(rows[0].answers),
        uses=sum(row.tally.uses for row in rows),
        verified=sum(sum(each) for each in cells.values()),
        success=rate.estimate,
        interval=rate.wilson(),
        instances=len({row.stratum.instance_id for row in rows}),
    )
