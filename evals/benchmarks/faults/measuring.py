"""What comes of each fault of the matrix, on this machine, now."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from cultivar.record import replace, to_builtins
from evals.benchmarks.faults.grounds import Grounds
from evals.benchmarks.faults.matrix import FAULTS, Fault


def measure() -> dict[str, Any]:
    """By the name of the fault: what was injected, what came of it, and whether that is right."""
    with tempfile.TemporaryDirectory() as folder:
        grounds = Grounds(Path(folder))
        return {"faults": {name: _found(fault, grounds, folder) for name, fault in FAULTS.items()}}


def _found(fault: Fault, grounds: Grounds, folder: str) -> dict[str, Any]:
    outcome = fault.run(grounds)
    told = replace(outcome, said=outcome.said.replace(folder, "…"))
    return {"what": fault.what, "met": fault.is_met(outcome), **to_builtins(told)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
