"""Candidates that are to be quicker, tried on a machine whose load comes and goes.

What is simulated is what trials do: both versions of a case one after the other, in an order that
is drawn, the old version timed anew for each candidate.

```text
python -m evals.benchmarks.gate.quicker [CAMPAIGNS]
```
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any, Final

from cultivar.evals.comparing.pairing import Pairs
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.learning.evidence.rates import Rate
from cultivar.lifecycle import GateVerdict, TrialResult
from cultivar.record import replace
from evals.benchmarks.gate.worlds import (
    UNREST,
    Scenario,
    Version,
    mostly_steady,
    moved,
    one_slice_worse,
    tried,
)

CAMPAIGNS: Final = 400
CANDIDATES: Final = 4
"""In each campaign of candidates that are no quicker."""
SINGLE: Final = 200
"""Candidates of each other kind, as the first of their campaigns."""
SEED: Final = 20261121
SETTINGS: Final = GateSettings()

_BATCH: Final = 16
_TYPICAL: Final = 0.3
"""Seconds of a use."""
_LASTING: Final = 0.98
_DRIFT: Final = 0.06
"""How much of the load is still there at the next trial, and how much comes: 0.3 in the end."""
_STALLS: Final = 0.01
_STALL: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A kind of candidates."""

    scenario: Scenario
    """Of their success."""
    ratio: float
    """How long one takes, as times of the old version."""
    noisy: bool = False
    """Whether results vary, as the gate is told."""


EQUAL: Final[Mapping[str, Pace]] = {
    "as quick": Pace(scenario=mostly_steady(0.9, 0), ratio=1.0),
    "as quick, results vary": Pace(scenario=moved(0.8, 0.0), ratio=1.0, noisy=True),
}
"""Candidates that save nothing."""

BETTER: Final[Mapping[str, Pace]] = {
    "20 % less": Pace(scenario=mostly_steady(0.9, 0), ratio=0.8),
    "50 % less": Pace(scenario=mostly_steady(0.9, 0), ratio=0.5),
    "20 % less, results vary": Pace(scenario=moved(0.8, 0.0), ratio=0.8, noisy=True),
}
WORSE: Final[Mapping[str, Pace]] = {
    "9 % less, which is too little": Pace(scenario=mostly_steady(0.9, 0), ratio=0.91),
    "50 % less, one case lost": Pace(scenario=mostly_steady(0.9, 0, broken=1), ratio=0.5),
    "50 % less, success -10": Pace(scenario=moved(0.8, -0.1), ratio=0.5, noisy=True),
    "50 % less, one slice -30": Pace(
        scenario=one_slice_worse(0.8, 0.0, 0.3), ratio=0.5, noisy=True
    ),
}

PACES: Final[Mapping[str, Pace]] = {**EQUAL, **BETTER, **WORSE}


def measured(name: str, campaigns: int = CAMPAIGNS) -> dict[str, Any]:
    """What came of one kind of candidates."""
    pace, equal = PACES[name], name in EQUAL
    number = campaigns if equal else max(1, campaigns * SINGLE // CAMPAIGNS)
    numbers = range(1, (CANDIDATES if equal else 1) + 1)
    found = [[*map(_Campaign(pace, each).judged, numbers)] for each in range(number)]
    released = [any(each.decision == "release" for each in campaign) for campaign in found]
    pairs = sorted(each.pairs for campaign in found for each in campaign)
    rate = Rate(successes=sum(released), trials=number)
    return {
        "campaigns": number,
        "released": rate.estimate,
        "released_at_most": rate.wilson().high,
        "pairs_median": median(pairs),
        "pairs_90": pairs[int(0.9 * len(pairs))],
    }


class _Machine:
    """A machine that has other things to do, now more and now less."""

    def __init__(self, random: Random) -> None:
        self._random, self._load = random, 0.0

    def seconds(self, typical: float) -> float:
        """What a use takes now that typically takes so long."""
        self._load = _LASTING * self._load + self._random.gauss(0, _DRIFT)
        stalled = _STALL if self._random.random() < _STALLS else 1.0
        return typical * stalled * self._random.lognormvariate(self._load, UNREST)


class _Campaign:
    """Candidates of one kind, on one suite and one machine."""

    def __init__(self, pace: Pace, number: int) -> None:
        self._pace, self._random = pace, Random(f"{SEED}-{number}")
        self._world, self._machine = pace.scenario(self._random), _Machine(self._random)

    def judged(self, number: int) -> GateVerdict:
        """Try a candidate batch by batch, as the gate says, until it is decided."""
        pairs, noisy = Pairs(self._world.cases), self._pace.noisy
        while True:
            for case_id in cases_to_repeat(pairs, number, SETTINGS, noisy=noisy)[:_BATCH]:
                pairs.add(*self._both(int(case_id), pairs.cases[case_id].tried))
            verdict = judge(pairs, number, SETTINGS, noisy=noisy, kind="slow")
            if verdict.decision != "continue":
                return verdict

    def _both(self, index: int, repeat: int) -> tuple[TrialResult, TrialResult]:
        """A trial of each version, in an order that is drawn."""
        versions: list[Version] = ["old", "new"]
        self._random.shuffle(versions)
        found = {each: self._tried(each, index, repeat) for each in versions}
        return found["old"], found["new"]

    def _tried(self, version: Version, index: int, repeat: int) -> TrialResult:
        ratio = 1.0 if version == "old" else self._pace.ratio
        result = tried(self._random, self._world, index, version, repeat)
        return replace(result, seconds=self._machine.seconds(_TYPICAL * ratio))


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else CAMPAIGNS
    print(json.dumps({name: measured(name, size) for name in PACES}, indent=2))
