"""`cultivar improve --loop` as a user runs it: its lines, its bounds, its signals, its deaths."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cultivar.cli.stopping import Signals
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.ledger.sql import open_ledger
from cultivar.testing.toolrooms import BUGGY, Workspace, toolroom_in

LINE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \S.*")
PATIENCE = 120


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = toolroom_in(tmp_path / "workspace", tmp_path / "cache")
    with made.opened() as cultivar:
        made.used(cultivar, 40, failing=20)
    return made


def environment(workspace: Workspace, **more: str) -> Mapping[str, str]:
    settings = workspace.settings
    return {
        **os.environ,
        "CULTIVAR_TRUST": f'["{workspace.root}"]',
        "CULTIVAR_HOME": str(settings.home),
        "CULTIVAR_CACHE": str(settings.cache),
        **more,
    }


def loop(workspace: Workspace, *given: str, **more: str) -> subprocess.Popen[str]:
    """The loop, started."""
    return subprocess.Popen(
        [sys.executable, "-m", "cultivar", "improve", "--loop", *given],
        cwd=workspace.root,
        env=dict(environment(workspace, **more)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], *codes: int) -> tuple[str, str]:
    """What it wrote until it had ended, with one of these codes, else 0."""
    try:
        said, logged = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode in (codes or (0,)), said + logged
    return said, logged


def test_each_round_is_a_line_of_json_and_so_is_what_ends_it(workspace: Workspace) -> None:
    given = ("--json", "--every", "60", "--seconds", "30")
    said, _ = ended(loop(workspace, *given), 5)
    first, last = map(json.loads, said.splitlines())
    assert first["improved"]["experiments"][0]["status"] == "waiting"
    assert (first["number"], first["waiting"], first["rest"]) == (1, 1, None)
    assert (last["error"]["kind"], last["error"]["exit_code"]) == ("LoopSpentError", 5)
    assert "--seconds" in last["error"]["remedy"]
    assert workspace.file.read_text() == BUGGY


def test_a_round_that_came_to_no_good_end_is_told_and_is_the_exit_code_of_the_last(
    workspace: Workspace,
) -> None:
    said, logged = ended(loop(workspace, "--rounds", "1", "--budget", "seconds=0"), 5)
    assert "The budget of seconds is spent" in logged
    assert all(map(LINE.fullmatch, logged.splitlines()))
    assert "Ctrl-C stops it" in said
    said, logged = ended(loop(workspace, "--rounds", "1"))
    assert "took up the run" in logged
    assert "waiting: tool:ratio" in logged


def test_a_signal_while_it_rests_ends_it_well(workspace: Workspace) -> None:
    process = loop(workspace)
    assert process.stderr
    logged = [process.stderr.readline()]
    while "is over" not in logged[-1]:
        assert logged[-1]
        logged.append(process.stderr.readline())
    assert "The next one begins in 21600 s." in logged[-1]
    process.send_signal(signal.SIGINT)
    _, rest = ended(process)
    assert "Stopping: what is under way is kept" in rest


def test_a_signal_while_it_works_ends_it_after_the_step(workspace: Workspace) -> None:
    process = loop(workspace)
    assert process.stdout
    process.stdout.readline()  # it works from now on
    process.send_signal(signal.SIGTERM)
    _, logged = ended(process)
    assert "Stopping" in logged
    said, _ = ended(loop(workspace, "--rounds", "1", "--json"))
    assert json.loads(said)["improved"]["experiments"][0]["status"] == "waiting"


def test_a_second_signal_ends_it_at_once() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals() as heard:
        assert not heard.wait(0)
        signal.raise_signal(signal.SIGTERM)
        assert heard.is_set()
        assert heard.wait(PATIENCE)  # nobody waits any more
        with pytest.raises(KeyboardInterrupt) as interrupted:
            signal.raise_signal(signal.SIGINT)
        assert interrupted.value.args == (signal.SIGINT,)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--rounds", "0"), "rounds"),
        (("tool:nonesuch",), "There is no artifact 'tool:nonesuch'"),
    ],
)
def test_what_no_waiting_mends_ends_it(
    workspace: Workspace, given: tuple[str, ...], said: str
) -> None:
    _, logged = ended(loop(workspace, *given), 2)
    assert said in logged
    assert "Traceback" not in logged


def test_bounds_are_of_a_loop(workspace: Workspace) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "cultivar", "improve", "--rounds", "2"],
        cwd=workspace.root,
        env=dict(environment(workspace)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "Say `--loop`, too." in process.stderr


def test_killed_at_any_moment_it_goes_on_until_all_is_decided(workspace: Workspace) -> None:
    dice = Random(8)
    for _ in range(4):
        process = loop(workspace, "--real", "--automatic")
        assert process.stdout
        process.stdout.readline()  # it works from now on
        time.sleep(dice.uniform(0, 2))
        process.kill()
        process.communicate()
    given = ("--rounds", "2", "--every", "1", "--json", "--real", "--automatic")
    rounds: list[dict[str, Any]] = [
        *map(json.loads, ended(loop(workspace, *given))[0].splitlines())
    ]
    assert [each["trouble"] for each in rounds] == [None, None]
    with open_ledger(workspace.settings.ledger_url) as ledger:
        assert ledger.unfinished("improve") == ()
        store: ExperimentStore = ledger.experiments
        found = store.experiments(ExperimentQuery(limit=100))
        released = [each for each in found if each.status == "released"]
        assert len(released) == 1
        assert "running" not in {each.status for each in found}
        assert ledger.leases.take("improve", "anybody", 1)
    assert "b == 0" in workspace.file.read_text()
    assert len(list(workspace.file.parent.glob("*.backup-*"))) == 1


def test_two_loops_at_once_do_the_work_once(workspace: Workspace) -> None:
    both = [loop(workspace, "--rounds", "2", "--every", "1", "--json") for _ in range(2)]
    rounds = [json.loads(line) for each in both for line in ended(each, 0, 2)[0].splitlines()]
    tried = [each for each in rounds if each["improved"] and each["improved"]["experiments"]]
    assert len(tried) == 1
    kinds = {each["trouble"]["kind"] for each in rounds if each["trouble"]}
    assert kinds <= {"AtWorkError"}
