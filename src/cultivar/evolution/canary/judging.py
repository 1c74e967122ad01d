"""How a canary does beside the version that is used, in the same time: a pure function.

The invariant: it may be asked at any time and as often as one likes. A canary that is no worse is
stopped with a chance of at most 4.1 %: 1 % by its success, 1 % each by time, cost and quality, and
0.1 % by the share of units that got it. One that loses ten points is given to all with a chance of
at most 5 %, and what nobody used never is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from cultivar.evals.comparing.aspects import (
    RATIOS,
    AspectChange,
    change_of,
    standing,
    typical_change,
)
from cultivar.evals.comparing.betting import between, chance, log_wealth, lowest, mirrored
from cultivar.evals.comparing.comparison import Recommendation
from cultivar.evals.comparing.pairing import Aspect, Pairs
from cultivar.evals.comparing.wording import counted, percent
from cultivar.evolution.canary.evidence import Unit
from cultivar.evolution.canary.ratio import is_mismatch, looks_like_mismatch
from cultivar.evolution.gate.guarding import reason
from cultivar.evolution.gate.limits import GateSettings
from cultivar.evolution.releasing.standing import ERROR, Pair, changes_of, fairly, is_worse
from cultivar.lifecycle import Release, TrialResult
from cultivar.record import Record

CanaryState = Literal["running", "good", "worse", "mismatch", "unused"]
"""`good`: it may be given to all; `mismatch`: its numbers cannot be trusted."""

QUIET: Final = timedelta(days=1)
"""A canary that nobody uses for so long is stopped."""

LONGEST: Final = timedelta(days=14)
"""So long a canary runs; what is not shown by then is not let pass."""

LEAST: Final = 30
"""Pairs before a canary may be given to all."""

TOLERATED: Final = 0.1
"""So much less success must be excluded before a canary is given to all."""

MISSED: Final = 0.05
"""How likely a canary that loses as much, or more, is given to all."""

_INTERVAL: Final = 0.05


class CanaryVerdict(Record):
    """How a canary stands."""

    state: CanaryState
    sentence: str
    """What a person reads."""


class CanaryReport(CanaryVerdict):
    """A canary and the version beside it, in numbers."""

    recommendation: Recommendation
    share: float
    """Of the units that should get it."""
    units_before: int
    """How many got the version that is used."""
    units_after: int
    """How many got the canary."""
    pairs: int
    """How many of these were compared, with as many of those."""
    before: float
    """The success rate of the version that is used, of all its units, in the same time."""
    after: float
    low: float
    """Where the difference credibly lies, however often one has looked."""
    high: float
    confidence: float
    """That the one that looks better is better, 0 to 1."""
    aspects: tuple[AspectChange, ...] = ()
    """Time and cost where both succeeded, and quality."""


class _Both(Record):
    """A unit that got the canary, with one that did not."""

    instance: str
    before: Unit
    after: Unit

    @property
    def pair(self) -> Pair:
        return Pair(
            instance=self.instance,
            before=self.before.success or 0.0,
            after=self.after.success or 0.0,
        )


def judge_canary(
    release: Release, units: Sequence[Unit], limits: GateSettings, now: datetime
) -> CanaryVerdict:
    """Say how a canary stands.

    Args:
        release: The canary.
        units: What used it, and the version beside it, since it began.
        limits: What it may lose of time, cost and quality.
        now: The time.
    """
    return _Finding(release, units, limits, now).verdict()


def report(
    release: Release, units: Sequence[Unit], limits: GateSettings, now: datetime
) -> CanaryReport:
    """Say how a canary does in numbers, and what to do about it; takes what `judge_canary` does."""
    return _Finding(release, units, limits, now).report()


class _Finding:
    """What follows from the units."""

    def __init__(
        self, release: Release, units: Sequence[Unit], limits: GateSettings, now: datetime
    ) -> None:
        self.release, self.limits, self.now = release, limits, now
        self.ours = [each for each in units if each.canary]
        self.theirs = [each for each in units if not each.canary]
        both = _matched(units)
        self.matched = [*fairly(both)]
        self.pairs = [each.pair for each in self.matched]
        self.aspects = _aspects(self.matched)
        self.changes = changes_of(self.pairs)

    def report(self) -> CanaryReport:
        verdict = self.verdict()
        interval = between(self.changes, _INTERVAL)
        before, after = _rate(self.theirs), _rate(self.ours)
        advice: dict[CanaryState, Recommendation] = {
            "running": "continue_testing",
            "good": "deploy",
        }
        return CanaryReport(
            state=verdict.state,
            sentence=verdict.sentence,
            recommendation=advice.get(verdict.state, "roll_back"),
            share=self.release.share,
            units_before=len(self.theirs),
            units_after=len(self.ours),
            pairs=len(self.pairs),
            before=before,
            after=after,
            low=interval.low,
            high=interval.high,
            confidence=self._confidence(),
            aspects=tuple(
                change_of(name, each, _INTERVAL)
                for name, each in self.aspects.aspects.items()
                if each.told
            ),
        )

    def verdict(self) -> CanaryVerdict:
        if is_mismatch(len(self.ours), len(self.theirs), self.release.share):
            return CanaryVerdict(state="mismatch", sentence=self._mismatch())
        if is_worse(self.pairs):
            luck = "luck alone does this less than once in a hundred times"
            return CanaryVerdict(state="worse", sentence=f"Worse in use: {self._rates()}; {luck}.")
        if lost := " and ".join(self._lost()):
            return CanaryVerdict(state="worse", sentence=f"Worse in {lost}; {self._rates()}.")
        if self._is_good():
            said = f"As good in use, or better: {self._rates()}."
            return CanaryVerdict(state="good", sentence=said)
        if unused := self._unused():
            return CanaryVerdict(state="unused", sentence=unused)
        doubts = "".join(f"; not excluded is a loss in {each}" for each in self._doubts())
        return CanaryVerdict(state="running", sentence=f"Not clear yet: {self._rates()}{doubts}.")

    def _is_good(self) -> bool:
        """Whether a loss of success is excluded, and nothing else looks like a loss."""
        excluded = lowest(self.changes, MISSED) > -TOLERATED
        return len(self.pairs) >= LEAST and excluded and not self._doubts()

    def _doubts(self) -> tuple[str, ...]:
        """What looks like a loss, though it may be luck."""
        ours, theirs = len(self.ours), len(self.theirs)
        lost = looks_like_mismatch(ours, theirs, self.release.share)
        aspects = (
            reason(name, self.aspects, self.limits)
            for name, margin in self._told
            if _looks_lost(typical_change(name, self.aspects.aspects[name]), name, margin)
        )
        return (*([f"{self._noun} that nobody heard of"] if lost else ()), *aspects)

    def _mismatch(self) -> str:
        all_units = len(self.ours) + len(self.theirs)
        return (
            f"{percent(self.release.share)} of the {self._noun} should have got it, and "
            f"{len(self.ours):,} of {all_units:,} did: uses of one side are lost, so its numbers "
            "cannot be trusted."
        )

    def _unused(self) -> str:
        """Why it is stopped where nothing speaks for it or against it; empty where it is not."""
        began = self.release.released_at
        last = max([began, *(each.last for each in self.ours)])
        if self.now - last >= QUIET:
            head = "Nobody used it" if not self.ours else "Nobody used it any more"
            return f"{head}: not once in {QUIET / timedelta(hours=1):g} hours."
        if self.now - began >= LONGEST:
            head = "Too few used it" if self.ours else "Nobody used it"
            return f"{head} in {LONGEST.days} days to tell: {self._rates()}."
        return ""

    def _lost(self) -> tuple[str, ...]:
        return tuple(
            reason(name, self.aspects, self.limits)
            for name, margin in self._told
            if standing(name, self.aspects.aspects[name], margin, ERROR) == "lost"
        )

    @property
    def _told(self) -> list[tuple[Aspect, float]]:
        """The aspects that were measured, with what may be lost of them."""
        margins = self.limits.margins().items()
        return [each for each in margins if self.aspects.aspects[each[0]].told]

    @property
    def _noun(self) -> str:
        return "runs" if self.release.artifact.kind == "template" else "sessions"

    def _rates(self) -> str:
        ours, theirs = len(self.ours), len(self.theirs)
        if not ours:
            return f"none of {counted(theirs, self._noun.removesuffix('s'))} got it"
        succeeded = f"{_rate(self.ours):.0%} of {ours:,} {self._noun} with it succeeded"
        return f"{succeeded}, {_rate(self.theirs):.0%} of {theirs:,} without it"

    def _confidence(self) -> float:
        evidence = max(log_wealth(self.changes), log_wealth(mirrored(self.changes)))
        return 1 - min(1.0, 2 * chance(evidence)) if self.pairs else 0.0


def _matched(units: Sequence[Unit]) -> list[_Both]:
    """Each unit with the canary and one without it, of one instance, in the order of their ends.

    So a pair that was made once stays the same, whatever comes later.
    """
    made: list[_Both] = []
    waiting: dict[tuple[str, bool], deque[Unit]] = {}
    for unit in sorted(filter(_tells, units), key=_ended):
        partners = waiting.setdefault((unit.instance, not unit.canary), deque())
        if not partners:
            waiting.setdefault((unit.instance, unit.canary), deque()).append(unit)
            continue
        other = partners.popleft()
        before, after = (other, unit) if unit.canary else (unit, other)
        made.append(_Both(instance=unit.instance, before=before, after=after))
    return made


def _tells(unit: Unit) -> bool:
    return unit.whole is not None and unit.success is not None


def _ended(unit: Unit) -> tuple[datetime, str]:
    return unit.whole or unit.last, unit.id


def _aspects(matched: Iterable[_Both]) -> Pairs:
    """Time, cost and quality of the pairs, as the gate counts them."""
    pairs = Pairs()
    for number, both in enumerate(matched):
        pairs.add(_result(number, both.before), _result(number, both.after))
    return pairs


def _result(number: int, unit: Unit) -> TrialResult:
    return TrialResult(
        case_id=str(number),
        tree_hash="canary" if unit.canary else "current",
        repeat=0,
        verdict="passed" if unit.success == 1 else "failed",
        seconds=unit.seconds,
        money=unit.money,
        quality=unit.quality,
    )


def _looks_lost(change: float, aspect: Aspect, margin: float) -> bool:
    return change > margin if aspect in RATIOS else change < -margin


def _rate(units: Iterable[Unit]) -> float:
    found = [each.success for each in units if each.success is not None]
    return math.fsum(found) / len(found) if found else 0.0
