"""What is down: the sandbox, the model, the clock; and what there is too much of: loops."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Final

from cultivar.application.workbench import registry_of
from cultivar.errors import ModelUnavailableError, SandboxUnavailableError
from cultivar.lifecycle import Experiment
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.sandbox.choose import choose_sandbox
from cultivar.tree import Tree
from evals.benchmarks.faults.candidates import MENDED, reply
from evals.benchmarks.faults.grounds import Grounds, used
from evals.benchmarks.faults.scenes import ALL, Outcome, Scene

_NO_IMAGE: Final = "localhost/there/is/none:ever"


class BreakingSandbox:
    """A sandbox that works some times, and then no more.

    Args:
        times: How often.
        within: What works that often.
    """

    def __init__(self, times: int, within: Sandbox) -> None:
        self._left, self._within = times, within
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """As that within says."""
        return self._within.name

    @property
    def confined(self) -> bool:
        """As that within says."""
        return self._within.confined

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """Run it, while it works.

        Raises:
            SandboxUnavailableError: It does not any more.
        """
        with self._lock:
            self._left -= 1
        if self._left < 0:
            raise SandboxUnavailableError("The wall could not be built.", "Look at the machine.")
        return self._within.run(command, tree, limits)


def sandbox_missing(grounds: Grounds) -> Outcome:
    """There is no sandbox at all; later there is."""
    scene = grounds.tool()
    nowhere = replace(scene.settings.sandbox, use="container", image=_NO_IMAGE)
    said = scene.improved(sandbox=nowhere)
    return _later(scene, said)


def sandbox_breaks(grounds: Grounds, times: int) -> Outcome:
    """The sandbox breaks down in the middle of the trials; later it works.

    Args:
        grounds: Where.
        times: How often it works before.
    """
    scene = grounds.tool()
    sandbox = BreakingSandbox(times, choose_sandbox(scene.settings.sandbox))
    said = scene.improved({Sandbox: sandbox})
    return _later(scene, said)


def _later(scene: Scene, said: str, services: Mapping[type, object] | None = None) -> Outcome:
    """No verdict was given while it was down, and what was stopped is tried again."""
    stopped = _experiments(scene)
    never = {each.status for each in stopped} & {"refused", "rejected"}
    untouched = scene.files == scene.old
    again = scene.improved(services or {})
    outcome = scene.outcome(f"{said} Later: {again}")
    return replace(outcome, held=outcome.held and untouched and not never)


def _experiments(scene: Scene) -> tuple[Experiment, ...]:
    with scene.opened() as cultivar:
        return cultivar.experiments(ALL)


def model_down(grounds: Grounds) -> Outcome:
    """The model cannot be reached; later it answers, and what it wrote waits for a person."""
    scene = grounds.template()
    down = ModelUnavailableError("The model cannot be reached.", "Try again later.")
    said = scene.improved({Provider: ScriptedModel(down)})
    untouched = scene.files == scene.old
    again = scene.improved({Provider: ScriptedModel(reply(MENDED))})
    return scene.outcome(f"{said} Later: {again}", held=untouched)


def clock_back(grounds: Grounds) -> Outcome:
    """The clock went a day back: the history, a release and a lease are of tomorrow."""
    scene = grounds.tool()
    said = scene.improved()
    day = timedelta(days=1)
    with closing(sqlite3.connect(scene.settings.home / "ledger.db")) as database, database:
        _shift(database, "execution_logs", "executed_at", day)
        _shift(database, "releases", "released_at", day)
    with scene.opened() as cultivar:
        after = registry_of(cultivar.services).current(scene.artifact).tree_hash
        used(scene, cultivar, 60, failing=60, tree_hash=after)
    again = scene.improved()
    return scene.outcome(f"{said} Then: {again}")


def _shift(database: sqlite3.Connection, table: str, column: str, by: timedelta) -> None:
    rows = database.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    for row, at in rows:
        moved = datetime.fromisoformat(at).replace(tzinfo=UTC) + by
        text = moved.strftime("%Y-%m-%d %H:%M:%S.%f")
        database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (text, row))


def two_loops(grounds: Grounds) -> Outcome:
    """Two runs begin at once: one works, and the other is told so."""
    scene = grounds.tool()
    both = threading.Barrier(2)
    said: list[str] = []

    def run() -> None:
        both.wait()
        said.append(scene.improved())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    refused = [each for each in said if "Another run of `improve` is at work" in each]
    campaigns = {each.campaign for each in _experiments(scene)}
    return scene.outcome(" ".join(refused), held=len(refused) == 1 and len(campaigns) == 1)
