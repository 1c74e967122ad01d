from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from dirty_equals import IsPartialDict

from cultivar.checking.checks import CheckRunner
from cultivar.checking.environments import Environments
from cultivar.errors import (
    EnvironmentUnavailableError,
    SandboxUnavailableError,
    UnconfinedError,
    UnsafeError,
)
from cultivar.model import Check, CheckResult, Proof
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.process import PlainProcess
from cultivar.tree import Tree, text_entry

TREE = Tree(
    {
        "m.py": text_entry("import os\n\n\ndef one() -> int:\n    return 1\n"),
        "test_m.py": text_entry("from m import one\n\n\ndef test_one():\n    assert one() == 1\n"),
    }
)
DONE = Completed(exit_code=0, output=b"", wall_seconds=0.0, cpu_seconds=0.0, peak_bytes=0)


@dataclass
class Cache:
    """Verdicts in memory."""

    kept: dict[str, CheckResult] = field(default_factory=dict[str, CheckResult])

    def verdict(self, key: str) -> CheckResult | None:
        return self.kept.get(key)

    def remember(self, key: str, result: CheckResult) -> None:
        self.kept[key] = result


@dataclass
class Told:
    """A sandbox that answers what it is told to, and counts."""

    answer: Callable[[Command, Tree, Limits], Completed] = lambda command, tree, limits: DONE
    name: str = "told"
    confined: bool = True
    runs: list[tuple[Command, Limits]] = field(default_factory=list[tuple[Command, Limits]])

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        self.runs.append((command, limits))
        return self.answer(command, tree, limits)


def _runner(
    sandbox: Sandbox, environments: Environments, cache: Cache | None = None
) -> CheckRunner:
    return CheckRunner(sandbox=sandbox, environments=environments, cache=cache)


@pytest.fixture
def runner(environments: Environments) -> CheckRunner:
    return _runner(Bubblewrap(), environments)


def _verdicts(proof: Proof) -> dict[str, str]:
    return {each.check: each.verdict for each in proof.results}


def test_checks_run_with_what_they_require(runner: CheckRunner) -> None:
    checks = (
        Check(name="tests", run="python -m pytest -q", required=True),
        Check(name="lint", run="ruff check ."),
    )
    proof = runner.prove(TREE, checks, ("pytest", "ruff"), language="python")
    assert _verdicts(proof) == {"tests": "passed", "lint": "failed"}
    assert (proof.verdict, proof.quality, proof.sandbox) == ("passed", 0.5, "bubblewrap")
    assert "F401" in proof.results[1].output
    assert proof.results[0].output.startswith(".")


def test_a_project_of_elixir_is_tested_offline(runner: CheckRunner) -> None:
    tree = Tree(
        {
            "mix.exs": text_entry(
                "defmodule Demo.MixProject do\n  use Mix.Project\n"
                '  def project, do: [app: :demo, version: "0.1.0"]\nend\n'
            ),
            "lib/demo.ex": text_entry("defmodule Demo do\n  def hello, do: :world\nend\n"),
            "test/test_helper.exs": text_entry("ExUnit.start()\n"),
            "test/demo_test.exs": text_entry(
                "defmodule DemoTest do\n  use ExUnit.Case\n"
                '  test "greets", do: assert Demo.hello() == :world\nend\n'
            ),
        }
    )
    check = Check(name="tests", run="mix test", required=True)
    proof = runner.prove(tree, (check,), ("program:mix",), language="elixir")
    if proof.verdict == "not_verified":  # no Elixir on this machine
        assert "apt install" in proof.results[0].output
    else:
        assert "1 test, 0 failures" in proof.results[0].output
        assert proof.verdict == "passed"


def test_what_is_missing_here_is_neither_success_nor_failure(runner: CheckRunner) -> None:
    checks = (Check(name="tests", run="true", required=True), Check(name="lint", run="true"))
    proof = runner.prove(TREE, checks, ("program:no-such-program",))
    assert _verdicts(proof) == {"tests": "not_verified", "lint": "not_verified"}
    assert (proof.verdict, proof.quality) == ("not_verified", None)
    assert "'no-such-program' is not installed" in proof.results[0].output
    assert "apt install" in proof.results[0].output


def test_a_command_that_is_not_found_fails_and_says_so(runner: CheckRunner) -> None:
    result = runner.prove(TREE, (Check(name="x", run="no-such-command ."),), ()).results[0]
    assert (result.verdict, result.exit_code) == ("failed", 127)
    assert "no-such-command: not found" in result.output
    assert "`requires`" in result.output


def test_a_check_that_meets_a_limit_fails_and_says_which(runner: CheckRunner) -> None:
    check = Check(name="slow", run="echo begun; sleep 60", timeout=0.5)
    result = runner.prove(TREE, (check,), ()).results[0]
    assert (result.verdict, result.ended_by) == ("failed", "wall")
    assert result.output == "begun\nThe check was ended: it took more than 0.5 seconds."


def test_a_sandbox_that_is_down_is_no_failed_check(environments: Environments) -> None:
    def down(command: Command, tree: Tree, limits: Limits) -> Completed:
        raise SandboxUnavailableError("The sandbox is down.")

    with pytest.raises(SandboxUnavailableError):
        _runner(Told(down), environments).prove(TREE, (Check(name="x", run="true"),), ())


def test_the_results_come_in_the_order_of_the_checks(runner: CheckRunner) -> None:
    checks = [Check(name=str(n), run=f"sleep 0.{3 - n}; exit {n}") for n in range(4)]
    proof = runner.prove(TREE, checks, ())
    assert [(each.check, each.exit_code) for each in proof.results] == [
        (str(n), n) for n in range(4)
    ]


# The cache


def test_a_verdict_on_the_same_tree_is_remembered(environments: Environments) -> None:
    sandbox, check = Told(), Check(name="a", run="true", required=True)
    runner = _runner(sandbox, environments, Cache())
    first = runner.prove(TREE, (check,), ()).results[0]
    again = runner.prove(TREE, (replace(check, name="b", required=False, weight=3.0),), ())
    assert len(sandbox.runs) == 1
    assert again.results == (replace(first, check="b", required=False, weight=3.0, cached=True),)


@pytest.mark.parametrize("memory", [Cache(), None])
def test_a_flaky_check_always_runs(environments: Environments, memory: Cache | None) -> None:
    sandbox = Told()
    runner = _runner(sandbox, environments, memory)
    for _ in range(2):
        runner.prove(TREE, (Check(name="a", run="true", flaky=True),), ())
    assert len(sandbox.runs) == 2


def test_another_tree_command_limit_or_sandbox_has_a_verdict_of_its_own(
    environments: Environments,
) -> None:
    cache, check = Cache(), Check(name="a", run="true")
    runner = _runner(Told(), environments, cache)
    runner.prove(TREE, (check,), ())
    runner.prove(TREE.replace({"m.py": None}), (check,), ())
    runner.prove(TREE, (replace(check, run="true "),), ())
    runner.prove(TREE, (replace(check, timeout=1.0),), ())
    runner.prove(TREE, (check,), (), language="python")
    replace(runner, limits=Limits(processes=9)).prove(TREE, (check,), ())
    replace(runner, sandbox=Told(name="other")).prove(TREE, (check,), ())
    assert len(cache.kept) == 7


def test_a_verdict_that_a_busy_machine_may_have_caused_is_not_remembered(
    environments: Environments,
) -> None:
    def slow(command: Command, tree: Tree, limits: Limits) -> Completed:
        return replace(DONE, exit_code=-9, ended_by="wall")

    cache = Cache()
    _runner(Told(slow), environments, cache).prove(TREE, (Check(name="a", run="true"),), ())
    assert cache.kept == {}


# Trust


def test_untrusted_trees_do_not_run_without_a_wall(environments: Environments) -> None:
    runner = _runner(PlainProcess(), environments)
    check = Check(name="a", run="true")
    with pytest.raises(UnconfinedError):
        runner.prove(TREE, (check,), ())
    with pytest.raises(UnconfinedError):
        runner.run(TREE, "true", ())
    assert runner.prove(TREE, (check,), (), untrusted=False).verdict == "passed"
    assert replace(runner, unconfined=True).prove(TREE, (check,), ()).verdict == "passed"


def test_an_untrusted_requirement_that_is_an_address_is_refused(runner: CheckRunner) -> None:
    with pytest.raises(UnsafeError, match="--trust"):
        runner.prove(TREE, (), ("evil @ https://example.invalid/evil.whl",))


# What a check has around it


def test_nothing_of_ours_is_in_the_environment(
    runner: CheckRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    result = runner.prove(TREE, (Check(name="env", run="env"),), ()).results[0]
    assert "sk-secret" not in result.output
    variables = dict(line.split("=", 1) for line in result.output.splitlines())
    assert variables == IsPartialDict(HOME="/tmp/home", PYTHONDONTWRITEBYTECODE="1")


@pytest.mark.parametrize("sandbox", [Bubblewrap(), PlainProcess()], ids=["wall", "plain"])
def test_paths_in_the_output_are_relative_to_the_tree(
    environments: Environments, sandbox: Sandbox
) -> None:
    check = Check(name="where", run='echo "$PWD/m.py:1: error in $PWD"')
    proof = _runner(sandbox, environments).prove(TREE, (check,), (), untrusted=False)
    assert proof.results[0].output == "m.py:1: error in ."


# Fixes


def test_a_fix_gives_back_the_tree_as_it_left_it(runner: CheckRunner) -> None:
    fixed = runner.run(TREE, "ruff check --fix --select F .", ("ruff",)).mended(TREE)
    assert fixed == TREE.replace({"m.py": text_entry("\n\ndef one() -> int:\n    return 1\n")})


def test_a_fix_that_fails_at_the_end_has_still_done_its_work(runner: CheckRunner) -> None:
    fixed = runner.run(TREE, "echo x > new; exit 1", ()).mended(TREE)
    assert fixed == TREE.replace({"new": text_entry("x\n")})


def test_a_fix_that_meets_a_limit_changes_nothing(runner: CheckRunner) -> None:
    short = replace(runner, limits=Limits(wall_seconds=0.5))
    assert short.run(TREE, "echo x > new; sleep 60", ()).tree == TREE


def test_what_tools_leave_behind_is_not_part_of_a_fix(runner: CheckRunner) -> None:
    tree = TREE.replace({"deps/mine": text_entry("mine")})
    script = "mkdir __pycache__ .ruff_cache; touch __pycache__/x .ruff_cache/y deps/z; echo n > n"
    assert runner.run(tree, script, ()).mended(tree) == tree.replace({"n": text_entry("n\n")})


def test_a_fix_that_reaches_out_is_refused(runner: CheckRunner) -> None:
    with pytest.raises(UnsafeError):
        runner.run(TREE, "ln -s /etc/passwd out", ())


def test_a_fix_without_what_it_needs_says_what_to_install(runner: CheckRunner) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="apt install"):
        runner.run(TREE, "true", ("program:no-such-program",))
