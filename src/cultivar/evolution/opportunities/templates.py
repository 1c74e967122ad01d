"""What is known of the uses of a template: from what the ledger counted, and its latest rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from cultivar.evolution.opportunities.uses import Subject, Use, outcomes_of
from cultivar.learning.findings.drifting import drift
from cultivar.learning.findings.failing import associated_with_failure
from cultivar.ledger.base import Ledger, PatternStore, Query
from cultivar.ledger.tallying import Stratum, Tally, TallyStore
from cultivar.lifecycle import ArtifactVersion, BadAnswers, PatternShare
from cultivar.model import Generation
from cultivar.templating.numbering import version_or_none

_LATEST: Final = 400
"""How many of the latest generations are looked at one by one."""


class TemplateHistory:
    """The history of templates.

    Args:
        ledger: Knows the generations.
        tallies: What was counted of them.
        patterns: The failure patterns.
    """

    def __init__(self, ledger: Ledger, tallies: TallyStore, patterns: PatternStore) -> None:
        self._ledger, self._tallies, self._patterns = ledger, tallies, patterns

    def used(self) -> tuple[str, ...]:
        """The ids of all templates that were ever used."""
        return tuple(sorted(self._tallies.totals()))

    def subject(self, current: ArtifactVersion) -> Subject:
        """All that is known of the uses of the version that is used now."""
        name = current.artifact.name
        totals = self._tallies.totals(name).get(name, {})
        latest = self._latest(current)
        return Subject(
            tree_hash=current.tree_hash,
            version=current.version,
            outcomes=outcomes_of(_counted(totals, {current.version})),
            earlier=outcomes_of(_counted(totals, _before(totals, current.version))),
            recent=tuple(_use(each) for each in latest),
            patterns=self._shares(latest),
            bad_answers=self._bad_answers(name),
            drifted=self._drifted(name),
        )

    def _latest(self, current: ArtifactVersion) -> Sequence[Generation]:
        query = Query(
            template_id=current.artifact.name, template_version=current.version, limit=_LATEST
        )
        return self._ledger.generations(query)

    def _shares(self, latest: Sequence[Generation]) -> tuple[PatternShare, ...]:
        failed = [each for each in latest if each.success is False]
        counted = Counter(id for each in failed for id in set(each.attempts[-1].patterns))
        known = {each.id: each for each in self._patterns.patterns(counted)}
        return tuple(
            PatternShare(
                pattern_id=id,
                check=known[id].check,
                kind=known[id].kind,
                seen=seen,
                example=known[id].example,
            )
            for id, seen in counted.most_common()
            if id in known
        )

    def _bad_answers(self, name: str) -> tuple[BadAnswers, ...]:
        return tuple(
            BadAnswers(
                answers=each.answers,
                uses=each.sample,
                failed=round(each.failure * each.sample),
                lift=each.lift,
                p_value=each.q_value,
            )
            for each in associated_with_failure(self._tallies, name)
        )

    def _drifted(self, name: str) -> tuple[float, float] | None:
        fallen = (
            each
            for each in drift(self._tallies, name)
            if each.what == "success" and not each.answer and each.direction == "down"
        )
        return next(((each.before, each.recent) for each in fallen), None)


def _counted(totals: Mapping[Stratum, Tally], versions: set[str]) -> list[tuple[str, int, int]]:
    return [
        (stratum.instance_id, tally.succeeded, tally.failed)
        for stratum, tally in totals.items()
        if stratum.template_version in versions
    ]


def _before(totals: Mapping[Stratum, Tally], version: str) -> set[str]:
    """The versions before one, as far as they are numbers."""
    now = version_or_none(version)
    numbered = {each: version_or_none(each) for each in {s.template_version for s in totals}}
    return {name for name, each in numbered.items() if each and now and each < now}


def _use(generation: Generation) -> Use:
    return Use(
        id=generation.id,
        succeeded=generation.success,
        seconds=generation.seconds,
        money=generation.usage.money,
        at=generation.generated_at,
    )
