"""How often something would succeed if it were used where everything is used.

The invariant: what is used in a good place only gains nothing by that.
"""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.learning.evidence.comparing import Cells
from cultivar.learning.evidence.counts import by_instance, trials
from cultivar.learning.evidence.ground import Ground, ground_of
from cultivar.learning.evidence.rates import Rate
from cultivar.learning.evidence.weighing import bounded
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record


class Baseline(Record):
    """What generations do where, whatever is answered."""

    rates: Mapping[Stratum, float]
    overall: float
    ground: Ground

    def standardised(self, cells: Cells) -> Rate:
        """The rate of all, and what `cells` have over it where they are: the indirect method.

        On as many trials as tell as much.

        Args:
            cells: How many succeeded and failed, by stratum; part of what the baseline is of.
        """
        verified = trials(cells)
        weights = _weights(verified, self.ground)
        if not (whole := sum(weights.values())):
            return Rate(successes=0.0, trials=0.0)
        gain = squares = 0.0
        for stratum, weight in weights.items():
            rate = cells[stratum][0] / verified[stratum]
            gain += weight * (rate - self.rates.get(stratum, rate))
            squares += weight * weight / verified[stratum]
        n = whole * whole / squares
        return Rate(successes=n * min(1.0, max(0.0, self.overall + gain / whole)), trials=n)


def baseline_of(cells: Cells) -> Baseline:
    """The baseline of everything together.

    Args:
        cells: How many succeeded and failed in all, by stratum.
    """
    verified = trials(cells)
    ground = ground_of(verified)
    weights = _weights(verified, ground)
    rates = {stratum: cells[stratum][0] / verified[stratum] for stratum in weights}
    whole = sum(weights.values())
    overall = sum(weight * rates[stratum] for stratum, weight in weights.items())
    return Baseline(rates=rates, overall=overall / whole if whole else 0.5, ground=ground)


def _weights(verified: Mapping[Stratum, float], ground: Ground) -> dict[Stratum, float]:
    """How much each stratum counts: its trials, each instance's bounded and old versions' less."""
    numbers = by_instance(verified)
    cut = dict(zip(numbers, bounded(list(numbers.values())), strict=True))
    return {
        stratum: ground.versions.get(stratum.template_version, 1.0)
        * (n * cut[stratum.instance_id] / numbers[stratum.instance_id])
        for stratum, n in verified.items()
        if n
    }
