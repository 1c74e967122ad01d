"""What the gate lets through: false releases, power, harm, and the same of GEPA's rule.

All candidates are simulated, with known rates of success; the gate that judges them is the real
one. The seeds were chosen once.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from typing import Final

from evals.benchmarks.gate import quicker
from evals.benchmarks.gate.campaigns import SETTINGS
from evals.benchmarks.gate.kinds import (
    BETTER,
    CAMPAIGNS,
    CANDIDATES,
    EQUAL,
    WORSE,
    Found,
    measured,
)
from evals.benchmarks.gate.worlds import CASES, SLICES

_WORKERS: Final = 2


def measure() -> Found:
    """How often the gate releases what it should and should not, and how many trials it takes."""
    names = [*EQUAL, *BETTER, *WORSE]
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("fork")) as pool:
        paces = pool.map(quicker.measured, quicker.PACES)
        found = dict(zip(names, pool.map(measured, names), strict=True))
        quick = dict(zip(quicker.PACES, paces, strict=True))
    return {
        "campaigns": CAMPAIGNS,
        "candidates": CANDIDATES,
        "cases": CASES,
        "slices": SLICES,
        "most_pairs": SETTINGS.most_pairs,
        "gepa": version("gepa"),
        **{
            kind: {name: found[name] for name in scenarios}
            for kind, scenarios in (("equal", EQUAL), ("better", BETTER), ("worse", WORSE))
        },
        "quicker": {
            kind: {name: quick[name] for name in paces}
            for kind, paces in (
                ("equal", quicker.EQUAL),
                ("better", quicker.BETTER),
                ("worse", quicker.WORSE),
            )
        },
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
