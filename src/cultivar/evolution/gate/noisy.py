"""The verdict where results vary: a test that may be looked at as often as one likes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from cultivar.evals.comparing.betting import average, chance, highest, log_wealth, lowest
from cultivar.evals.comparing.wording import bounded, counted, points
from cultivar.evolution.gate.grounds import Grounds
from cultivar.evolution.gate.guarding import standings
from cultivar.evolution.gate.slicing import slice_standings, steady_losses
from cultivar.lifecycle import Decision, GateVerdict

_MISSED: Final = 0.05
"""How often a candidate may be given up that gains just what is of interest."""


def judge_noisy(grounds: Grounds) -> GateVerdict:
    """The verdict where results vary.

    Args:
        grounds: What was tried.
    """
    return _Noisy(grounds).verdict()


class _Noisy:
    """What follows from results that vary."""

    def __init__(self, grounds: Grounds) -> None:
        self.grounds = grounds
        self.changes = grounds.pairs.total
        self.evidence = log_wealth(self.changes)
        self.most = highest(self.changes, _MISSED)
        """The greatest gain that is still credible."""
        self.luck = min(1.0, chance(self.evidence) / grounds.part)
        self.shown = self.evidence >= -math.log(grounds.error)
        self.aspects = standings(grounds.pairs, grounds.settings, steady=False)
        self.slices = slice_standings(grounds.pairs, grounds.settings)

    def verdict(self) -> GateVerdict:
        return self._refused() or self._released() or self._given_up() or self._continued()

    def _refused(self) -> GateVerdict | None:
        """Why it is rejected whatever it gains."""
        worse = [f"slice {name}" for name, each in self.slices.items() if each == "worse"]
        lost = steady_losses(self.grounds.pairs, self.grounds.settings)
        cases = [f"{counted(lost, 'case')} that always passed and always fail now"] if lost else []
        reasons = (*worse, *cases, *self.grounds.aspects(self.aspects, "lost"))
        if not reasons:
            return None
        return self._say("reject", f"Worse in {' and '.join(reasons)}; {self._gain()}.", reasons)

    def _released(self) -> GateVerdict | None:
        pairs = self.grounds.pairs
        if not self.shown or self._doubts() or pairs.untried or not pairs.even:
            return None
        thin = tuple(f"slice {name}" for name, each in self.slices.items() if each == "thin")
        said = f" Too few trials to tell of {', '.join(thin)} alone." if thin else ""
        luck = f"the chance that luck alone does this is {bounded(self.luck)}"
        return self._say("release", f"Better: {self.grounds.counts}; {luck}.{said}", thin)

    def _given_up(self) -> GateVerdict | None:
        """Whether more trials are not worth it, or there have been enough."""
        settings, seen, most = self.grounds.settings, self.grounds.sums.pairs, self.most
        if not self.shown and most < settings.least_gain:
            head = "Worse" if most < 0 else "Not better"
            return self._say("reject", f"{head}: {self.grounds.rates}; {self._at_most(most)}.")
        if not self.shown and self._is_out_of_reach():
            tail = f"the {settings.most_pairs - seen:,} trials left cannot show that it is better"
            return self._say("reject", f"Not shown: {self.grounds.rates}; {tail}.")
        if seen >= settings.most_pairs:
            doubts = self._doubts()
            why = f"not excluded is a loss in {', '.join(doubts)}" if doubts else self._gain()
            sentence = f"Not shown in {counted(seen, self.grounds.noun)}: {why}."
            return self._say("reject", sentence, doubts)
        return None

    def _continued(self) -> GateVerdict:
        doubts = self._doubts()
        tail = f"not excluded is a loss in {', '.join(doubts)}" if doubts else self._gain()
        if untried := self.grounds.pairs.untried:
            tail = f"{counted(untried, 'case')} still to be tried"
        return self._say("continue", f"Not clear yet: {self.grounds.counts}; {tail}.", doubts)

    def _doubts(self) -> tuple[str, ...]:
        suspect = [f"slice {name}" for name, each in self.slices.items() if each == "suspect"]
        return (*suspect, *self.grounds.aspects(self.aspects, "open"))

    def _is_out_of_reach(self) -> bool:
        """Whether all trials that are left would not do, even if it gained all that is credible."""
        left = self.grounds.settings.most_pairs - self.grounds.sums.pairs
        if left <= 0:
            return False
        seen = sum(self.changes.values())
        moved = sum(abs(change) * times for change, times in self.changes.items()) / max(1, seen)
        better = min(1.0, max(moved, self.most) + self.most) / 2
        ahead = dict(self.changes)
        ahead[1.0] = ahead.get(1.0, 0) + math.ceil(left * better)
        ahead[-1.0] = ahead.get(-1.0, 0) + math.floor(left * max(0.0, better - self.most))
        return log_wealth(ahead) < -math.log(self.grounds.error)

    def _gain(self) -> str:
        return f"{self.grounds.rates}, which luck alone does with a chance {bounded(self.luck)}"

    def _at_most(self, most: float) -> str:
        return f"at the very best it gains {points(most)}"

    def _say(self, decision: Decision, sentence: str, reasons: tuple[str, ...] = ()) -> GateVerdict:
        return self.grounds.verdict(
            decision,
            sentence,
            confidence=1 - self.luck,
            reasons=reasons,
            numbers=self._numbers(),
        )

    def _numbers(self) -> Mapping[str, float]:
        error = self.grounds.error
        return {
            "luck": self.luck,
            "low": min(average(self.changes), lowest(self.changes, error)),
            "high": max(average(self.changes), self.most),
        }
