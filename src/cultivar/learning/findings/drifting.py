"""What has changed: the recent past against all before it, within versions and instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from cultivar.learning.evidence.comparing import Cells, Difference, compare
from cultivar.learning.evidence.contest import MATTERS
from cultivar.learning.evidence.counts import Key, key_of, trials
from cultivar.learning.evidence.ground import Ground, ground_of
from cultivar.learning.evidence.rates import normal
from cultivar.learning.findings.believing import FALSE, q_values
from cultivar.ledger.tallying import HALF_LIFE, LOOKED_AT, AnswerTally, Stratum, Tally, TallyStore
from cultivar.model import Json
from cultivar.record import Record

Direction = Literal["up", "down"]

_LEAST: Final = 10.0
"""What must have been counted of either time, fading included."""


class Drift(Record):
    """A change that is more than noise."""

    what: Literal["success", "use"]
    answer: Mapping[str, Json]
    """The answer whose success or use has changed; empty: it is the whole template's."""
    direction: Direction
    before: float
    recent: float
    q_value: float
    """The false discovery rate at which it is reported."""


class _Looked(Record):
    what: Literal["success", "use"]
    answer: Mapping[str, Json]
    difference: Difference


def drift(store: TallyStore, template_id: str) -> tuple[Drift, ...]:
    """What has changed of a template and its answers, the surest first.

    The recent past are all generations, each halved for every `HALF_LIFE` of age; before is what
    that takes away from them. As every generation belongs to both in part, the error that `compare`
    gives is larger than the true one, and a change is told rather late than wrongly.

    Args:
        store: Where the counts are.
        template_id: The template.
    """
    totals = store.totals(template_id).get(template_id, {})
    if not totals:
        return ()
    ground = ground_of({s: float(t.uses) for s, t in totals.items()})
    now = max(each.recent_at for each in totals.values() if each.recent_at)
    looked = [*_of_template(totals, ground, now), *_of_answers(store, template_id, ground, now)]
    chances = [2 * normal(-abs(each.difference.score)) for each in looked]
    found = [
        _told(each, q)
        for each, q in zip(looked, q_values(chances), strict=True)
        if q <= FALSE and abs(each.difference.estimate) >= MATTERS
        if each.difference.instances >= ground.witnesses
    ]
    return tuple(sorted(found, key=lambda each: each.q_value))


def _told(looked: _Looked, q_value: float) -> Drift:
    found = looked.difference
    return Drift(
        what=looked.what,
        answer=looked.answer,
        direction="up" if found.estimate > 0 else "down",
        before=found.second.estimate,
        recent=found.first.estimate,
        q_value=q_value,
    )


def _of_template(
    totals: Mapping[Stratum, Tally], ground: Ground, now: datetime
) -> Iterator[_Looked]:
    if found := _change(*_outcomes(totals, now), ground):
        yield _Looked(what="success", answer={}, difference=found)


def _of_answers(
    store: TallyStore, template_id: str, ground: Ground, now: datetime
) -> Iterator[_Looked]:
    questions: dict[str, list[AnswerTally]] = {}
    for row in store.answers(template_id):
        questions.setdefault(row.question, []).append(row)
    for question, rows in questions.items():
        values: dict[Key, dict[Stratum, Tally]] = {}
        named = {key_of(row.value): row.value for row in rows}
        for row in rows:
            values.setdefault(key_of(row.value), {})[row.stratum] = row.tally
        asked = _uses(rows, now)
        for key, tallies in islice(values.items(), LOOKED_AT):
            answer = {question: named[key]}
            if found := _change(*_outcomes(tallies, now), ground):
                yield _Looked(what="success", answer=answer, difference=found)
            if found := _change(*_chosen(tallies, asked, now), ground):
                yield _Looked(what="use", answer=answer, difference=found)


def _change(recent: Cells, before: Cells, ground: Ground) -> Difference | None:
    """Recent against before; None where one of them is too little to speak of."""
    if min(sum(trials(each).values()) for each in (recent, before)) < _LEAST:
        return None
    return compare(recent, before, ground.versions)


def _left(tally: Tally, now: datetime) -> float:
    """What the recent counts of a tally are worth by now."""
    return 0.5 ** ((now - tally.recent_at) / HALF_LIFE) if tally.recent_at else 0.0


def _outcomes(
    tallies: Mapping[Stratum, Tally], now: datetime
) -> tuple[dict[Stratum, tuple[float, float]], dict[Stratum, tuple[float, float]]]:
    """What succeeded and failed, recently and before."""
    recent: dict[Stratum, tuple[float, float]] = {}
    before: dict[Stratum, tuple[float, float]] = {}
    for stratum, tally in tallies.items():
        left = _left(tally, now)
        good, bad = left * tally.recent_succeeded, left * tally.recent_failed
        recent[stratum] = (good, bad)
        before[stratum] = (max(0.0, tally.succeeded - good), max(0.0, tally.failed - bad))
    return recent, before


def _uses(rows: list[AnswerTally], now: datetime) -> dict[Stratum, tuple[float, float]]:
    """How often a question was answered, recently and ever, by stratum."""
    found: dict[Stratum, tuple[float, float]] = {}
    for row in rows:
        recent, ever = found.get(row.stratum, (0.0, 0.0))
        uses = row.tally.recent_uses * _left(row.tally, now)
        found[row.stratum] = (recent + uses, ever + row.tally.uses)
    return found


def _chosen(
    tallies: Mapping[Stratum, Tally], asked: Mapping[Stratum, tuple[float, float]], now: datetime
) -> tuple[dict[Stratum, tuple[float, float]], dict[Stratum, tuple[float, float]]]:
    """How often a value was used and another one, recently and before."""
    recent: dict[Stratum, tuple[float, float]] = {}
    before: dict[Stratum, tuple[float, float]] = {}
    for stratum, (lately, ever) in asked.items():
        tally = tallies.get(stratum, Tally())
        used = tally.recent_uses * _left(tally, now)
        recent[stratum] = (used, max(0.0, lately - used))
        earlier = max(0.0, tally.uses - used)
        before[stratum] = (earlier, max(0.0, ever - lately - earlier))
    return recent, before
