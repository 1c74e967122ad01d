"""Real processes that start, crash, hang and end, under a supervisor that sees to them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import UsageError
from cultivar.stack.log import Log
from cultivar.stack.parts import Announced, Part, PartError, Place, RestartPolicy, ordered
from cultivar.stack.readiness import NatsAnswers, SaysSo
from cultivar.stack.supervisor import Started, Supervisor
from cultivar.testing.hubs import wait_for

PROGRAMS = Path(__file__).parent / "programs"

QUICK = RestartPolicy(pause=0.05, longest_pause=0.2, crashes=3)
"""A policy for tests: nobody waits long."""


class Stage:
    """A folder in which stacks run; the parts note there what they do."""

    def __init__(self, folder: Path) -> None:
        self.notes_file = folder / "notes"
        self.log = Log(folder / "up.log", lambda _: None)
        self.running: list[Stack] = []

    def part(self, name: str, *behaviours: str, **more: Any) -> Part:
        """A real process that behaves so."""
        command = (
            sys.executable,
            str(PROGRAMS / "part.py"),
            str(self.notes_file),
            name,
            *behaviours,
        )
        given: dict[str, Any] = {"ready": SaysSo(key="here"), "restart": QUICK, **more}
        return Part(name=name, command=command, **given)

    def stack(self, *parts: Part) -> Stack:
        """A stack that begins to start."""
        stack = Stack(parts, self.log)
        self.running.append(stack)
        return stack

    @property
    def lines(self) -> list[str]:
        """What the log has, without times."""
        text = self.log.path.read_text() if self.log.path.exists() else ""
        return [line.partition(" ")[2].replace(" | ", ": ", 1) for line in text.splitlines()]

    @property
    def notes(self) -> list[str]:
        """What the parts did, in order."""
        return self.notes_file.read_text().splitlines() if self.notes_file.exists() else []


class Stack:
    """A supervisor at work in a thread of its own."""

    def __init__(self, parts: tuple[Part, ...], log: Log) -> None:
        self.started: tuple[Started, ...] = ()
        self.error: Exception | None = None
        self.supervisor = Supervisor(parts, log, self._is_ready)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def is_ready(self) -> bool:
        """Whether all parts come up in time."""
        return self._ready.wait(20)

    def stop(self) -> None:
        """Stop it, and wait for its end."""
        self.supervisor.stop()
        assert self.ends()

    def ends(self) -> bool:
        """Whether it ends in time."""
        self._thread.join(20)
        return not self._thread.is_alive()

    def _is_ready(self, started: tuple[Started, ...]) -> None:
        self.started = started
        self._ready.set()

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except Exception as error:
            self.error = error


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    try:
        yield stage
    finally:
        for each in stage.running:
            each.supervisor.stop()
            each.supervisor.stop()
            assert each.ends()
        stage.log.close()


def is_alive(pid: int) -> bool:
    """Whether a process runs, and is not only waiting to be reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def child_in(notes: list[str]) -> int:
    """The process that a part started."""
    return next(int(each.split()[-1]) for each in notes if " child " in each)


def test_a_part_is_started_when_what_it_needs_is_ready(stage: Stage) -> None:
    stack = stage.stack(stage.part("two", needs=("one",)), stage.part("one", "slow"))
    assert stack.is_ready()
    assert stage.notes == ["one starts", "one is ready", "two starts", "two is ready"]


def test_it_tells_where_everything_is_when_all_is_ready(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two"))
    assert stack.is_ready()
    assert [(each.name, each.place.where) for each in stack.started] == [
        ("one", "one"),
        ("two", "two"),
    ]
    assert all(each.pid and is_alive(each.pid) for each in stack.started)


def test_parts_are_stopped_in_reverse_order(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two"), stage.part("three"))
    assert stack.is_ready()
    stack.stop()
    assert stage.notes[-3:] == ["three ends", "two ends", "one ends"]
    assert stack.error is None


def test_a_part_that_crashed_is_started_again_and_the_others_run_on(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two", "faint"))
    assert stack.is_ready()
    assert wait_for(lambda: stage.notes.count("two is ready") == 2)
    assert stage.notes.count("one starts") == 1
    assert "up: two crashed (exit code 1); it is started again in 0.05 s" in stage.lines


def test_a_part_that_was_killed_is_started_again(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"))
    assert stack.is_ready()
    os.kill(stack.started[0].pid or 0, signal.SIGKILL)
    assert wait_for(lambda: stage.notes.count("one is ready") == 2)
    assert "up: one crashed (SIGKILL); it is started again in 0.05 s" in stage.lines


def test_pauses_grow_until_nobody_tries_again_and_the_rest_is_stopped(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two", "crash"))
    assert stack.ends()
    pauses = [line.split()[-2] for line in stage.lines if "started again" in line]
    assert pauses == ["0.05", "0.1"]
    assert isinstance(stack.error, PartError)
    assert stack.error.what.startswith("`two` crashed 3 times in a row (exit code 1).")
    assert stack.error.lines == ("two speaks",) * 3
    assert stage.notes[-1] == "one ends"


def test_crashes_of_a_part_that_ran_well_between_them_do_not_add_up(stage: Stage) -> None:
    policy = RestartPolicy(pause=0.05, steady=0.0, crashes=2)
    stack = stage.stack(stage.part("one", "crash", restart=policy))
    assert wait_for(lambda: stage.notes.count("one is ready") >= 4)
    assert stack.error is None


def test_a_part_that_never_gets_ready_is_told_with_its_last_words(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two", "mute", ready_within=1.5))
    assert stack.ends()
    assert isinstance(stack.error, PartError)
    assert "`two` was not ready in 1.5 s: its announcement of 'here'" in stack.error.what
    assert stack.error.lines == ("two speaks",)
    assert stage.notes[-1] == "one ends"


def test_a_part_that_came_back_and_does_not_get_ready_is_killed_and_tried_again(
    stage: Stage,
) -> None:
    stack = stage.stack(stage.part("one", "faint", "shy", ready_within=3.0))
    assert stack.is_ready()
    assert wait_for(lambda: stage.lines.count("up: one: ready at one") == 2)
    assert stage.notes.count("one starts") == 3
    assert "up: one crashed (SIGKILL); it is started again in 0.1 s" in stage.lines


def test_a_part_that_cannot_do_what_was_asked_is_not_tried_again(stage: Stage) -> None:
    stack = stage.stack(stage.part("one", "refuse"))
    assert stack.ends()
    assert stage.notes == ["one starts"]
    assert isinstance(stack.error, PartError)


def test_a_program_that_is_not_there_is_told(stage: Stage) -> None:
    part = Part(name="one", command=("no-such-program",), ready=SaysSo(key="here"), restart=QUICK)
    stack = stage.stack(part)
    assert stack.ends()
    assert isinstance(stack.error, PartError)
    assert "`no-such-program` cannot be started: No such file or directory." in stack.error.lines


def test_a_service_elsewhere_is_only_waited_for(stage: Stage) -> None:
    class Always:
        awaited = "nothing"

        def look(self, announced: Announced) -> Place:
            return Place(where="elsewhere")

    stack = stage.stack(Part(name="far", ready=Always()), stage.part("one", needs=("far",)))
    assert stack.is_ready()
    assert [(each.name, each.pid is None) for each in stack.started] == [
        ("far", True),
        ("one", False),
    ]


def test_a_service_elsewhere_that_does_not_answer_is_told_with_why(stage: Stage) -> None:
    ready = NatsAnswers(url="nats://127.0.0.1:1")
    stack = stage.stack(stage.part("one"), Part(name="far", ready=ready, ready_within=0.3))
    assert stack.ends()
    assert isinstance(stack.error, PartError)
    assert stack.error.what == (
        "`far` was not ready in 0.3 s: the greeting of a NATS server with JetStream on 127.0.0.1:1 "
        "did not come (127.0.0.1:1 does not answer: [Errno 111] Connection refused)."
    )
    assert stage.notes[-1] == "one ends"


def test_what_a_part_started_ends_with_it(stage: Stage) -> None:
    stack = stage.stack(stage.part("one", "parent"))
    assert stack.is_ready()
    assert is_alive(child := child_in(stage.notes))
    stack.stop()
    assert wait_for(lambda: not is_alive(child), 2)


def test_what_a_crashed_part_started_ends_with_it_too(stage: Stage) -> None:
    stage.stack(stage.part("one", "parent", "faint"))
    assert wait_for(lambda: stage.notes.count("one starts") == 2)
    assert wait_for(lambda: not is_alive(child_in(stage.notes)), 2)


def test_a_part_that_does_not_listen_is_killed_after_its_time_of_grace(stage: Stage) -> None:
    stack = stage.stack(stage.part("one", "deaf", grace=0.3))
    assert stack.is_ready()
    stack.stop()
    assert not is_alive(stack.started[0].pid or 0)
    assert stage.lines[-1] == "up: one: did not stop, and was killed"


def test_to_stop_it_twice_is_to_kill_it_at_once(stage: Stage) -> None:
    deaf = [stage.part(name, "deaf", grace=600) for name in ("one", "two")]
    stack = stage.stack(*deaf)
    assert stack.is_ready()
    stack.supervisor.stop()
    stack.supervisor.stop()
    assert stack.ends()
    assert not any(is_alive(each.pid or 0) for each in stack.started)


def test_it_can_be_stopped_while_a_part_starts(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"), stage.part("two", "mute", ready_within=600))
    assert wait_for(lambda: "two is ready" in stage.notes)
    stack.stop()
    assert stage.notes[-2:] == ["two ends", "one ends"]
    assert stack.error is None


def test_it_can_be_stopped_while_a_crashed_part_waits_its_turn(stage: Stage) -> None:
    policy = RestartPolicy(pause=600.0, longest_pause=600.0)
    stack = stage.stack(stage.part("one", "crash", restart=policy))
    assert wait_for(lambda: any("started again" in line for line in stage.lines))
    stack.stop()
    assert stage.notes.count("one starts") == 1


def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    program = str(PROGRAMS / "supervise.py")
    command = [sys.executable, program, str(tmp_path / "notes")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        pids = [int(each) for each in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_alive, pids))
        supervisor.kill()
    assert wait_for(lambda: not any(map(is_alive, pids)), 5)


def test_a_machine_that_is_short_of_something_ends_nothing(tmp_path: Path) -> None:
    program = str(PROGRAMS / "starve.py")
    command = [sys.executable, program, str(tmp_path / "notes")]
    subprocess.run(command, check=True, timeout=30)
    log = (tmp_path / "log").read_text()
    assert re.search(r"one crashed \(.*Too many open files.*\); it is started again in 0.4 s", log)
    assert (tmp_path / "notes").read_text().count("one is ready") == 2


def test_it_tells_anew_where_everything_is_when_a_part_came_back(stage: Stage) -> None:
    stack = stage.stack(stage.part("one", "faint"))
    assert stack.is_ready()
    first = stack.started[0].pid
    assert wait_for(lambda: stack.started[0].pid != first)


def test_what_a_part_announces_is_not_in_the_log_and_all_else_is(stage: Stage) -> None:
    stack = stage.stack(stage.part("one"))
    assert stack.is_ready()
    assert [line for line in stage.lines if line.startswith("one")] == ["one: one speaks"]


def test_an_error_that_a_part_says_in_json_is_among_its_last_words(stage: Stage) -> None:
    said = """printf '{\\n"error": {"what": "It is full.", "remedy": "Empty it."}}'; exit 2"""
    part = Part(name="one", command=("bash", "-c", said), ready=SaysSo(key="here"))
    stack = stage.stack(part)
    assert stack.ends()
    assert isinstance(stack.error, PartError)
    assert stack.error.lines == ("It is full. Empty it.",)


def test_the_output_of_a_part_cannot_take_over_a_terminal(stage: Stage) -> None:
    said = r"printf '{ no json\n\033[2Jgone\377\n'; yes x | head -c 40000 | tr -d '\n'; sleep 60"
    part = Part(
        name="one",
        command=("bash", "-c", said),
        environment=os.environ,
        ready=SaysSo(key="here"),
        ready_within=2.0,
    )
    stack = stage.stack(part)
    assert stack.ends()
    assert isinstance(stack.error, PartError)
    assert stack.error.lines[:2] == ("{ no json", "�[2Jgone�")
    assert max(map(len, stack.error.lines)) <= 16_384


def test_parts_that_need_each_other_are_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="`one`, `two`"):
        Supervisor(
            [stage.part("one", needs=("two",)), stage.part("two", needs=("one",))],
            stage.log,
            lambda _: None,
        )


@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=8), st.randoms())
def test_whatever_is_needed_comes_first(needs: list[set[int]], random: Any) -> None:
    """A part may need those of a smaller number, and some that are not there."""
    parts = [
        Part(name=str(n), ready=SaysSo(key=""), needs=tuple(map(str, {*each} & {*range(n), 9})))
        for n, each in enumerate(needs)
    ]
    random.shuffle(parts)
    order = [each.name for each in ordered(parts)]
    assert sorted(order) == sorted(each.name for each in parts)
    for part in parts:
        needed = [name for name in part.needs if name in order]
        assert all(order.index(name) < order.index(part.name) for name in needed)
