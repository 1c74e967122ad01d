"""The verdict where results do not vary: something is better, and nothing is lost."""

from __future__ import annotations

from cultivar.evals.comparing.pairing import CasePairs, Pairs
from cultivar.evals.comparing.steadiness import (
    confidence_beyond,
    luck_of_steadiness,
    times_to_confirm,
)
from cultivar.evals.comparing.wording import counted
from cultivar.evolution.gate.grounds import Grounds
from cultivar.evolution.gate.guarding import standings
from cultivar.lifecycle import GateVerdict

_FORBIDDEN = 3
"""So many cases that failed must be refused to be worth it, where nothing else gets better."""

_TWICE = 2
"""So often a case has to be lost to count as lost, where nobody says that results do not vary, or
where only a limit ended it."""


def judge_steady(grounds: Grounds) -> GateVerdict:
    """The verdict where results do not vary.

    Args:
        grounds: What was tried.
    """
    found = _refused(grounds) or _wanting(grounds) or _kept(grounds)
    return found or (_released(grounds) if grounds.sums.wins else _forbidden(grounds))


def unconfirmed(pairs: Pairs, error: float) -> tuple[CasePairs, ...]:
    """The cases that differ and were not tried often enough to exclude luck.

    Args:
        pairs: What both versions did.
        error: How likely luck may be.
    """
    least = times_to_confirm(error)
    return tuple(
        case
        for case in pairs.tried
        if (case.wins and case.pairs < least) or (case.losses and case.pairs < _TWICE)
    )


def overrun(pairs: Pairs) -> tuple[CasePairs, ...]:
    """The cases that only a limit made lost, and that were tried once.

    Args:
        pairs: What both versions did.
    """
    return tuple(case for case in pairs.tried if case.limited and case.pairs < _TWICE)


def losing(grounds: Grounds) -> GateVerdict | None:
    """Why it is rejected, if it loses cases, whatever else it does.

    Args:
        grounds: What was tried.
    """
    least = 1 if grounds.certain else _TWICE
    lost = [
        case
        for case in grounds.pairs.tried
        if case.losses and case.pairs >= least and _is_no_accident(case)
    ]
    if not lost:
        return None
    fail = "fails" if len(lost) == 1 else "fail"
    sentence = f"Worse: {counted(len(lost), 'case')} that passed before {fail} now"
    named = tuple(_named(case) for case in lost)
    return grounds.verdict("reject", f"{sentence}; {mended(grounds)}.", reasons=named)


def _refused(grounds: Grounds) -> GateVerdict | None:
    """Why it is rejected, if it is."""
    if lost := losing(grounds):
        return lost
    aspects = standings(grounds.pairs, grounds.settings, steady=True)
    if worse := grounds.aspects(aspects, "lost"):
        sentence = f"Worse in {' and '.join(worse)}; {mended(grounds)}."
        return grounds.verdict("reject", sentence, reasons=worse)
    return None


def _wanting(grounds: Grounds) -> GateVerdict | None:
    """What still has to be tried, or why there is no sense in that."""
    pairs = grounds.pairs
    if pairs.untried or not pairs.cases:
        sentence = f"Not clear yet: {counted(pairs.untried, 'case')} of {len(pairs.cases):,} are "
        return grounds.verdict("continue", f"{sentence}still to be tried.")
    again = overrun(pairs) if grounds.certain else unconfirmed(pairs, grounds.error)
    if again:
        differ = f"{counted(len(again), 'case')} that {'differs' if len(again) == 1 else 'differ'}"
        sentence = f"Not clear yet: {grounds.counts}; {differ} must be tried again."
        return grounds.verdict("continue", sentence)
    forbids = grounds.certain and grounds.sums.refused >= _FORBIDDEN
    if not forbids and not grounds.sums.wins:
        sentence = f"Not better: of {counted(len(pairs.cases), 'case')} the same ones pass."
        return grounds.verdict("reject", sentence)
    return None


def _kept(grounds: Grounds) -> GateVerdict | None:
    """What is not shown to be kept yet, and whether to try on."""
    aspects = standings(grounds.pairs, grounds.settings, steady=True)
    doubtful = grounds.aspects(aspects, "open")
    if not doubtful:
        return None
    why = f"not shown to be kept: {', '.join(doubtful)}"
    if grounds.sums.pairs < grounds.settings.most_pairs:
        sentence = f"Not clear yet: {grounds.counts}; {why}."
        return grounds.verdict("continue", sentence, reasons=doubtful)
    sentence = f"Not shown in {counted(grounds.sums.pairs, grounds.noun)}: {why}."
    return grounds.verdict("reject", sentence, reasons=doubtful)


def _released(grounds: Grounds) -> GateVerdict:
    won = [case for case in grounds.pairs.tried if case.wins]
    least = min(case.pairs for case in won)
    luck = 0.0 if grounds.certain else luck_of_steadiness(least) / grounds.part
    why = "results do not vary" if grounds.certain else f"each was tried {least} times alike"
    sentence = f"Better: {mended(grounds)}, none got worse; {why}, so on these cases it is no luck."
    confidence = min(1 - luck, confidence_beyond(len(won), 0))
    return grounds.verdict("release", sentence, confidence=confidence, numbers={"luck": luck})


def _forbidden(grounds: Grounds) -> GateVerdict:
    """It makes nothing better, and says beforehand what never works."""
    refused = grounds.sums.refused
    sentence = (
        f"Clearer: {counted(refused, 'case')} that failed are refused, with a word on what to "
        "choose; none that passed is, and results do not vary."
    )
    return grounds.verdict("release", sentence, confidence=confidence_beyond(refused, 0))


def mended(grounds: Grounds) -> str:
    """How many cases it mends, in words."""
    tried = grounds.pairs.tried
    won = sum(bool(case.wins) for case in tried)
    failed = sum(case.before == 0 for case in tried)
    return (
        f"{won:,} of {counted(failed, 'case')} that failed {'passes' if won == 1 else 'pass'} now"
    )


def _is_no_accident(case: CasePairs) -> bool:
    """Whether it failed of itself, or a limit ended it each of several times."""
    return case.losses > case.limited or case.limited >= _TWICE


def _named(case: CasePairs) -> str:
    """A lost case; of a sealed one nothing is told that could be aimed at."""
    return "lost: a sealed case" if case.sealed else f"lost: case {case.id}"
