"""The counts of what was generated in this process's memory: an honest `TallyStore` for tests."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any, Final, TypeAlias

from cultivar.ledger.tallying import (
    HALF_LIFE,
    LOOKED_AT,
    PAIRED,
    AnswerTally,
    CombinationTally,
    Extent,
    Judgement,
    Known,
    Observation,
    Observed,
    Outcomes,
    Stratum,
    Tally,
)
from cultivar.model import Json

_What: TypeAlias = tuple[tuple[str, str], ...]
"""Questions, and values in JSON."""

_Tallies: TypeAlias = dict[_What, dict[Stratum, Tally]]

_Row: TypeAlias = tuple[str, Stratum, Tally]
"""A value in JSON, and what was counted of it somewhere."""


TEMPLATE_ID: Final = "quality_template:python-production"
"""The template that `observation_of` observes."""


def observation_of(
    answers: Mapping[str, Json], success: bool | None, *, chosen: bool = True, **changes: Any
) -> Observation:
    """A generation with these answers.

    Args:
        answers: All closed.
        success: What became of it.
        chosen: Whether somebody chose them.
        changes: Other fields.
    """
    given: dict[str, Any] = {
        "template_id": TEMPLATE_ID,
        "template_version": "1.0.0",
        "instance_id": "local",
        "answers": tuple(
            Observed(question=name, value=value, chosen=chosen) for name, value in answers.items()
        ),
        "success": success,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Observation(**{**given, **changes})


class MemoryTallies:
    """A `TallyStore` that counts each observation that it is told of, one by one."""

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        self._totals: dict[str, dict[Stratum, Tally]] = {}
        self._answers: dict[str, _Tallies] = {}
        self._pairs: dict[str, _Tallies] = {}
        self._combinations: dict[str, _Tallies] = {}
        self._kept: dict[tuple[str, str], dict[str, Judgement]] = {}
        for each in observations:
            self.count(each)

    def count(self, seen: Observation, times: int = 1) -> None:
        """Count a generation, or so many that are alike."""
        options = [each for each in seen.answers if isinstance(each.value, bool | str)]
        whole = tuple(sorted(options, key=_by_name))
        somebody = any(each.chosen for each in seen.answers)
        _add(self._totals.setdefault(seen.template_id, {}), seen, times, chosen=somebody)
        for answer in seen.answers:
            self._count(self._answers, (answer,), seen, times, chosen=answer.chosen)
        for one, other in permutations(options[:PAIRED], 2):
            both = one.chosen and other.chosen
            self._count(self._pairs, (one, other), seen, times, chosen=both)
        if whole:
            chosen = all(each.chosen for each in whole)
            self._count(self._combinations, whole, seen, times, chosen=chosen)

    def answers(self, template_id: str, question: str = "") -> tuple[AnswerTally, ...]:
        """Of the answers to one question, or to all, of a template; the most used first."""
        found = [
            AnswerTally(question=name, value=json.loads(value), stratum=stratum, tally=tally)
            for ((name, value),), stratum, tally in _rows(self._answers, template_id)
            if question in ("", name)
        ]
        return tuple(sorted(found, key=_by_use))

    def questions(self, template_id: str) -> tuple[str, ...]:
        """The questions of a template that were ever answered, by name."""
        return tuple(sorted({name for ((name, _),) in self._answers.get(template_id, {})}))

    def outcomes(
        self, template_id: str, question: str, asked: Sequence[Json] = ()
    ) -> tuple[Outcomes, ...]:
        """Of the answers to a question, by their values; of many, of some and of all others."""
        rows = [
            (value, stratum, tally)
            for ((name, value),), stratum, tally in _rows(self._answers, template_id)
            if name == question and tally.chosen + tally.succeeded + tally.failed
        ]
        if len({value for value, _, _ in rows}) <= LOOKED_AT:
            return _outcomes(rows)
        return _outcomes(rows, [*_most_used(rows), *asked])

    def outcomes_under(
        self,
        template_id: str,
        question: str,
        given: Mapping[str, Json],
        among: Sequence[Json] = (),
    ) -> Mapping[str, tuple[Outcomes, ...]]:
        """The same where one of `given` was answered so, by its name."""
        wanted = {(name, json.dumps(value)) for name, value in given.items()}
        found: dict[str, list[tuple[str, Stratum, Tally]]] = {}
        for (other, (name, value)), stratum, tally in _rows(self._pairs, template_id):
            if name == question and other in wanted:
                found.setdefault(other[0], []).append((value, stratum, tally))
        return {name: _outcomes(found[name], among) for name in given if name in found}

    def extent(self, template_id: str) -> Extent:
        """How much was counted of a template."""
        total = self._totals.get(template_id, {})
        told: dict[str, int] = {}
        for stratum, tally in total.items():
            told[stratum.instance_id] = told.get(stratum.instance_id, 0) + tally.uses
        return Extent(
            uses=sum(told.values()),
            strata=len(total),
            instances=len(told),
            told=tuple(told.values()),
        )

    def known(self, template_id: str, question: str, keys: Collection[str]) -> Known:
        """What is kept of a question, of these keys, and how much was counted of its template."""
        kept = self.judgements(template_id, question, keys)
        return Known(extent=self.extent(template_id), kept=kept)

    def judgements(
        self, template_id: str, question: str, keys: Collection[str]
    ) -> Mapping[str, Judgement]:
        """What is kept of a question, of these keys."""
        kept = self._kept.get((template_id, question), {})
        return {key: kept[key] for key in keys if key in kept}

    def keep(self, template_id: str, question: str, made: Mapping[str, Judgement]) -> None:
        """Keep what was worked out."""
        self._kept.setdefault((template_id, question), {}).update(made)

    def everything_kept(self, template_id: str, question: str) -> Mapping[str, Judgement]:
        """All that is kept of a question, by its key."""
        return dict(self._kept.get((template_id, question), {}))

    def combinations(self, template_id: str, limit: int = 1000) -> tuple[CombinationTally, ...]:
        """Of whole combinations; the most used first."""
        found = [
            CombinationTally(
                answers=tuple((name, json.loads(value)) for name, value in what),
                stratum=stratum,
                tally=tally,
            )
            for what, stratum, tally in _rows(self._combinations, template_id)
        ]
        return tuple(sorted(found, key=_by_use)[:limit])

    def totals(self, template_id: str = "") -> Mapping[str, Mapping[Stratum, Tally]]:
        """Of all generations, by template."""
        return {
            name: dict(found) for name, found in self._totals.items() if template_id in ("", name)
        }

    def _count(
        self,
        counts: dict[str, _Tallies],
        answers: tuple[Observed, ...],
        seen: Observation,
        times: int,
        *,
        chosen: bool,
    ) -> None:
        what = tuple((each.question, json.dumps(each.value)) for each in answers)
        strata = counts.setdefault(seen.template_id, {}).setdefault(what, {})
        _add(strata, seen, times, chosen=chosen)


def _rows(counts: dict[str, _Tallies], template_id: str) -> Iterator[tuple[_What, Stratum, Tally]]:
    for what, strata in counts.get(template_id, {}).items():
        for stratum, tally in strata.items():
            yield what, stratum, tally


def _most_used(rows: Iterable[_Row]) -> list[Json]:
    """The values that most instances gave, the most used before others."""
    instances: dict[str, set[str]] = {}
    uses: dict[str, int] = {}
    for value, stratum, tally in rows:
        instances.setdefault(value, set()).add(stratum.instance_id)
        uses[value] = uses.get(value, 0) + tally.uses
    ranked = sorted(instances, key=lambda value: (-len(instances[value]), -uses[value], value))
    return [json.loads(value) for value in ranked[:LOOKED_AT]]


def _outcomes(rows: Iterable[_Row], among: Sequence[Json] = ()) -> tuple[Outcomes, ...]:
    """By value; without those `among` which it is looked for, of all others together."""
    found: dict[str, Outcomes] = {}
    for text, stratum, tally in sorted(rows, key=_by_value):
        value = json.loads(text)
        is_rest = bool(among) and not any(_is_same(value, each) for each in among)
        made = Outcomes(value=None if is_rest else value, verified={}, chosen={}, is_rest=is_rest)
        here = found.setdefault("" if is_rest else text, made)
        good, bad = here.verified.get(stratum, (0, 0))
        if tally.succeeded or tally.failed:
            here.verified[stratum] = (good + tally.succeeded, bad + tally.failed)
        if tally.chosen:
            here.chosen[stratum] = here.chosen.get(stratum, 0) + tally.chosen
    return tuple(each for each in found.values() if each.verified or each.chosen)


def _is_same(one: Json, other: Json) -> bool:
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _by_value(row: _Row) -> tuple[str, str, str]:
    value, stratum, _ = row
    return value, stratum.template_version, stratum.instance_id


def _by_name(answer: Observed) -> str:
    return answer.question


def _by_use(each: AnswerTally | CombinationTally) -> int:
    return -each.tally.uses


def _add(strata: dict[Stratum, Tally], seen: Observation, times: int, *, chosen: bool) -> None:
    stratum = Stratum(template_version=seen.template_version, instance_id=seen.instance_id)
    tally = strata.get(stratum, Tally())
    latest = max(tally.recent_at or seen.at, seen.at)
    faded, recent = _faded(tally.recent_at, latest), _faded(seen.at, latest) * times
    strata[stratum] = Tally(
        uses=tally.uses + times,
        chosen=tally.chosen + times * chosen,
        succeeded=tally.succeeded + times * (seen.success is True),
        failed=tally.failed + times * (seen.success is False),
        recent_uses=tally.recent_uses * faded + recent,
        recent_succeeded=tally.recent_succeeded * faded + recent * (seen.success is True),
        recent_failed=tally.recent_failed * faded + recent * (seen.success is False),
        recent_at=latest,
    )


def _faded(at: datetime | None, latest: datetime) -> float:
    """What is left, at `latest`, of a use that counted 1 when it was."""
    return 0.5 ** ((latest - at) / HALF_LIFE) if at else 0.0
