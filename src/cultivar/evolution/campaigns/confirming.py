"""A last look at what got better: whether it does so each time, where a check is taken at its word.

A check that does not say that it is flaky says the same of the same tree. One that is flaky all
the same would let a candidate pass that changes nothing; trying a few cases again shows it.
"""

from __future__ import annotations

from typing import Final

from cultivar.evals.comparing.pairing import CasePairs, Pairs
from cultivar.evals.comparing.steadiness import times_to_confirm
from cultivar.evals.comparing.wording import counted
from cultivar.lifecycle import GateVerdict
from cultivar.record import replace

_MOST: Final = 3
"""How many of the cases that got better are tried again."""


def to_confirm(pairs: Pairs, error: float) -> frozenset[str]:
    """The ids of cases that got better, and were not tried often enough to exclude luck.

    Args:
        pairs: What both versions did.
        error: How likely luck may be.
    """
    least = times_to_confirm(error)
    return frozenset(case.id for case in _mended(pairs) if case.pairs < least)


def confirmed(verdict: GateVerdict, pairs: Pairs, error: float) -> GateVerdict:
    """The verdict of the gate, if those cases got better each time; else what is to be done.

    Args:
        verdict: It supposes that results do not vary.
        pairs: What both versions did.
        error: How likely luck may be.
    """
    if verdict.decision != "release":
        return verdict
    varying = sum(case.varies for case in _mended(pairs))
    if varying:
        says = "says" if varying == 1 else "say"
        sentence = f"No verdict: {counted(varying, 'case')} {says} now this, now that."
        remedy = "Find the check that fails by chance; mend it, or declare it `flaky: true`."
        return replace(verdict, decision="no_verdict", sentence=sentence, reasons=(remedy,))
    if waiting := to_confirm(pairs, error):
        sentence = f"Not clear yet: {counted(len(waiting), 'case')} must be tried again."
        return replace(verdict, decision="continue", sentence=sentence)
    return verdict


def _mended(pairs: Pairs) -> list[CasePairs]:
    return [case for case in pairs.tried if case.wins][:_MOST]
