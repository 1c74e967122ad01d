"""Smart defaults: what an answer had best be, by what became of earlier ones.

Among answers with enough evidence it is the one whose success is credibly best given what is
already answered; otherwise the one that most choose. The invariant: noise suggests nothing, and
nothing is suggested that credibly succeeds less than another answer or the template's own default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cultivar.learning.counts import Counts, Key, count, key_of
from cultivar.learning.judging import Judged, judge
from cultivar.learning.rates import Rate
from cultivar.learning.suggestion import AskedFor, Reason, Success, Suggestion, why
from cultivar.ledger.tallying import PairTally, TallyStore
from cultivar.model import Json
from cultivar.record import Record, replace


def default_for(
    asked: AskedFor, given: Mapping[str, Json], store: TallyStore, template_id: str
) -> Suggestion | None:
    """What earlier generations speak for, as the answer to a question.

    Args:
        asked: The question.
        given: The closed answers that are already there, by question.
        store: Where the counts are.
        template_id: The template that asks.

    Returns:
        The suggestion; None where the evidence speaks for nothing.
    """
    rows = store.answers(template_id, asked.name)
    if not rows:
        return None
    given = {name: value for name, value in given.items() if name != asked.name}
    pairs = store.pairs(template_id, asked.name, given) if given else ()
    judged = judge(count(rows, asked.values), _parts(pairs, asked.values))
    verdict = judged.verdict(key_of(asked.default))
    if verdict is None:
        return None
    told = _Told(judged=judged, names={key_of(row.value): row.value for row in rows})
    found = told.suggestion(asked.name, *verdict)
    under = {judged.success_under, judged.use_under}
    found = replace(found, given={name: v for name, v in given.items() if name in under})
    return replace(found, why=why(found))


def _parts(pairs: Sequence[PairTally], values: Sequence[Json]) -> dict[str, Counts]:
    """What was counted under each earlier answer, by its question."""
    rows: dict[str, list[PairTally]] = {}
    for pair in pairs:
        rows.setdefault(pair.given, []).append(pair)
    return {question: count(each, values) for question, each in rows.items()}


class _Told(Record):
    """Puts into numbers what speaks for a value."""

    judged: Judged
    names: Mapping[Key, Json]
    """The values, by their keys."""

    def suggestion(self, question: str, value: Key, reason: Reason) -> Suggestion:
        rivals = self._rivals(value)
        success = self._success(value, rivals[0] if rivals else value)
        others = tuple(filter(None, (self._success(each, value) for each in rivals)))
        usage = self.judged.usage
        share = usage.share(value) if usage.sample else Rate(successes=0, trials=0)
        chosen = share.estimate if usage.sample else 0.0
        return Suggestion(
            question=question,
            value=self.names[value],
            reason=reason,
            share=chosen,
            share_interval=share.wilson(),
            sample_size=usage.sample or sum(each.sample for each in (success, *others) if each),
            success=success,
            rivals=others,
            instances=self._instances(value),
            confidence=self._best(value, rivals) if reason == "success" else share.wilson().low,
        )

    def _rivals(self, value: Key) -> tuple[Key, ...]:
        """The other values with enough evidence, the strongest first."""
        contest = self.judged.contest
        rivals = [each for each in contest.candidates() if each != value]
        compared = [each for each in rivals if contest.difference(value, each).instances]
        compared.sort(key=lambda each: contest.difference(value, each).estimate)
        return tuple(compared)

    def _success(self, value: Key, rival: Key) -> Success | None:
        rate = self.judged.contest.difference(value, rival).first
        if not rate.trials:
            return None
        return Success(
            value=self.names[value],
            rate=rate.estimate,
            interval=rate.wilson(),
            sample=round(rate.trials),
        )

    def _best(self, value: Key, rivals: tuple[Key, ...]) -> float:
        """How probable it is that the value beats all."""
        contest = self.judged.contest
        lost = (1 - contest.difference(value, each).probability for each in rivals)
        return max(0.0, 1 - sum(lost))

    def _instances(self, value: Key) -> int:
        seen = {s.instance_id for s in self.judged.contest.cells.get(value, {})}
        return len(seen.union(self.judged.usage.choosers(value)))
