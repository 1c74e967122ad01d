"""All that is known of a template, in one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cultivar.learning.evidence.counts import Key, count, key_of, summed, together
from cultivar.learning.evidence.ground import ground_of
from cultivar.learning.evidence.rates import Interval, Rate
from cultivar.learning.evidence.standardising import baseline_of
from cultivar.learning.evidence.usage import usage_of
from cultivar.learning.evidence.weighing import by_version
from cultivar.learning.findings.combining import Combination, best_combinations, worst_combinations
from cultivar.learning.findings.drifting import Drift, drift
from cultivar.learning.findings.failing import FailureAssociation, associated_with_failure
from cultivar.ledger.tallying import LOOKED_AT, AnswerTally, Stratum, Tally, TallyStore
from cultivar.model import Json
from cultivar.record import Record

_NONE: Final = Rate(successes=0, trials=0)


class Outcome(Record):
    """How often something was used, and how often it succeeded."""

    uses: int
    succeeded: int
    failed: int
    """What neither succeeded nor failed was not verified."""
    success: float | None
    """None where nothing was verified."""
    interval: Interval


class VersionOutcome(Record):
    """How one version does."""

    version: str
    outcome: Outcome


class AnswerStatistics(Record):
    """How one answer to a question does."""

    value: Json
    uses: int
    chosen: int
    share: float | None
    """Of what was chosen, each instance's part bounded; None where nobody chose anything."""
    share_interval: Interval
    success: float | None
    """Standardised, as if all answers were used in the same strata; None: nothing verified."""
    success_interval: Interval
    verified: int


class QuestionStatistics(Record):
    """How the answers to a question do, the most used first."""

    question: str
    answers: tuple[AnswerStatistics, ...]
    others: int = 0
    """How many more there are that are used less."""


class TemplateStatistics(Record):
    """All that is known of a template."""

    template_id: str
    total: Outcome
    instances: int
    versions: tuple[VersionOutcome, ...]
    """The newest first."""
    questions: tuple[QuestionStatistics, ...]
    """By name."""
    best: tuple[Combination, ...]
    worst: tuple[Combination, ...]
    failures: tuple[FailureAssociation, ...]
    """Which answers go with failure."""
    drifts: tuple[Drift, ...]
    """What has changed."""


def statistics_of(store: TallyStore, template_id: str) -> TemplateStatistics:
    """All that is known of a template.

    Args:
        store: Where the counts are.
        template_id: The template; of one that was never used all is empty.
    """
    totals = store.totals(template_id).get(template_id, {})
    return TemplateStatistics(
        template_id=template_id,
        total=_outcome(totals.values()),
        instances=len({each.instance_id for each in totals}),
        versions=_versions(totals),
        questions=_questions(store.answers(template_id)),
        best=best_combinations(store, template_id),
        worst=worst_combinations(store, template_id),
        failures=associated_with_failure(store, template_id),
        drifts=drift(store, template_id),
    )


def _outcome(tallies: Iterable[Tally]) -> Outcome:
    counted = tuple(tallies)
    succeeded = sum(each.succeeded for each in counted)
    failed = sum(each.failed for each in counted)
    rate = Rate(successes=succeeded, trials=succeeded + failed)
    return Outcome(
        uses=sum(each.uses for each in counted),
        succeeded=succeeded,
        failed=failed,
        success=rate.estimate if rate.trials else None,
        interval=rate.wilson(),
    )


def _versions(totals: Mapping[Stratum, Tally]) -> tuple[VersionOutcome, ...]:
    tallies: dict[str, list[Tally]] = {}
    for stratum, tally in totals.items():
        tallies.setdefault(stratum.template_version, []).append(tally)
    newest_first = sorted(tallies, key=by_version, reverse=True)
    return tuple(VersionOutcome(version=v, outcome=_outcome(tallies[v])) for v in newest_first)


def _questions(rows: Iterable[AnswerTally]) -> tuple[QuestionStatistics, ...]:
    questions: dict[str, list[AnswerTally]] = {}
    for row in rows:
        questions.setdefault(row.question, []).append(row)
    return tuple(_question(name, questions[name]) for name in sorted(questions))


def _question(name: str, rows: Sequence[AnswerTally]) -> QuestionStatistics:
    counts = count(rows)
    usage = usage_of(counts.chosen, ground_of(summed(counts.chosen.values())))
    baseline = baseline_of(together(counts.verified.values()))
    tallies: dict[Key, list[AnswerTally]] = {}
    for row in rows:
        tallies.setdefault(key_of(row.value), []).append(row)
    most_used = sorted(tallies, key=lambda key: -sum(row.tally.uses for row in tallies[key]))
    answers = tuple(
        _answer(
            tallies[key],
            share=usage.share(key) if usage.sample else _NONE,
            success=baseline.standardised(counts.verified.get(key, {})),
        )
        for key in most_used[:LOOKED_AT]
    )
    return QuestionStatistics(question=name, answers=answers, others=len(tallies) - len(answers))


def _answer(rows: Sequence[AnswerTally], share: Rate, success: Rate) -> AnswerStatistics:
    return AnswerStatistics(
        value=rows[0].value,
        uses=sum(row.tally.uses for row in rows),
        chosen=sum(row.tally.chosen for row in rows),
        share=share.estimate if share.trials else None,
        share_interval=share.wilson(),
        success=success.estimate if success.trials else None,
        success_interval=success.wilson(),
        verified=sum(row.tally.succeeded + row.tally.failed for row in rows),
    )
