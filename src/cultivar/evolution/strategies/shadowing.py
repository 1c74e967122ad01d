"""A new version in the shadow of the used one: it gets live inputs, and nobody gets its answers.

The invariant: live inputs are read from the record of uses, so who uses the tool has long had its
answer; no use counts twice, and none that a person or a cut has changed counts at all.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Final

from cultivar.evals.comparing.betting import Counts, log_wealth, lowest, mirrored
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.spelling import canonical, digest, spelled
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.evolution.strategies.replaying import cases_of_uses
from cultivar.evolution.strategies.trying import Known, repeats
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Execution, Experiment, TrialCase, TrialResult
from cultivar.record import Record, replace

AGREEMENT: Final = 0.95
"""The share of live uses that must come out the same or better."""

ERROR: Final = 0.05
"""How often a version is said to reach that share, or to miss it, that does not."""

SAME: Final = 10
"""So many uses with one input count; more say nothing new of an idempotent tool."""

MOST: Final = 256
"""So many live uses are tried at one look."""

SECONDS: Final = 60.0
"""So long one look may take, by and large."""

_AT_ONCE: Final = 64
_LIVE: Final = "live "
_CLAIM: Final = 2 * AGREEMENT - 1
"""The share as a mean, where as good counts 1, and else -1."""

USES: Final = "shadow_uses"
"""By what a verdict's numbers tell that its candidate is, or was, in the shadow."""


class Agreement(Record):
    """What live uses say of a version in the shadow."""

    agreed: int = 0
    """Both versions did the same."""
    better: int = 0
    """The version in use failed, and the new one does not."""
    unlike: int = 0
    """The new version fails or gives something else, and that is not better."""
    otherwise: int = 0
    """Left out: the version in use does otherwise in the sandbox than it did in use."""

    @property
    def as_good(self) -> int:
        """How many came out the same or better."""
        return self.agreed + self.better

    @property
    def uses(self) -> int:
        """How many count."""
        return self.as_good + self.unlike

    @property
    def at_least(self) -> float:
        """The share that comes out as good, at least, however often one has looked."""
        return (1 + lowest(self._counts, ERROR)) / 2 if self.uses else 0.0

    @property
    def holds(self) -> bool:
        """Whether the new version is surely as good in so many uses as it must be."""
        return log_wealth(self._counts, _CLAIM) >= -math.log(ERROR)

    @property
    def fails(self) -> bool:
        """Whether it surely is not."""
        return log_wealth(mirrored(self._counts), -_CLAIM) >= -math.log(ERROR)

    @property
    def needed(self) -> int:
        """How many uses it takes at least, with those that came out otherwise."""
        return _needed(self.unlike)

    @property
    def numbers(self) -> Mapping[str, float]:
        """That as a verdict holds it."""
        return {
            USES: float(self.uses),
            "shadow_agreed": float(self.agreed),
            "shadow_better": float(self.better),
            "shadow_unlike": float(self.unlike),
            "shadow_left_out": float(self.otherwise),
            "shadow_at_least": self.at_least,
        }

    @property
    def _counts(self) -> Counts:
        return {1.0: self.as_good, -1.0: self.unlike}


class Beside(Record):
    """A candidate beside the version that is used.

    Args:
        experiment: The candidate's.
        known: The version that is used, with its uses, those before the experiment too.
        new: The candidate.
        since: From when on uses are live.
    """

    experiment: Experiment
    known: Known
    new: Subject
    since: datetime


class Shadow(Record):
    """Tries candidates on the live inputs of what is used.

    Args:
        uses: Uses both behind the wall.
        store: Keeps what came of it.
        most: How many uses at one look.
        seconds: How long one look may take.
    """

    uses: ToolUses
    store: ExperimentStore
    most: int = MOST
    seconds: float = SECONDS

    def agreement(self, experiment: Experiment, before: str) -> Agreement:
        """What the live uses say that were looked at so far.

        Args:
            experiment: Which.
            before: The tree hash of the version that is used.
        """
        live = self._results(experiment)
        old = [each for each in live if each.tree_hash == before]
        new = [each for each in live if each.tree_hash == experiment.candidate.tree_hash]
        return agreement_of(old, new)

    def look(self, beside: Beside) -> int:
        """Give live inputs that are new to both versions, and keep what came of it.

        Returns:
            How many uses were looked at.

        Raises:
            UnconfinedError: There is no wall, and the user did not say `--unconfined`.
            UnavailableError: What an assertion takes is down.
        """
        waiting = self._waiting(beside)
        end = time.monotonic() + self.seconds
        looked = 0
        while looked < len(waiting) and (not looked or time.monotonic() < end):
            self._try(beside, waiting[looked : looked + _AT_ONCE])
            looked += _AT_ONCE
        return min(looked, len(waiting))

    def _waiting(self, beside: Beside) -> list[TrialCase]:
        """Live uses that nobody has looked at, the oldest first."""
        known = beside.known
        tried = {each.case_id for each in self._results(beside.experiment)}
        found = cases_of_uses(known.executions, known.described, known.source)
        live = (_live(*each) for each in reversed(found) if each[0].executed_at >= beside.since)
        new = (each for each in live if each.id not in tried)
        seen = Counter(map(_input_of, tried))
        return list(islice(_at_most_the_same(new, seen), self.most))

    def _try(self, beside: Beside, cases: Sequence[TrialCase]) -> None:
        """Try both versions; what could not be verified is tried again at the next look."""
        first = zip(cases, try_tool_on(beside.known.subject, cases, self.uses), strict=True)
        verified = [each for each in first if each[1].verdict != "not_verified"]
        same = [each for each in verified if repeats(*each)]
        after = try_tool_on(beside.new, [case for case, _ in same], self.uses)
        results = [result for case, result in verified if not repeats(case, result)]
        for (_, old), new in zip(same, after, strict=True):
            results += [old, new] if new.verdict != "not_verified" else []
        told = {_key(beside.experiment, each): each for each in results}
        self.store.keep_results(beside.experiment.id, told)

    def _results(self, experiment: Experiment) -> list[TrialResult]:
        found = self.store.results(experiment.id)
        return [each for each in found if each.case_id.startswith(_LIVE)]


def agreement_of(old: Sequence[TrialResult], new: Sequence[TrialResult]) -> Agreement:
    """Count what both versions did on the same uses.

    Args:
        old: Of the version that is used.
        new: Of the one in its shadow; where there is none, the use was left out.
    """
    partners = {each.case_id: each for each in new}
    pairs = [(each, partners[each.case_id]) for each in old if each.case_id in partners]
    agreed = sum(one.output_hash == other.output_hash for one, other in pairs)
    better = sum(
        (one.verdict, other.verdict) == ("failed", "passed")
        for one, other in pairs
        if one.output_hash != other.output_hash
    )
    return Agreement(
        agreed=agreed,
        better=better,
        unlike=len(pairs) - agreed - better,
        otherwise=len(old) - len(pairs),
    )


def is_shadowed(experiment: Experiment) -> bool:
    """Whether the candidate of an experiment is, or was, in the shadow of what is used."""
    return experiment.verdict is not None and USES in experiment.verdict.numbers


@cache
def _needed(unlike: int) -> int:
    """How many uses it takes if so many come out otherwise, and all others as good."""
    good = 0
    while not Agreement(agreed=good, unlike=unlike).holds:
        good += 1
    return good + unlike


def _live(execution: Execution, case: TrialCase) -> TrialCase:
    """The case that a live use is, which is known by what was given, and by the use."""
    return replace(case, id=f"{_LIVE}{digest(canonical(spelled(case.inputs)))} {execution.id}")


def _input_of(case_id: str) -> str:
    return case_id.removeprefix(_LIVE).partition(" ")[0]


def _at_most_the_same(cases: Iterable[TrialCase], seen: Counter[str]) -> Iterator[TrialCase]:
    """Leave out what is given again and again."""
    for case in cases:
        seen[_input_of(case.id)] += 1
        if seen[_input_of(case.id)] <= SAME:
            yield case


def _key(experiment: Experiment, result: TrialResult) -> str:
    said = f"{experiment.id} {result.tree_hash} {result.case_id}"
    return hashlib.sha256(said.encode()).hexdigest()
