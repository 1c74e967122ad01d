"""A canary that is killed between any two steps is finished by the next look."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import Connection, Engine, event

from cultivar.checking.checks import CheckRunner
from cultivar.evolution.canary.canaries import Canaries
from cultivar.evolution.canary.choosing import running_canary
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import CANARY, Artifact, ExperimentStatus
from cultivar.record import replace
from cultivar.testing.artifacts import CALCULATOR, MENDED, TOOL, World, world_in
from cultivar.testing.folders import Ending, interrupted_at, kill
from cultivar.tree import Tree
from tests.evolution.canary.conftest import BEGAN, Room

NEVER = 10_000
"""More steps than there are."""

Work = Callable[[Room], object]


def _works(artifact: Artifact, tree: Tree, before: Tree | None = None, **_: bool) -> str:
    """The smoke test, which has no part in this."""
    return "" if tree and before != tree else f"{artifact.id} is empty."


def _room(world: World, ledger: SqlLedger, seed: int) -> Room:
    return Room(world=world, ledger=ledger, luck=Random(seed), verify=_works)


def _prepared(root: Path, runner: CheckRunner) -> World:
    """A workspace with an experiment that waits."""
    world = world_in(root, lambda: runner)
    with world.ledger() as ledger:
        room = _room(world, ledger, 1)
        room.registry.sync()
        room.proven()
    return world


def _do(world: World, work: Work) -> None:
    """Do it as a process of its own does."""
    with world.ledger() as ledger:
        work(_room(world, ledger, 2))


def _start(room: Room) -> object:
    experiment = room.ledger.experiments.experiment("proven")
    return room.canaries().release(experiment, by="ada", share=0.5)


def _look(at: datetime, room: Room) -> object:
    return room.canaries(at).look_after()


def _roll_back(room: Room) -> object:
    return room.canaries().take_back(CALCULATOR, by="ada", reason="no")


def _reject(room: Room) -> object:
    experiment = room.ledger.experiments.experiment("proven")
    return room.canaries().reject(experiment, by="ada", reason="no")


def _used(world: World, old: float, new: float) -> datetime:
    with world.ledger() as ledger:
        room = _room(world, ledger, 3)
        (canary,) = ledger.experiments.releases(CALCULATOR)
        return room.used(canary, 150, old, new)


def _standing(room: Room, at: datetime) -> tuple[ExperimentStatus, str, bool]:
    """What became of it after the next look, what is on the disk, and whether anybody gets it."""
    canaries: Canaries = room.canaries(at)
    canaries.look_after()
    assert canaries.look_after() == ()
    made = room.ledger.experiments.releases(CALCULATOR)
    assert sum(each.status == "canary" for each in made) <= 1
    running = running_canary(room.ledger.artifacts, room.ledger.experiments, CALCULATOR)
    assert running == canaries.running(CALCULATOR)
    if made and not running:
        assert room.ledger.artifacts.pointer(CALCULATOR, CANARY) is None
    status = room.ledger.experiments.experiment("proven").status
    return status, room.world.tool.read_text(), running is not None


def _killed_in_a_file(step: int, world: World, work: Work) -> Ending:
    return interrupted_at(step, partial(_do, world, work), kill)


def _killed_in_the_record(step: int, world: World, work: Work) -> Ending:
    """Kill it before it writes to the record for that time."""
    left = step

    def count(_: Connection) -> None:
        nonlocal left
        left -= 1
        if not left:
            kill("commit", 0)

    def do() -> None:
        event.listen(Engine, "commit", count)
        _do(world, work)

    return interrupted_at(NEVER, do, kill)


def _endings(
    begin: World,
    work: Work,
    at: datetime,
    killed: Callable[[int, World, Work], Ending] = _killed_in_the_record,
    every: int = 1,
) -> list[tuple[ExperimentStatus, str, bool]]:
    """How it stands after being killed at each step, and after it was let be."""
    found: list[tuple[ExperimentStatus, str, bool]] = []
    for step in range(1, NEVER, every):
        root = begin.root.with_name(f"step-{step}")
        shutil.copytree(begin.root, root)
        world = replace(begin, root=root)
        ending = killed(step, world, work)
        with world.ledger() as ledger:
            found.append(_standing(_room(world, ledger, 4), at))
        shutil.rmtree(root)
        if ending == "done":
            return found
    raise AssertionError(found)


def _started(root: Path, runner: CheckRunner) -> World:
    world = _prepared(root, runner)
    _do(world, _start)
    return world


def test_a_canary_that_is_killed_while_it_begins_runs_or_waits(
    tmp_path: Path, runner: CheckRunner
) -> None:
    world = _prepared(tmp_path / "begin", runner)
    soon = BEGAN + timedelta(hours=1)
    endings = _endings(world, _start, soon)
    assert len(endings) > 4
    assert set(endings) == {("waiting", TOOL, False), ("canary", TOOL, True)}
    assert endings[-1] == ("canary", TOOL, True)
    assert endings == sorted(endings, key=endings.index)


def test_a_good_canary_that_is_killed_while_it_is_given_to_all_is_given_to_all(
    tmp_path: Path, runner: CheckRunner
) -> None:
    world = _started(tmp_path / "begin", runner)
    whole = _used(world, old=0.2, new=1.0)
    endings = _endings(world, partial(_look, whole), whole)
    assert len(endings) > 6
    endings += _endings(world, partial(_look, whole), whole, _killed_in_a_file, 17)
    assert set(endings) == {("released", MENDED, False)}


def test_a_bad_canary_that_is_killed_while_it_is_stopped_is_stopped(
    tmp_path: Path, runner: CheckRunner
) -> None:
    world = _started(tmp_path / "begin", runner)
    whole = _used(world, old=1.0, new=0.2)
    endings = _endings(world, partial(_look, whole), whole)
    assert len(endings) > 3
    assert set(endings) == {("rolled_back", TOOL, False)}


def test_what_a_person_says_is_done_wholly_or_can_be_said_again(
    tmp_path: Path, runner: CheckRunner
) -> None:
    world = _started(tmp_path / "begin", runner)
    soon = BEGAN + timedelta(hours=1)
    for work, status in ((_roll_back, "rolled_back"), (_reject, "rejected")):
        endings = _endings(world, work, soon)
        assert set(endings) == {("canary", TOOL, True), (status, TOOL, False)}
        assert endings[-1] == (status, TOOL, False)
