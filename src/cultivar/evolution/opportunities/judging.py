"""Which of an artifact's numbers are worth improving: failing, degrading, slow or costly.

The invariant: nothing is told on too little evidence, and nothing that noise alone would show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import mean, stdev
from typing import Final

from cultivar.evolution.opportunities.uses import Subject, Use
from cultivar.learning.evidence.rates import Rate, quantile
from cultivar.learning.evidence.weighing import ENOUGH
from cultivar.lifecycle import Artifact, Opportunity, OpportunityKind
from cultivar.record import Record

LEAST: Final = int(ENOUGH)
"""Verified uses from which on something is told of a version."""

_WORSE: Final = 0.05
"""By how much a version must have become worse to be worth a look."""

_MORE: Final = 1.25
"""How many times as long, or as dear, a use must have become."""

_SURE: Final = 0.999
"""How sure a change of time or cost must be: they are looked at again and again."""

_TINY: Final = 1e-6


class Change(Record):
    """How many times as much the latest uses took as those before."""

    before: float
    """The geometric mean of one use."""
    lately: float
    low: float
    """The interval of `lately`, at 95 %."""
    high: float
    least_ratio: float
    """What `lately` to `before` is at least, by all that can be told."""


def judged(artifact: Artifact, subject: Subject, threshold: float) -> Iterator[Opportunity]:
    """What is worth improving of one version.

    Args:
        artifact: What it is a version of.
        subject: Its uses.
        threshold: The success rate under which it is failing.
    """
    failing = _failing(artifact, subject, threshold)
    if failing is not None:
        yield failing
    elif (degrading := _degrading(artifact, subject)) is not None:
        yield degrading
    for kind, measure in _MEASURES.items():
        grown = _grown(artifact, subject, kind, measure)
        if grown is not None:
            yield grown


def _failing(artifact: Artifact, subject: Subject, threshold: float) -> Opportunity | None:
    rate = subject.outcomes.rate
    interval = rate.wilson()
    if subject.outcomes.uses < LEAST or interval.high >= threshold:
        return None
    return _opportunity(artifact, subject, "failing", rate, threshold)


def _degrading(artifact: Artifact, subject: Subject) -> Opportunity | None:
    """It fell in its own time, or from the versions before it."""
    rate = subject.outcomes.rate
    if subject.drifted is not None and subject.outcomes.uses >= LEAST:
        before, lately = subject.drifted
        fallen = Rate(successes=lately * rate.trials, trials=rate.trials)
        return _opportunity(artifact, subject, "degrading", fallen, before)
    earlier = subject.earlier.rate
    if min(subject.outcomes.uses, subject.earlier.uses) < LEAST:
        return None
    if not _fell(earlier, rate):
        return None
    return _opportunity(artifact, subject, "degrading", rate, earlier.estimate)


def _fell(before: Rate, after: Rate) -> bool:
    """Whether the interval of the difference is below what matters (Newcombe's hybrid score).

    Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    one, other = before.wilson(_SURE), after.wilson(_SURE)
    difference = before.estimate - after.estimate
    below = math.hypot(before.estimate - one.low, other.high - after.estimate)
    return difference - below > 0 and difference >= _WORSE


def _grown(
    artifact: Artifact, subject: Subject, kind: OpportunityKind, measure: Callable[[Use], float]
) -> Opportunity | None:
    """What a use takes, lately against before."""
    change = _change([measure(use) for use in subject.recent if use.succeeded])
    if change is None or change.least_ratio < _MORE:
        return None
    uses = len(subject.recent)
    return Opportunity(
        artifact=artifact,
        tree_hash=subject.tree_hash,
        version=subject.version,
        kind=kind,
        uses=uses,
        measured=change.lately,
        low=change.low,
        high=change.high,
        against=change.before,
        gain=(change.lately - change.before) * uses,
        examples=tuple(use.id for use in subject.recent[: len(subject.recent) // 2]),
        why=_WORDS[kind].format(
            name=artifact.id, version=subject.version, lately=change.lately, before=change.before
        ),
    )


def _change(values: Sequence[float]) -> Change | None:
    """The later half against the earlier one, on logarithms; None where there are too few.

    Args:
        values: The latest first.
    """
    half = len(values) // 2
    if half < LEAST or max(values) <= _TINY:
        return None
    lately, before = (
        [math.log(max(each, _TINY)) for each in part] for part in (values[:half], values[half:])
    )
    error = math.sqrt(stdev(lately) ** 2 / len(lately) + stdev(before) ** 2 / len(before))
    own = stdev(lately) / math.sqrt(len(lately)) * quantile(0.975)
    return Change(
        before=math.exp(mean(before)),
        lately=math.exp(mean(lately)),
        low=math.exp(mean(lately) - own),
        high=math.exp(mean(lately) + own),
        least_ratio=math.exp(mean(lately) - mean(before) - quantile(_SURE) * error),
    )


def _opportunity(
    artifact: Artifact, subject: Subject, kind: OpportunityKind, rate: Rate, against: float
) -> Opportunity:
    interval = rate.wilson()
    failed = [use.id for use in subject.recent if use.succeeded is False]
    return Opportunity(
        artifact=artifact,
        tree_hash=subject.tree_hash,
        version=subject.version,
        kind=kind,
        uses=subject.outcomes.uses,
        measured=rate.estimate,
        low=interval.low,
        high=interval.high,
        against=against,
        gain=max(0.0, (1 if kind == "failing" else against) - rate.estimate)
        * subject.outcomes.uses,
        patterns=subject.patterns,
        bad_answers=subject.bad_answers,
        examples=tuple(failed),
        why=_why(artifact, subject, kind, rate, against),
    )


def _why(
    artifact: Artifact, subject: Subject, kind: OpportunityKind, rate: Rate, against: float
) -> str:
    interval = rate.wilson()
    said = (
        f"{artifact.id} {subject.version} succeeds in {rate.estimate:.0%} of "
        f"{subject.outcomes.uses:,} uses ({interval.low:.0%} to {interval.high:.0%})"
    )
    than = f"less than {against:.0%}" if kind == "failing" else f"{against:.0%} before"
    most = subject.patterns[0] if subject.patterns else None
    mostly = f"; most of all {most.kind or most.check}, in {most.seen:,}" if most else ""
    return f"{said}, {than}{mostly}."


def _seconds(use: Use) -> float:
    return use.seconds


def _money(use: Use) -> float:
    return use.money


_MEASURES: Final[dict[OpportunityKind, Callable[[Use], float]]] = {
    "slow": _seconds,
    "costly": _money,
}

_WORDS: Final[dict[OpportunityKind, str]] = {
    "slow": "{name} {version} takes {lately:.3g} s a use lately, {before:.3g} s before.",
    "costly": "{name} {version} costs {lately:.3g} dollars a use lately, {before:.3g} before.",
}
