"""What a verdict is made from, and how it is put."""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.evals.comparing.aspects import Standing, typical_change
from cultivar.evals.comparing.betting import average
from cultivar.evals.comparing.comparison import Recommendation
from cultivar.evals.comparing.pairing import Aspect, Compared, Pairs, Sums
from cultivar.evals.comparing.wording import counted, percent
from cultivar.evolution.gate.guarding import NAMES, reason
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import Decision, GateVerdict
from cultivar.record import Record


class Grounds(Record):
    """What a verdict is made from."""

    pairs: Pairs
    sums: Sums
    settings: GateSettings
    part: float
    """Which part of the campaign's error this candidate may spend in this way."""
    certain: bool
    """Whether the suite says that results do not vary."""

    @property
    def error(self) -> float:
        """What this candidate may spend."""
        return self.settings.error * self.part

    @property
    def noun(self) -> str:
        """What was counted: a case tried once, or trials of cases."""
        return "trial" if self.sums.repeated else "case"

    @property
    def counts(self) -> str:
        """What got better and worse."""
        sums = self.sums
        worse = f"{sums.losses:,} got worse" if sums.losses else "none got worse"
        return (
            f"{sums.wins:,} of {counted(sums.failed_before, self.noun)} that failed "
            f"{'passes' if sums.wins == 1 else 'pass'} now, {worse}"
        )

    @property
    def rates(self) -> str:
        """Both success rates."""
        sums = self.sums
        return (
            f"{percent(sums.after)} of {counted(sums.pairs, self.noun)} pass, "
            f"{percent(sums.before)} did before"
        )

    def verdict(
        self,
        decision: Decision,
        sentence: str,
        *,
        confidence: float = 0.0,
        reasons: tuple[str, ...] = (),
        numbers: Mapping[str, float] | None = None,
    ) -> GateVerdict:
        """The verdict, with what was counted."""
        sums = self.sums
        return GateVerdict(
            decision=decision,
            sentence=sentence,
            pairs=sums.pairs,
            wins=sums.wins,
            losses=sums.losses,
            before=sums.before,
            after=sums.after,
            confidence=confidence,
            reasons=reasons,
            numbers={**self._numbers(), **(numbers or {})},
        )

    def aspects(self, standings: Mapping[Aspect, Standing], which: Standing) -> tuple[str, ...]:
        """What is to be said of the aspects that stand like that."""
        return tuple(
            reason(aspect, self.pairs, self.settings)
            for aspect, each in standings.items()
            if each == which
        )

    def _numbers(self) -> dict[str, float]:
        pairs = self.pairs
        aspects = [_of_aspect(name, each) for name, each in pairs.aspects.items() if each.told]
        slices = {f"slice:{name}": average(each) for name, each in pairs.changes.items() if name}
        return {
            "difference": average(pairs.total),
            "cases": float(len(pairs.cases)),
            "untried": float(pairs.untried),
            "dropped": float(pairs.dropped),
            "refused": float(self.sums.refused),
            "error": self.error,
            **{name: number for each in aspects for name, number in each.items()},
            **slices,
        }


def recommended(decision: Decision) -> Recommendation:
    """What to do with a candidate of which the gate says that."""
    if decision == "release":
        return "deploy"
    return "roll_back" if decision == "reject" else "continue_testing"


def _of_aspect(aspect: Aspect, compared: Compared) -> dict[str, float]:
    before, after = compared.typical
    name = NAMES[aspect]
    return {
        f"{name}_pairs": float(compared.pairs),
        f"{name}_before": before,
        f"{name}_after": after,
        f"{name}_change": typical_change(aspect, compared),
    }
