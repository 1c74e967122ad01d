"""How long a user waits: the command line's start, and a generation with its checks aside.

Beside it, in the same rounds: starting the interpreter alone, and Copier's command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROUNDS = 7
TASK = "An async TTL cache with a circuit breaker and metrics, entries expire after 5 minutes"
BIN = Path(sys.executable).parent


def measure(rounds: int = ROUNDS) -> dict[str, object]:
    """Run every command in turn, round by round.

    Returns:
        Median seconds by name. `generate_cold` is the whole command, a new process in a workspace
        whose checks have been run before, so that their verdicts come from the ledger;
        `generate_session` is one more generation in a running process.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "CULTIVAR_HOME": str(home / "home")}
        commands = {
            "interpreter": [sys.executable, "-c", "pass"],
            "help": [str(BIN / "cultivar"), "--help"],
            "copier_help": [str(BIN / "copier"), "--help"],
            "generate_cold": [*_generate(home), "--force"],
        }
        subprocess.run(_generate(home), check=True, capture_output=True, env=environment)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                began = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=environment)
                taken[name].append(time.perf_counter() - began)
        session = _session(home, rounds)
    seconds = {name: round(median(each), 4) for name, each in taken.items()}
    return {"rounds": rounds, "seconds": {**seconds, "generate_session": round(session, 4)}}


def _generate(home: Path) -> list[str]:
    return [str(BIN / "cultivar"), "generate", TASK, "--output", str(home / "out")]


def _session(home: Path, rounds: int) -> float:
    from cultivar import Cultivar, load_settings

    taken: list[float] = []
    with Cultivar(load_settings(home, home=home / "home")) as cultivar:
        for _ in range(rounds + 1):
            began = time.perf_counter()
            cultivar.generate(TASK, output=home / "out", force=True)
            taken.append(time.perf_counter() - began)
    return median(taken[1:])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
