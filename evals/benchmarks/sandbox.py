"""What the wall costs: the same check as a plain subprocess and in each sandbox, side by side."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cultivar.checking.environments import Environment, Environments
from cultivar.checking.makers import HostMaker
from cultivar.sandbox.base import Command, Limits, Sandbox
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.process import PlainProcess
from cultivar.tree import Tree, text_entry

ROUNDS = 40
WARM_UP = 5
CHECK = ("ruff", "check", "--no-cache", ".")
MODULE = '''"""A module."""


def double(number: int) -> int:
    """Twice `number`."""
    return 2 * number
'''
TREE = Tree({f"package/module_{number}.py": text_entry(MODULE) for number in range(8)})


def measure() -> dict[str, object]:
    """Median milliseconds of one ruff check of a small tree, and what each sandbox adds to it."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
    place.chmod(0o755)
    try:
        environments = Environments(cache=place, maker=HostMaker(cache=place))
        medians = _medians(_ways(environments.get(("ruff",)), place))
    finally:
        shutil.rmtree(place)
    plain = medians["plain"]
    overhead = {name: round(each - plain, 1) for name, each in medians.items() if name != "plain"}
    return {
        "command": " ".join(CHECK),
        "rounds": ROUNDS,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "median_ms": {name: round(each, 1) for name, each in medians.items()},
        "overhead_ms": overhead,
        "bar_ms": 30,
        "within_bar": overhead["bubblewrap"] <= 30,
    }


def _ways(needed: Environment, place: Path) -> dict[str, Callable[[], None]]:
    folder = place / "tree"
    for path, entry in TREE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(entry.content)

    def plain() -> None:
        program = needed.folders[0] / CHECK[0]
        command = [str(program), *CHECK[1:]]
        subprocess.run(
            command, cwd=folder, env=dict(needed.variables), check=True, capture_output=True
        )

    def inside(sandbox: Sandbox) -> Callable[[], None]:
        command = Command(argv=CHECK, environment=needed.variables, mounts=needed.mounts)

        def run() -> None:
            done = sandbox.run(command, TREE, Limits())
            if done.exit_code:
                raise RuntimeError(done.output.decode(errors="replace"))

        return run

    return {
        "plain": plain,
        "bubblewrap": inside(Bubblewrap()),
        "process": inside(PlainProcess()),
    }


def _medians(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Milliseconds of each way, measured in turns so that noise meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if number >= WARM_UP:
                taken[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in taken.items()}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
