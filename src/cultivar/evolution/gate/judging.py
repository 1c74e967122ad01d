"""The gate: whether a candidate is better than what it would replace, and not just lucky.

The invariant: a candidate that equals the old version is released by one campaign with a chance of
at most the campaign's error, however many candidates there are and however often one looks.
"""

from __future__ import annotations

import math
from typing import Final

from cultivar.errors import UsageError
from cultivar.evals.comparing.betting import log_wealth
from cultivar.evals.comparing.pairing import Pairs, Sums
from cultivar.evals.comparing.wording import counted
from cultivar.evolution.gate.grounds import Grounds
from cultivar.evolution.gate.limits import GateSettings, share_of_error
from cultivar.evolution.gate.noisy import judge_noisy
from cultivar.evolution.gate.saving import SAVINGS, judge_saving
from cultivar.evolution.gate.steady import judge_steady, overrun, unconfirmed
from cultivar.lifecycle import GateVerdict, OpportunityKind

_OFTEN: Final = 3
"""A case that could so often not be run will not be; so many may be dropped of however few."""


def judge(
    pairs: Pairs,
    number: int,
    settings: GateSettings | None = None,
    *,
    noisy: bool | None = None,
    kind: OpportunityKind = "failing",
) -> GateVerdict:
    """Say whether a candidate is released, rejected, or has to be tried more.

    It may be asked after each trial; whoever stops when it says so stops rightly.

    Args:
        pairs: What the old version and the candidate did on the same cases. The old version's
            results must not be those by which the cases were chosen, where results vary.
        number: Which candidate of the campaign it is, from 1.
        settings: Margins and errors.
        noisy: Whether results vary from one time to another, as far as the suite says; None: go
            by the repeats, and have what differs tried again before it counts.
        kind: Of the opportunity: what is slow or costly must take less, and succeed as before;
            all else must succeed more.

    Raises:
        UsageError: `number` is less than 1.
    """
    if number < 1:
        raise UsageError(f"A candidate's number is at least 1, not {number}.")
    settings = settings or GateSettings()
    varies = pairs.varies if noisy is None else noisy
    aspect = SAVINGS.get(kind)
    grounds = Grounds(
        pairs=pairs,
        sums=Sums(pairs.tried),
        settings=settings,
        part=share_of_error(number) if aspect else _part(number, noisy),
        certain=noisy is False,
    )
    if down := _down(grounds):
        return grounds.verdict("no_verdict", down)
    if aspect:
        return judge_saving(grounds, aspect, varies=varies)
    return judge_noisy(grounds) if varies else judge_steady(grounds)


def cases_to_repeat(
    pairs: Pairs, number: int, settings: GateSettings | None = None, *, noisy: bool | None = None
) -> tuple[str, ...]:
    """The ids of the cases that are to be tried once more next, after `continue`.

    Where results do not seem to vary it is those that differ, until luck is excluded, and all
    where time is still open; where they vary it is those that were tried less than others, else
    all.

    Args:
        pairs: As for `judge`, like all that follows.
        number: Which candidate it is.
        settings: Margins and errors.
        noisy: Whether results vary.
    """
    error = (settings or GateSettings()).error * _part(number, noisy)
    varies = pairs.varies if noisy is None else noisy
    differing = unconfirmed(pairs, error) if noisy is None else overrun(pairs)
    if not varies and differing:
        return tuple(case.id for case in differing)
    most = max((case.tried for case in pairs.cases.values()), default=0)
    lagging = [case.id for case in pairs.cases.values() if case.tried < most or not case.pairs]
    return tuple(lagging or pairs.cases)


def _part(number: int, noisy: bool | None) -> float:
    """What a candidate may spend; both ways to be released share it, where both are open."""
    return share_of_error(number) / (2 if noisy is None else 1)


def _down(grounds: Grounds) -> str:
    """Why the trials themselves went wrong; empty where they did not."""
    pairs, error = grounds.pairs, grounds.settings.error
    tried = pairs.dropped + grounds.sums.pairs
    stuck = sum(not case.pairs and case.tried >= _OFTEN for case in pairs.cases.values())
    if stuck or pairs.dropped > max(_OFTEN, grounds.settings.most_dropped * tried):
        return (
            f"No verdict: {pairs.dropped:,} of {counted(tried, 'trial')} could not be run, so they "
            "say nothing of the candidate."
        )
    if log_wealth(pairs.one_sided) >= -math.log(error):
        return (
            f"No verdict: {counted(pairs.dropped, 'trial')} could not be run, more often the "
            "candidate's than the old version's, which is not by chance."
        )
    return ""
