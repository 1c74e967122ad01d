"""A whole run: all transitions with all tools, and what came of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from evals.benchmarks.upgrade.mirrors import Mirrors, MissingMirrorsError, how_to_bring
from evals.benchmarks.upgrade.replay import Row, replay
from evals.benchmarks.upgrade.report import facts, progress
from evals.benchmarks.upgrade.scene import Means
from evals.benchmarks.upgrade.tools import Tool, known_tools
from evals.benchmarks.upgrade.transitions import Transition, load_transitions, repositories

MIRRORS: Final = "CULTIVAR_BENCH_MIRRORS"
"""The variable that names the folder of mirrors for `make bench`."""
COPIER: Final = "CULTIVAR_BENCH_COPIER"
"""The variable that names another Copier than the one beside this Python."""
COMPARED: Final = ("copier", "git", "cultivar", "cultivar-warm")
"""The tools of `make bench`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to replay, with what."""

    transitions: Sequence[Transition]
    tools: Sequence[Tool]
    means: Means
    jobs: int = 1
    """Transitions at a time; with more than one, times say less."""
    work: Path | None = None
    """Where the working trees are kept; without it they are thrown away."""


def measure() -> dict[str, Any]:
    """Replay the whole corpus with the tools of `make bench`.

    Raises:
        MissingMirrorsError: The projects and templates are not there; it says what to bring.
    """
    transitions = load_transitions()
    folder = os.environ.get(MIRRORS)
    if not folder:
        raise MissingMirrorsError(
            f"The updates to replay are not there: `{MIRRORS}` names no folder.",
            how_to_bring(repositories(transitions), f"${MIRRORS}"),
        )
    tools = known_tools(copier(), cultivar())
    plan = Plan(
        transitions=transitions,
        tools=[tools[name] for name in COMPARED],
        means=Means(mirrors=Mirrors(Path(folder)), copier=copier()),
    )
    found = run(plan, lambda row: sys.stderr.write(progress(row) + "\n"))
    return summary(found, plan)


def run(plan: Plan, on_row: Callable[[Row], object]) -> list[Row]:
    """Replay all transitions of a plan, and hand out each row as it is there.

    Raises:
        MissingMirrorsError: A repository is not there.
    """
    plan.means.mirrors.require(repositories(plan.transitions))
    rows: list[Row] = []
    with ThreadPoolExecutor(plan.jobs) as pool:
        turns = [pool.submit(_replayed, number, plan) for number in range(len(plan.transitions))]
        for row in (row for turn in turns for row in turn.result()):
            rows.append(row)
            on_row(row)
    return rows


def summary(rows: Sequence[Row], plan: Plan) -> dict[str, Any]:
    """What came of it: the totals of each tool, and by which programs."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "transitions": len(plan.transitions),
        "projects": len({each.project for each in plan.transitions}),
        "git": _version("git"),
        "copier": _version(plan.means.copier),
        "tools": facts(rows),
    }


def copier() -> Path:
    """The Copier to compare with, which also makes the reference renders."""
    return program(os.environ.get(COPIER) or str(Path(sys.executable).with_name("copier")))


def program(name: str) -> Path:
    """Where the program `name`, or at the path `name`, is."""
    return Path(shutil.which(name) or name).absolute()


def cultivar() -> Path:
    """The Cultivar beside this Python."""
    return Path(sys.executable).with_name("cultivar")


def _replayed(number: int, plan: Plan) -> list[Row]:
    """One transition; who goes first changes, so that nobody always finds warm caches."""
    first = number % len(plan.tools)
    tools = [*plan.tools[first:], *plan.tools[:first]]
    with _work_folder(number, plan) as folder:
        return replay(plan.transitions[number], plan.means, tools, folder)


@contextmanager
def _work_folder(number: int, plan: Plan) -> Generator[Path]:
    """A folder for one transition, which a sandbox's unprivileged user can read."""
    if plan.work:
        folder = plan.work.resolve() / f"{number:04d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cultivar-bench-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def _version(program: str | Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
