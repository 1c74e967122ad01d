"""The loop: it outlives what goes wrong, asks a person once, and holds to what it may use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.improving import Improved
from cultivar.application.rounds import Bounds, LoopSpentError, Round
from cultivar.application.workbench import registry_of
from cultivar.errors import (
    BudgetSpentError,
    NotKnownError,
    SandboxUnavailableError,
    StoreUnavailableError,
)
from cultivar.ledger.base import Ledger
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery, Leases
from cultivar.lifecycle import Artifact
from cultivar.machine import Event, StepStarted
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.sandbox.choose import choose_sandbox
from cultivar.settings import BudgetSettings
from cultivar.testing.toolrooms import BUGGY, RATIO, Workspace
from cultivar.tree import Tree

UNKNOWN = Artifact(kind="tool", name="nonesuch")
LACKING = Artifact(kind="tool", name="lacking")


class Pace:
    """Does not wait, but does something instead; ends when it is told to.

    Args:
        between: What to do in each rest, in its order.
    """

    def __init__(self, *between: Callable[[], object]) -> None:
        self._between = list(between)
        self.rests: list[float] = []
        self.ended = False

    def is_set(self) -> bool:
        """Whether it is to end."""
        return self.ended

    def wait(self, timeout: float) -> bool:
        """Do what is to be done in this rest."""
        self.rests.append(timeout)
        if self._between:
            self._between.pop(0)()
        return self.ended


def looped(
    cultivar: Cultivar, rounds: int, *between: Callable[[], object], **options: bool
) -> list[Round]:
    """So many rounds, with something done after each."""
    bounds = Bounds(rounds=rounds, every=60)
    return list(cultivar.improve_loop(bounds, stop=Pace(*between), **options))  # type: ignore[arg-type]


def improved(done: Round) -> Improved:
    """What became of a round that came to a good end."""
    assert done.improved is not None, done.trouble
    return done.improved


def rows(workspace: Workspace) -> dict[str, int]:
    """How many rows each table has, of ledger and checkpoints."""
    found: dict[str, int] = {}
    for file in ("ledger.db", "checkpoints.db"):
        with closing(sqlite3.connect(workspace.settings.home / file)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                (number,) = database.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()
                found[table] = number
    return found


def failing_from(workspace: Workspace, **improve: object) -> Cultivar:
    """Cultivar, opened, where a tool fails for every second use."""
    cultivar = workspace.opened(**improve)
    workspace.used(cultivar, 40, failing=20)
    return cultivar


def in_step(step: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Hears a run, and does something once when that step begins."""
    waiting = [act]

    def hear(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == step and waiting:
            waiting.pop()()

    return hear


def test_a_person_is_asked_once_and_idle_rounds_leave_nothing_behind(workspace: Workspace) -> None:
    found: list[dict[str, int]] = []
    with failing_from(workspace) as cultivar:
        first, *others = looped(cultivar, 6, *[lambda: found.append(rows(workspace))] * 5)
        assert improved(first).experiments[0].status == "waiting"
        assert [improved(each).experiments for each in others] == [()] * 5
        assert {each.waiting for each in others} == {1}
        assert found[1] == found[-1]
        assert len(cultivar.runs()) == 2


def test_after_a_persons_no_the_next_best_is_tried_once(workspace: Workspace) -> None:
    with failing_from(workspace) as cultivar:
        better = improved(looped(cultivar, 1)[0]).experiments[0]
        cultivar.reject(better.id, by="ada", reason="no")
        second, third = looped(cultivar, 2)
        assert improved(second).opportunities
        assert better.candidate.tree_hash not in {
            each.candidate.tree_hash for each in improved(second).experiments
        }
        assert not improved(third).opportunities


def test_what_is_safe_is_released_and_looked_after(workspace: Workspace) -> None:
    with failing_from(workspace, real=True, automatic=True) as cultivar:
        (first,) = looped(cultivar, 1)
        (release,) = improved(first).releases
        workspace.used(cultivar, 60, failing=0, tree_hash=release.after)
        (second,) = looped(cultivar, 1)
        assert [each.status for each in improved(second).releases] == ["kept"]


def test_a_round_that_meets_another_at_work_comes_back(workspace: Workspace) -> None:
    with failing_from(workspace) as cultivar:
        leases = cultivar.services.need(Leases)
        leases.take("improve", "another", 60)
        first, second = looped(cultivar, 2, lambda: leases.give_back("improve", "another"))
        assert first.trouble is not None
        assert "Another run" in first.trouble.what
        assert improved(second).experiments


def test_a_ledger_that_is_down_is_waited_for(workspace: Workspace) -> None:
    ledger = workspace.settings.home / "ledger.db"
    with failing_from(workspace):
        pass
    settings = replace(workspace.settings, database_url=f"sqlite:///{ledger}?timeout=0.1")
    holding = sqlite3.connect(ledger, isolation_level=None)
    holding.execute("BEGIN EXCLUSIVE")
    with Cultivar(settings) as cultivar:
        pace = Pace(lambda: None, holding.rollback)
        done = list(cultivar.improve_loop(Bounds(rounds=3, every=3600), stop=pace))
    assert [each.trouble.kind if each.trouble else "" for each in done] == [
        *["StoreUnavailableError"] * 2,
        "",
    ]
    assert 5 <= pace.rests[0] <= 10 <= pace.rests[1] <= 20
    assert improved(done[2]).experiments[0].status == "waiting"


class Wall:
    """The wall of this machine, which is down as long as we like.

    Args:
        real: The wall.
    """

    def __init__(self, real: Sandbox) -> None:
        self._real = real
        self.name, self.confined = real.name, real.confined
        self.down = False

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """See `Sandbox`."""
        if self.down:
            raise SandboxUnavailableError("The wall is down.")
        return self._real.run(command, tree, limits)


def test_where_trials_could_not_be_made_they_are_made_soon(workspace: Workspace) -> None:
    wall = Wall(choose_sandbox(workspace.settings.sandbox))

    def change() -> None:
        wall.down = not wall.down

    with Cultivar(workspace.settings, services={Sandbox: wall}) as cultivar:
        workspace.used(cultivar, 40, failing=20)
        cultivar.listen(in_step("prove", change))
        pace = Pace(change)
        first, second = cultivar.improve_loop(Bounds(rounds=2, every=3600), stop=pace)
        assert {each.status for each in improved(first).experiments} == {"stopped"}
        assert first.unknown
        assert pace.rests[0] <= 10
        assert not second.unknown
        assert improved(second).experiments[0].status == "waiting"
        assert len(cultivar.experiments()) == len(improved(first).experiments)


def test_a_tool_that_requires_what_is_not_to_be_had_stops_nothing_else(
    workspace: Workspace,
) -> None:
    needs = '# /// script\n# dependencies = ["program:nonesuch"]\n# ///\n'
    lacking = workspace.file.with_name("lacking.py")
    lacking.write_text(needs + BUGGY.replace("def ratio", "def lacking"))
    with failing_from(workspace) as cultivar:
        registry = registry_of(cultivar.services)
        registry.sync([LACKING])
        log = cultivar.services.need(ExecutionLog)
        for each in log.executions(ExecutionQuery(artifact=RATIO)):
            version = registry.current(LACKING).tree_hash
            log.add_execution(replace(each, id=str(uuid4()), artifact=LACKING, tree_hash=version))
        first, second = looped(cultivar, 2)
        assert improved(first).experiments[0].candidate.artifact == RATIO
        assert improved(first).experiments[0].status == "waiting"
        assert "'nonesuch' is not installed" in improved(second).troubles[0]
        assert not second.unknown
        assert not second.again


def test_a_place_that_is_down_ends_its_opportunity_alone_and_is_tried_soon(
    workspace: Workspace,
) -> None:
    wall = Wall(choose_sandbox(workspace.settings.sandbox))
    wall.down = True
    with Cultivar(workspace.settings, services={Sandbox: wall}) as cultivar:
        workspace.used(cultivar, 40, failing=20)
        (done,) = looped(cultivar, 1)
        assert "The wall is down." in improved(done).troubles[0]
        assert done.unknown


def test_what_was_released_is_looked_after_when_an_older_run_is_taken_up(
    workspace: Workspace,
) -> None:
    def fail() -> None:
        raise StoreUnavailableError("It is down.")

    with failing_from(workspace, real=True, automatic=True) as cultivar:
        cultivar.listen(in_step("prove", fail))
        with pytest.raises(StoreUnavailableError) as ended:
            cultivar.improve()
        (release,) = cultivar.improve().releases
        workspace.used(cultivar, 60, failing=60, tree_hash=release.after)
        done = cultivar.improve_on(ended.value.run_id)
        assert (release.id, "rolled_back") in {(each.id, each.status) for each in done.releases}


def test_a_run_that_spent_its_time_is_taken_up_and_never_begun_twice(workspace: Workspace) -> None:
    with failing_from(workspace):
        pass
    hurried = replace(workspace.settings, budget=BudgetSettings(seconds=0))
    with Cultivar(hurried) as cultivar:
        first, second = looped(cultivar, 2)
        assert (first.run_id, first.again) == (second.run_id, False)
        assert first.trouble is not None
        assert first.trouble.takes_more
        assert second.again
        assert [each.status for each in cultivar.runs()] == ["failed"]
    with workspace.opened() as cultivar:
        third, fourth = looped(cultivar, 2)
        assert (third.run_id, third.again) == (first.run_id, True)
        assert improved(third).experiments[0].status == "waiting"
        assert not fourth.again
        assert all(each.status == "done" for each in cultivar.runs())


def test_a_run_that_cannot_be_taken_up_is_closed_and_told(workspace: Workspace) -> None:
    with failing_from(workspace):
        pass
    hurried = replace(workspace.settings, budget=BudgetSettings(seconds=0))
    with Cultivar(hurried) as cultivar, pytest.raises(BudgetSpentError) as spent:
        cultivar.improve(artifacts=[RATIO])
    with closing(sqlite3.connect(workspace.settings.home / "ledger.db")) as database:
        database.execute("UPDATE runs SET order_placed = replace(order_placed, 'ratio', 'gone')")
        database.commit()
    with workspace.opened() as cultivar:
        first, second = looped(cultivar, 2)
        assert (first.run_id, first.closed) == (spent.value.run_id, True)
        assert first.trouble is not None
        assert "tool:gone" in first.trouble.what
        assert improved(second).experiments[0].status == "waiting"
        assert cultivar.services.need(Ledger).unfinished("improve") == ()


def test_what_nobody_waits_for_ends_the_loop(workspace: Workspace) -> None:
    with failing_from(workspace) as cultivar:
        with pytest.raises(NotKnownError):
            next(cultivar.improve_loop(Bounds(), artifacts=[UNKNOWN]))
        assert cultivar.runs() == ()


def test_a_fault_of_our_own_ends_the_loop_and_is_not_met_again(workspace: Workspace) -> None:
    def fail() -> None:
        raise ZeroDivisionError("ours")

    with failing_from(workspace) as cultivar:
        cultivar.listen(in_step("judge", fail))
        with pytest.raises(ZeroDivisionError):
            next(cultivar.improve_loop(Bounds()))
        assert {each.status for each in cultivar.experiments()} == {"stopped"}
        assert "ours" in cultivar.experiments()[0].reason
        (done,) = looped(cultivar, 1)
        assert not done.again
        assert improved(done).experiments[0].status == "waiting"


def test_a_person_who_edits_meanwhile_loses_nothing_and_the_next_round_begins_anew(
    workspace: Workspace,
) -> None:
    edited = BUGGY.replace('"""Divides."""', '"""Divides, as I like it."""')
    with failing_from(workspace, real=True, automatic=True) as cultivar:
        cultivar.listen(in_step("settle", lambda: workspace.file.write_text(edited)))
        first, second = looped(cultivar, 2)
        assert {each.status for each in improved(first).experiments} == {"stopped"}
        assert second.run_id != first.run_id
        assert improved(second).troubles or second.trouble is None
        assert workspace.file.read_text() == edited


def test_a_loop_that_is_stopped_ends_after_its_step_and_the_next_one_goes_on(
    workspace: Workspace,
) -> None:
    pace = Pace()

    def stop() -> None:
        pace.ended = True

    with failing_from(workspace) as cultivar:
        cultivar.listen(in_step("prove", stop))
        assert list(cultivar.improve_loop(Bounds(), stop=pace)) == []
        (run,) = cultivar.runs()
        assert (run.status, run.error) == ("failed", "It was stopped.")
    with workspace.opened() as cultivar:
        (done,) = looped(cultivar, 1)
        assert (done.run_id, done.again) == (run.id, True)
        assert improved(done).experiments[0].status == "waiting"


def test_a_run_is_taken_up_with_no_more_than_the_loop_may_do(workspace: Workspace) -> None:
    with failing_from(workspace):
        pass
    hurried = replace(workspace.settings, budget=BudgetSettings(seconds=0))
    with Cultivar(hurried) as cultivar, pytest.raises(BudgetSpentError):
        cultivar.improve(real=True, automatic=True)
    with workspace.opened() as cultivar:
        (done,) = looped(cultivar, 1)
        assert done.again
        assert improved(done).releases == ()
    assert workspace.file.read_text() == BUGGY


def test_a_loop_that_has_used_its_time_says_so(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        going = cultivar.improve_loop(Bounds(seconds=30, every=60), stop=Pace())
        assert next(going).rest is None
        with pytest.raises(LoopSpentError, match="seconds of all rounds") as spent:
            next(going)
        assert spent.value.exit_code == 5


def test_a_run_whose_workers_died_time_and_again_is_closed(
    workspace: Workspace, tmp_path: Path
) -> None:
    with failing_from(workspace):
        pass
    hurried = replace(workspace.settings, budget=BudgetSettings(seconds=0))
    with Cultivar(hurried) as cultivar, pytest.raises(BudgetSpentError) as spent:
        cultivar.improve()
    with workspace.opened() as cultivar:
        ledger = cultivar.services.need(Ledger)
        ledger.finish(spent.value.run_id, "running", error="Taken up after 20 deaths")
        (done,) = looped(cultivar, 1)
        assert (done.run_id, done.closed) == (spent.value.run_id, True)
        assert ledger.unfinished("improve") == ()
