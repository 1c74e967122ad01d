"""What is left alone, so that nobody is asked twice and nothing is tried for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cultivar.errors import NOT_TO_BE_HAD
from cultivar.evolution.roles import NOT_ASKED
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import Candidate, Experiment, ExperimentStatus, GateVerdict, Opportunity
from cultivar.record import Record, replace

SPENT: Final = "budget"
"""Who decided about an experiment that its run had no money left for."""

_MORE: Final = 1.25
"""So many times the uses of the last time tell something new."""

_OLD: Final = timedelta(days=7)
"""After so long, what came to nothing is tried once more."""

_MOST: Final = 10_000
_MOST_TRIES: Final = 3
"""So often a candidate is tried that requires what is not to be had: it may yet come."""

_TRIES: Final = "tries"
"""The number of a verdict that tells how often that was."""

_NOTHING: Final = frozenset[ExperimentStatus]({"refused", "rejected", "stopped"})
_BY_ITSELF: Final = frozenset({"", "gate", SPENT})
"""Who decided where no person did."""


class Leaving(Record):
    """Knows what was done about an opportunity.

    Args:
        experiments: The record.
        needs_word: Whether an experiment that waits needs a person's word.
    """

    experiments: ExperimentStore
    needs_word: Callable[[Experiment], bool]

    def waiting(self, opportunity: Opportunity) -> Experiment | None:
        """The latest experiment about it that waits for a person's word; None where none does."""
        query = ExperimentQuery(artifact=opportunity.artifact, limit=_MOST)
        about = _about(opportunity, self.experiments.experiments(query))
        waiting = (each for each in about if each.status == "waiting" and self.needs_word(each))
        return next(waiting, None)

    def is_left(self, opportunity: Opportunity) -> bool:
        """Whether nothing would come of it now: it is on its way, or was tried in vain."""
        query = ExperimentQuery(artifact=opportunity.artifact, limit=_MOST)
        about = _about(opportunity, self.experiments.experiments(query))
        return (
            any(map(self._is_under_way, about))
            or self._is_on_its_way(opportunity)
            or _is_tried(opportunity, about)
        )

    def _is_under_way(self, experiment: Experiment) -> bool:
        """Whether it waits for a person, or for uses that tell more of it."""
        if experiment.status == "waiting":
            return self.needs_word(experiment)
        return experiment.status == "running"

    def _is_on_its_way(self, opportunity: Opportunity) -> bool:
        """Whether a better version is used by some already, or is being written."""
        releases = self.experiments.releases(opportunity.artifact)
        return any(each.status in {"canary", "preparing"} for each in releases)


def _about(opportunity: Opportunity, known: Sequence[Experiment]) -> Sequence[Experiment]:
    """The experiments that began with the version that it is about, the newest first."""
    made_from = {each.candidate.tree_hash: each.candidate.parent for each in known}
    begun = opportunity.tree_hash
    return [each for each in known if _builds_on(begun, each.candidate.parent, made_from)]


def _builds_on(begun: str, tree_hash: str, made_from: Mapping[str, str]) -> bool:
    """Whether a chain of candidates that ends with `tree_hash` begins with the version `begun`."""
    seen = set[str]()
    while tree_hash != begun and tree_hash in made_from and tree_hash not in seen:
        seen.add(tree_hash)
        tree_hash = made_from[tree_hash]
    return tree_hash == begun


def _is_tried(opportunity: Opportunity, about: Sequence[Experiment]) -> bool:
    """Whether all that could be made of it came to nothing, on nearly the same evidence."""
    alike = [each for each in about if each.opportunity.kind == opportunity.kind]
    latest = [each for each in alike if each.campaign == alike[0].campaign]
    if not latest or not all(map(_came_to_nothing, latest)):
        return False
    uses = max(each.opportunity.uses for each in latest)
    ended = max(each.updated_at for each in latest)
    return opportunity.uses < _MORE * uses and datetime.now(UTC) - ended < _OLD


def with_tries(verdict: GateVerdict, candidate: Candidate, store: ExperimentStore) -> GateVerdict:
    """The verdict; where the candidate requires what is not to be had, with how often that was so.

    Args:
        verdict: The latest.
        candidate: What it is of.
        store: Knows the verdicts before it.
    """
    lacking = any(each.startswith(NOT_TO_BE_HAD) for each in verdict.reasons)
    if verdict.decision != "no_verdict" or not lacking:
        return verdict
    known = store.experiments(ExperimentQuery(artifact=candidate.artifact, limit=_MOST))
    same = (each for each in known if each.candidate.tree_hash == candidate.tree_hash)
    before = [each.verdict.numbers.get(_TRIES, 0) for each in same if each.verdict]
    return replace(verdict, numbers={**verdict.numbers, _TRIES: 1 + max(before, default=0)})


def reason_of(verdict: GateVerdict) -> str:
    """Why an experiment stands as the verdict has it; in other words where it was tried in vain."""
    tries = verdict.numbers.get(_TRIES, 0)
    if tries < _MOST_TRIES:
        return verdict.sentence
    return f"Tried {tries:g} times in vain. {verdict.reasons[-1]}"


def is_unknown(experiment: Experiment) -> bool:
    """Whether nobody knows whether it is better, since a place of trials was down."""
    verdict = experiment.verdict
    if verdict is None or verdict.decision != "no_verdict":
        return False
    # One that was dropped since then has another reason.
    return experiment.status == "stopped" and experiment.reason == verdict.sentence


def _came_to_nothing(experiment: Experiment) -> bool:
    """Whether it was decided, and would be so again; where a service was down nobody knows."""
    if is_unknown(experiment) or experiment.reason.startswith(NOT_ASKED):
        return False
    was_better = experiment.verdict is not None and experiment.verdict.decision == "release"
    decided = experiment.status in _NOTHING and experiment.decided_by in _BY_ITSELF
    return decided and not was_better
