from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.agent import Context
from cultivar.application.evaluating import OpenPlaceOf, open_executor
from cultivar.checking.checks import CheckRunner
from cultivar.errors import SandboxUnavailableError
from cultivar.evals.executing.base import Job
from cultivar.evals.executing.together import Together
from cultivar.evals.trying.base import Place
from cultivar.evals.trying.tools import tool_case
from cultivar.lifecycle import Assertion
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.testing.greeters import case_of, greeter, settings_in
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tree import Tree

TWICE = subject_of(tool_file("return given * 2"))


class Counting:
    """Counts the starts of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self.starts = sandbox, 0

    @property
    def name(self) -> str:
        return self._sandbox.name

    @property
    def confined(self) -> bool:
        return self._sandbox.confined

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        self.starts += 1
        return self._sandbox.run(command, tree, limits)


class Down(Counting):
    """A sandbox that is down."""

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        raise SandboxUnavailableError("The sandbox is down.")


@pytest.fixture(scope="module")
def runner() -> Iterator[CheckRunner]:
    with place_for_tools() as uses:
        yield uses.runner


def _together(runner: CheckRunner, sandbox: Sandbox, folder: Path) -> Together:
    context = Context(services={CheckRunner: replace(runner, sandbox=sandbox)})
    others = open_executor("local", OpenPlaceOf(settings=settings_in(folder)), 1)
    return Together(others, Place(context=context), 2)


def _jobs(count: int) -> list[Job]:
    return [
        Job(
            subject=TWICE,
            case=tool_case({"given": each}, Assertion(kind="equals", value=2 * each)),
        )
        for each in range(count)
    ]


def test_many_uses_of_a_tool_take_few_starts_of_the_sandbox(
    runner: CheckRunner, tmp_path: Path
) -> None:
    sandbox = Counting(runner.sandbox)
    together = _together(runner, sandbox, tmp_path)
    done = list(together.run(_jobs(40)))
    assert sorted(each.job.case.id for each in done) == sorted(j.case.id for j in _jobs(40))
    assert {each.result.verdict for each in done} == {"passed"}
    assert all(each.key for each in done)
    assert sandbox.starts == 2
    together.close()


def test_what_is_no_tool_is_left_to_the_other_executor(runner: CheckRunner, tmp_path: Path) -> None:
    together = _together(runner, runner.sandbox, tmp_path)
    greeting = Job(subject=greeter("grep -q hello greeting.txt"), case=case_of(name="ada"))
    done = list(together.run([*_jobs(1), greeting]))
    assert {each.job.subject.artifact.kind for each in done} == {"tool", "template"}
    together.close()


def test_a_sandbox_that_is_down_is_no_failure_of_the_tool(
    runner: CheckRunner, tmp_path: Path
) -> None:
    together = _together(runner, Down(runner.sandbox), tmp_path)
    (done,) = together.run(_jobs(1))
    assert done.result.verdict == "not_verified"
    together.close()


def test_what_is_timed_has_a_start_of_its_own(runner: CheckRunner, tmp_path: Path) -> None:
    sandbox = Counting(runner.sandbox)
    together = _together(runner, sandbox, tmp_path)
    done = list(together.run([replace(each, timed=True) for each in _jobs(4)]))
    assert {each.result.verdict for each in done} == {"passed"}
    assert sandbox.starts == 4
    together.close()
