"""Which answers go with failure, alone or two together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from cultivar.learning.evidence.comparing import Cells, Difference, compare
from cultivar.learning.evidence.contest import MATTERS
from cultivar.learning.evidence.counts import (
    Counts,
    Key,
    arranged,
    cells_without,
    count,
    key_of,
    together,
    trials,
)
from cultivar.learning.evidence.ground import Ground, ground_of
from cultivar.learning.evidence.rates import normal
from cultivar.learning.findings.believing import FALSE, q_values
from cultivar.ledger.tallying import LOOKED_AT, AnswerTally, TallyStore
from cultivar.model import Json
from cultivar.record import Record

_LEAST: Final = 10.0
"""Verified generations on either side from which on an answer is looked at."""


class FailureAssociation(Record):
    """Answers with which generations fail more often than without."""

    answers: Mapping[str, Json]
    """One, or two that fail together more than each does alone."""
    failure: float
    """Standardised, as is that of the rest."""
    failure_of_rest: float
    lift: float
    """How many times as often they fail."""
    sample: int
    """How many verified generations had them."""
    q_value: float
    """The false discovery rate at which it is reported."""


class _Suspect(Record):
    answers: Mapping[str, Json]
    difference: Difference
    """Its success against the rest's: of a pair, the rest that it differs from least."""
    sample: float


class _Known(Record):
    """All that is known of a template's answers."""

    store: TallyStore
    template_id: str
    questions: Mapping[str, Counts]
    values: Mapping[str, Mapping[Key, Json]]
    ground: Ground


def associated_with_failure(store: TallyStore, template_id: str) -> tuple[FailureAssociation, ...]:
    """What fails credibly more often than the rest in the same strata, the surest first.

    A pair is told only if it fails more than each of its answers does without the other, so that
    one bad answer does not come back in every company. The p-values are one-sided.

    Args:
        store: Where the counts are.
        template_id: The template.
    """
    known = _known(store, template_id)
    suspects = [*_alone(known), *_together(known)]
    chances = [normal(each.difference.score) for each in suspects]
    found = [
        _association(suspect, q)
        for suspect, q in zip(suspects, q_values(chances), strict=True)
        if q <= FALSE and _counts(suspect, known.ground)
    ]
    return tuple(sorted(found, key=lambda each: (each.q_value, -each.lift)))


def _known(store: TallyStore, template_id: str) -> _Known:
    rows: dict[str, list[AnswerTally]] = {}
    for row in store.answers(template_id):
        rows.setdefault(row.question, []).append(row)
    totals = store.totals(template_id).get(template_id, {})
    verified = {s: float(t.succeeded + t.failed) for s, t in totals.items()}
    return _Known(
        store=store,
        template_id=template_id,
        questions={question: count(each) for question, each in rows.items()},
        values={question: _values(each) for question, each in rows.items()},
        ground=ground_of(verified),
    )


def _values(rows: Iterable[AnswerTally]) -> Mapping[Key, Json]:
    """The most used values of a question: who makes up thousands has nobody look at them."""
    found: dict[Key, Json] = {}
    for each in rows:
        if len(found) == LOOKED_AT:
            break
        found[key_of(each.value)] = each.value
    return found


def _counts(suspect: _Suspect, ground: Ground) -> bool:
    found = suspect.difference
    return found.estimate <= -MATTERS and found.instances >= ground.witnesses


def _association(suspect: _Suspect, q_value: float) -> FailureAssociation:
    failure = 1 - suspect.difference.first.estimate
    rest = 1 - suspect.difference.second.estimate
    least = 0.5 / suspect.difference.second.trials
    return FailureAssociation(
        answers=suspect.answers,
        failure=failure,
        failure_of_rest=rest,
        lift=failure / max(rest, least),
        sample=round(suspect.sample),
        q_value=q_value,
    )


def _enough(cells: Cells) -> float:
    """How many were verified, if they are enough; else 0."""
    number = sum(trials(cells).values())
    return number if number >= _LEAST else 0.0


def _alone(known: _Known) -> Iterator[_Suspect]:
    for question, counts in known.questions.items():
        whole = together(counts.verified.values())
        for key, cells in counts.verified.items():
            if key not in known.values[question]:
                continue
            rest = cells_without(whole, cells)
            if (sample := _enough(cells)) and _enough(rest):
                yield _Suspect(
                    answers={question: known.values[question][key]},
                    difference=compare(cells, rest, known.ground.versions),
                    sample=sample,
                )


def _together(known: _Known) -> Iterator[_Suspect]:
    common = {name: each for name in sorted(known.questions) if (each := _common(known, name))}
    for given, question in combinations(common, 2):
        for given_key, given_value in common[given].items():
            given_now, among = {given: given_value}, tuple(common[question].values())
            found = known.store.outcomes_under(known.template_id, question, given_now, among)
            for key, cells in arranged(found.get(given, ())).verified.items():
                if key not in common[question]:
                    continue
                one = known.questions[given].verified.get(given_key, {})
                other = known.questions[question].verified.get(key, {})
                answers = {given: given_value, question: common[question][key]}
                yield from _pair(answers, cells, (one, other), known.ground)


def _common(known: _Known, question: str) -> Mapping[Key, Json]:
    """The values that were verified often enough for a pair and for the rest without it.

    Of the others no pair is asked for: who makes up a hundred questions has nobody look at them.
    """
    verified = known.questions[question].verified
    return {
        key: value
        for key, value in known.values[question].items()
        if sum(trials(verified.get(key, {})).values()) >= 2 * _LEAST
    }


def _pair(
    answers: Mapping[str, Json], cells: Cells, alone: tuple[Cells, Cells], ground: Ground
) -> Iterator[_Suspect]:
    """The pair against each of its answers without the other; the weaker of the two counts."""
    rests = [cells_without(each, cells) for each in alone]
    sample = _enough(cells)
    if sample and all(_enough(each) for each in rests):
        found = [compare(cells, each, ground.versions) for each in rests]
        weaker = max(found, key=lambda each: each.score)
        yield _Suspect(answers=answers, difference=weaker, sample=sample)
