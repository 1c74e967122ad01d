"""Smart defaults: what an answer had best be, by what became of earlier ones.

Among answers with enough evidence it is the one whose success is credibly best given what is
already answered; otherwise the one that most choose. The invariant: noise suggests nothing, and
nothing is suggested that credibly succeeds less than another answer or the template's own default.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cultivar.learning.defaults.judging import Judged, judged
from cultivar.learning.defaults.suggestion import AskedFor, Reason, Success, Suggestion, why
from cultivar.learning.evidence.conditions import Under, Whole, effect_of, under_of, whole_of
from cultivar.learning.evidence.counts import NOTHING, Counts, Key, arranged, key_of
from cultivar.learning.evidence.rates import Rate
from cultivar.ledger.tallying import Outcomes, TallyStore
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
    evidence = Evidence(asked, store, template_id)
    before = conditions_of(asked, given)
    under = under_of(
        {name: effect_of(each, evidence.whole) for name, each in evidence.parts(before).items()}
    )
    found = evidence.suggestion(under, before)
    return found and told(found, under, given)


def conditions_of(asked: AskedFor, given: Mapping[str, Json]) -> dict[str, Json]:
    """The given answers under which others are counted: yes or no, or a choice."""
    return {
        name: value
        for name, value in given.items()
        if name != asked.name and isinstance(value, bool | str)
    }


def told(found: Suggestion, under: Under, given: Mapping[str, Json]) -> Suggestion:
    """A suggestion with the given answers that it depends on, and the sentence that says why."""
    names = {under.success, under.use}
    depends = {name: v for name, v in given.items() if name in names}
    found = replace(found, given=depends, under=under)
    return replace(found, why=why(found))


class Evidence:
    """What was counted of a question, each part of it read when it is first needed, and once.

    Args:
        asked: The question.
        store: Where the counts are.
        template_id: The template that asks.
    """

    def __init__(self, asked: AskedFor, store: TallyStore, template_id: str) -> None:
        self._asked, self._store, self._template_id = asked, store, template_id
        self._parts: dict[str, Counts] = {}

    @cached_property
    def _outcomes(self) -> tuple[Outcomes, ...]:
        asked = (*self._asked.values, self._asked.default)
        return self._store.outcomes(self._template_id, self._asked.name, asked)

    @property
    def speaks(self) -> bool:
        """Whether the question was ever answered, and anything came of it."""
        return bool(self._outcomes)

    @cached_property
    def whole(self) -> Whole:
        """All that was counted."""
        return whole_of(arranged(self._outcomes, self._asked.values))

    def parts(self, given: Mapping[str, Json]) -> Mapping[str, Counts]:
        """What was counted under given answers, by their questions."""
        new = {name: value for name, value in given.items() if name not in self._parts}
        if new and any(isinstance(each.value, bool | str) for each in self._outcomes):
            among = self._among
            found = self._store.outcomes_under(self._template_id, self._asked.name, new, among)
            for name in new:
                self._parts[name] = arranged(found.get(name, ()), self._asked.values)
        return {name: self._parts.get(name, NOTHING) for name in given}

    @property
    def _among(self) -> tuple[Json, ...]:
        """The values that are looked at one by one, if that is not all."""
        found = self._outcomes
        is_all = not any(each.is_rest for each in found)
        return () if is_all else tuple(each.value for each in found if not each.is_rest)

    def suggestion(self, under: Under, given: Mapping[str, Json]) -> Suggestion | None:
        """What the evidence speaks for.

        Args:
            under: What it is to be judged under.
            given: The answers to these questions at least.
        """
        names = {under.success, under.use}
        parts = self.parts({name: value for name, value in given.items() if name in names})
        arranged_so = judged(self.whole, parts, under)
        verdict = arranged_so.verdict(key_of(self._asked.default))
        if verdict is None:
            return None
        values = {key_of(each.value): each.value for each in self._outcomes if not each.is_rest}
        return _Told(judged=arranged_so, names=values).suggestion(self._asked.name, *verdict)


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
        """The instances whose word on the value still weighs."""
        return len(self.judged.contest.witnesses(value) | self.judged.usage.choosers(value))
