"""What ends in the middle: killed processes, full disks, a ledger that is locked."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from cultivar.ledger.base import Ledger
from cultivar.record import replace
from cultivar.testing.folders import Ending, Interrupt, interrupted_at, kill
from evals.benchmarks.faults.grounds import Grounds
from evals.benchmarks.faults.scenes import Outcome, Scene

_PROGRAM: Final = Path(__file__).parent / "programs" / "killed.py"
_STEPS: Final = 400
"""More than a release has."""


def killed(grounds: Grounds, method: str) -> Outcome:
    """The command line is killed after a step; then the run is taken up again.

    Args:
        grounds: Where.
        method: What the campaign has just done.
    """
    scene = grounds.tool()
    deadly = (sys.executable, str(_PROGRAM), method)
    process = _command(scene, *deadly, "improve", "--real", "--automatic")
    before = scene.files
    with scene.opened() as cultivar:
        run = next(r for r in cultivar.services.need(Ledger).runs() if r.graph == "improve")
    resumed = _command(scene, sys.executable, "-m", "cultivar", "resume", run.id)
    held = process.returncode == -signal.SIGKILL and resumed.returncode == 0
    old_until_released = method == "settle" or before == scene.old
    return scene.outcome(_last_line(resumed.stdout), held=held and old_until_released)


def _command(scene: Scene, *command: str) -> subprocess.CompletedProcess[str]:
    settings = scene.settings
    environment = {
        **os.environ,
        "CULTIVAR_TRUST": f'["{scene.root}"]',
        "CULTIVAR_HOME": str(settings.home),
        "CULTIVAR_CACHE": str(settings.cache),
        "XDG_CONFIG_HOME": str(scene.root / "no-configuration"),
        "NO_COLOR": "1",
    }
    return subprocess.run(
        command, cwd=scene.root, env=environment, capture_output=True, text=True, check=False
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def in_release(grounds: Grounds, interrupt: Interrupt, stride: int) -> Outcome:
    """A release is interrupted before each so-manieth of its steps, each time from the start.

    Args:
        grounds: Where.
        interrupt: What happens then.
        stride: How many steps lie between two interruptions.
    """
    endings: list[tuple[Ending, Outcome]] = []
    for step in range(1, _STEPS, stride):
        scene = grounds.waiting_tool()
        ending = interrupted_at(step, partial(approved, scene), interrupt)
        endings.append((ending, scene.outcome("")))
        if ending == "done":
            break
    cut, (last, finished) = [outcome for _, outcome in endings[:-1]], endings[-1]
    ends = [each.ends for each in cut]
    held = last == "done" and finished.ends == "new" and all(each.held for each in cut)
    counts = {end: ends.count(end) for end in ("old", "new") if end in ends}
    told = ", ".join(f"{end} {number} times" for end, number in counts.items())
    worst = next((each for each in cut if each.ends == "unproven"), cut[0])
    return replace(
        worst,
        whole=all(each.whole for each in cut),
        said=f"Interrupted {len(cut)} times: {told}.",
        held=held and ends == sorted(ends, reverse=True),
    )


def approved(scene: Scene) -> None:
    """A person's word: the experiment that waits is released."""
    with scene.opened() as cultivar:
        waiting = next(each for each in cultivar.experiments() if each.status == "waiting")
        cultivar.approve(waiting.id, by="ada")


def full_from_the_start(grounds: Grounds) -> Outcome:
    """The disk takes no more bytes, by the kernel's own word, while a run goes on."""
    scene = grounds.tool()
    ending = _in_child(partial(_improved_without_room, scene))
    said = "It fails, and says so." if ending == "failed" else f"It ended: {ending}."
    untouched = scene.files == scene.old
    scene.forget_leases()
    again = scene.improved()
    return scene.outcome(f"{said} Later: {again}", held=untouched and ending == "failed")


def _improved_without_room(scene: Scene) -> None:
    size = max(each.stat().st_size for each in scene.settings.home.glob("ledger.db*"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    with scene.opened() as cultivar:
        cultivar.improve()


def _in_child(work: Callable[[], object]) -> Ending:
    return interrupted_at(1 << 30, work, kill)


def ledger_locked(grounds: Grounds) -> Outcome:
    """Another process locks the ledger in the middle of a release, and keeps it."""
    scene = grounds.waiting_tool()
    impatient = f"sqlite:///{scene.settings.home / 'ledger.db'}?timeout=0.2"
    hurried = replace(scene, settings=replace(scene.settings, database_url=impatient))
    endings: set[Ending] = set()
    for step in range(10, 50, 10):
        endings.add(interrupted_at(step, partial(approved, hurried), _locking(scene)))
    return scene.outcome("It fails, and says so.", held=endings == {"failed"})


def _locking(scene: Scene) -> Interrupt:
    def lock(_kind: str, number: int) -> None:
        if number == 0:
            database = sqlite3.connect(scene.settings.home / "ledger.db", isolation_level=None)
            database.execute("BEGIN EXCLUSIVE")
            _KEPT.append(database)

    return lock


_KEPT: Final[list[sqlite3.Connection]] = []
"""Locks of a process that is to end with them."""
