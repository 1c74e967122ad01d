"""The verdict where a candidate is made to take less time or money, and to succeed as before.

The invariant: nothing is released for luck with the clock. Who goes first of two versions is drawn
for each case, so equal versions are each as likely the quicker one, whatever the machine does
meanwhile; the bet is against "it saves less than the least that counts".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from cultivar.evals.comparing.aspects import Standing, change_of, saved
from cultivar.evals.comparing.betting import Counts, average, chance, highest, log_wealth, mirrored
from cultivar.evals.comparing.pairing import Aspect, CasePairs
from cultivar.evals.comparing.steadiness import confidence_beyond
from cultivar.evals.comparing.wording import counted, percent
from cultivar.evolution.gate.grounds import Grounds
from cultivar.evolution.gate.guarding import NAMES, standings
from cultivar.evolution.gate.slicing import SliceStanding, slice_standings, steady_losses
from cultivar.evolution.gate.steady import losing, mended, overrun, unconfirmed
from cultivar.lifecycle import Decision, GateVerdict, OpportunityKind

SAVINGS: Final[Mapping[OpportunityKind, Aspect]] = {"slow": "seconds", "costly": "money"}
"""What candidates for an opportunity are to take less of."""

_HEADS: Final[Mapping[Aspect, str]] = {"seconds": "Quicker", "money": "Cheaper"}
_UNITS: Final[Mapping[Aspect, str]] = {"seconds": "s", "money": "dollars"}
_MISSED: Final = 0.05
"""How often a candidate may be given up that saves just what counts."""


def judge_saving(grounds: Grounds, aspect: Aspect, *, varies: bool) -> GateVerdict:
    """The verdict on a candidate that is to take less time, or money.

    Args:
        grounds: What was tried.
        aspect: Which of the two.
        varies: Whether results vary from one time to another.
    """
    return _Saving(grounds, aspect, varies).verdict()


class _Saving:
    """What follows from what both versions take."""

    def __init__(self, grounds: Grounds, aspect: Aspect, varies: bool) -> None:
        self.grounds, self.varies = grounds, varies
        self.aspect: Aspect = aspect
        self.compared = grounds.pairs.aspects[aspect]
        self.exact = aspect == "money" and grounds.certain
        """Whether what it takes is the same each time."""
        self.saved = saved(aspect, self.compared, grounds.settings.least_saving)
        self.luck = min(1.0, chance(log_wealth(self.saved)) / grounds.part)
        others = standings(grounds.pairs, grounds.settings, steady=not varies)
        self.others: dict[Aspect, Standing] = {k: v for k, v in others.items() if k != aspect}
        self.slices: Mapping[str, SliceStanding] = (
            slice_standings(grounds.pairs, grounds.settings) if varies else {}
        )

    def verdict(self) -> GateVerdict:
        return self._refused() or self._wanting() or self._open() or self._released()

    def _refused(self) -> GateVerdict | None:
        """Why it is rejected, however much it saves."""
        if not self.varies and (lost := losing(self.grounds)):
            return lost
        if worse := (*self._worse(), *self.grounds.aspects(self.others, "lost")):
            return self._say("reject", f"Worse in {' and '.join(worse)}; {self._both()}.", worse)
        return None if self._may_save() else self._say("reject", self._not_enough())

    def _wanting(self) -> GateVerdict | None:
        """What still has to be tried, or why there is no sense in that."""
        pairs = self.grounds.pairs
        if pairs.untried or not pairs.cases:
            tail = f"{pairs.untried:,} of {counted(len(pairs.cases), 'case')} still to be tried"
            return self._say("continue", f"Not clear yet: {self._both()}; {tail}.")
        if again := self._to_try_again():
            tail = f"{counted(len(again), 'case')} that got worse must be tried again"
            return self._say("continue", f"Not clear yet: {self._both()}; {tail}.")
        if self.compared.told or self.compared.apart:
            return None
        why = f"there is no {NAMES[self.aspect]} to compare where both versions pass"
        return self._say("reject", f"Not shown: {why}.")

    def _to_try_again(self) -> tuple[CasePairs, ...]:
        """The cases that got worse, and may have done so by accident."""
        if self.varies:
            return ()
        if self.grounds.certain:
            return overrun(self.grounds.pairs)
        found = unconfirmed(self.grounds.pairs, self.grounds.error)
        return tuple(each for each in found if each.losses)

    def _open(self) -> GateVerdict | None:
        """What is not shown yet, and whether to try on."""
        doubts = self._doubts()
        if self._is_shown() and not doubts and (self.grounds.pairs.even or not self.varies):
            return None
        seen = self.grounds.sums.pairs
        why = f"not excluded is a loss in {', '.join(doubts)}" if doubts else self._so_far()
        if seen >= self.grounds.settings.most_pairs or self._is_out_of_reach():
            sentence = f"Not shown in {counted(seen, self.grounds.noun)}: {self._both()}; {why}."
            return self._say("reject", sentence, doubts)
        return self._say("continue", f"Not clear yet: {self._both()}; {why}.", doubts)

    def _released(self) -> GateVerdict:
        return self._say("release", f"{_HEADS[self.aspect]}: {self._both()}, {self._rest()}.")

    def _worse(self) -> tuple[str, ...]:
        """Where success is credibly worse, though results vary."""
        if not self.varies:
            return ()
        pairs, settings = self.grounds.pairs, self.grounds.settings
        found = [f"slice {name}" for name, each in self.slices.items() if each == "worse"]
        if log_wealth(mirrored(pairs.total)) >= -math.log(settings.error):
            found.append(f"success ({self.grounds.rates})")
        if lost := steady_losses(pairs, settings):
            found.append(f"{counted(lost, 'case')} that always passed and always fail now")
        return tuple(found)

    def _doubts(self) -> tuple[str, ...]:
        """What may be lost, for all that can be told by now."""
        found = self.grounds.aspects(self.others, "open")
        if not self.varies:
            return found
        suspect = [f"slice {name}" for name, each in self.slices.items() if each == "suspect"]
        settings, total = self.grounds.settings, self.grounds.pairs.total
        kept = log_wealth(total, -settings.success_drop) >= -math.log(settings.error)
        return (*suspect, *found, *(() if kept else (f"success ({self.grounds.rates})",)))

    def _is_shown(self) -> bool:
        if self.exact:
            return not self.grounds.pairs.untried and self._may_save()
        return self.compared.told and self.luck <= self.grounds.settings.error

    def _may_save(self) -> bool:
        """Whether it may save enough, for all that is known."""
        if not self.exact:
            return log_wealth(mirrored(self.saved)) < -math.log(_MISSED)
        wanted = 1 - self.grounds.settings.least_saving
        whole = self.grounds.pairs.untried or not self.compared.told
        return bool(whole) or self.compared.after <= wanted * self.compared.before

    def _is_out_of_reach(self) -> bool:
        """Whether all trials that are left would not do, even if each saved the most."""
        left = self.grounds.settings.most_pairs - self.grounds.sums.pairs
        if self._is_shown() or not self.compared.told:
            return False
        most = highest(self.saved, _MISSED)
        ahead: Counts = {**self.saved, most: self.saved.get(most, 0) + left}
        return log_wealth(ahead) < -math.log(self.grounds.error)

    def _both(self) -> str:
        """What a use takes, with both versions."""
        if not self.compared.pairs:
            return f"{NAMES[self.aspect]} is not measured side by side yet"
        before, after = self.compared.typical
        unit, on = _UNITS[self.aspect], counted(self.compared.pairs, self.grounds.noun)
        where = f"in {on}" if self.grounds.sums.repeated else f"on {on}"
        return f"{after:.2g} {unit} instead of {before:.2g} {unit} {where}"

    def _rest(self) -> str:
        """What else there is to say of what takes less."""
        sums = self.grounds.sums
        if self.varies:
            return f"and success is kept ({self.grounds.rates})"
        if sums.refused:
            return f"and {counted(sums.refused, 'case')} that failed are refused"
        if sums.wins:
            return f"and {mended(self.grounds)}, none got worse"
        same = all(average(self.grounds.pairs.aspects[name].values) == 0 for name in self.others)
        return "and nothing else changed" if same else "and nothing else is lost"

    def _not_enough(self) -> str:
        least = percent(self.grounds.settings.least_saving)
        return f"Not {_HEADS[self.aspect].lower()}: {self._both()}; {least} less is the least."

    def _so_far(self) -> str:
        least = percent(self.grounds.settings.least_saving)
        return f"that it takes at least {least} less is not shown"

    def _confidence(self) -> float:
        if not self.exact:
            return 1 - self.luck
        values = self.compared.values.items()
        better = sum(times for value, times in values if value < 0)
        return confidence_beyond(better, sum(times for value, times in values if value > 0))

    def _say(self, decision: Decision, sentence: str, reasons: tuple[str, ...] = ()) -> GateVerdict:
        return self.grounds.verdict(
            decision,
            sentence,
            confidence=self._confidence(),
            reasons=reasons,
            numbers=self._numbers(decided=decision != "continue"),
        )

    def _numbers(self, *, decided: bool) -> Mapping[str, float]:
        """How sure it is, and once it is decided, between which ends the change lies."""
        name, luck = NAMES[self.aspect], {} if self.exact else {"luck": self.luck}
        if not self.compared.told:
            return {f"{name}_pairs": 0.0}
        if not decided:
            return luck
        change = change_of(self.aspect, self.compared, self.grounds.error)
        return {**luck, f"{name}_low": change.low, f"{name}_high": change.high}
