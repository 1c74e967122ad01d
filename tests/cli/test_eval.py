"""`cultivar eval`, as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from cultivar.testing.greeters import greeter

SUITE = """\
template: test:greeter
noisy: false
cases:
  - {name: quiet, answers: {name: Ada}, assertions: [contains: hello Ada]}
  - name: loud
    answers: {loud: true}
    matrix: {times: [1, 2], tone: [kind, plain]}
    assertions: [{regex: '!$', path: greeting.txt}]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with the greeter, a suite of it, and a worse version in a folder beside."""
    root = tmp_path / "workspace"
    write(root / "templates_data" / "greeter", greeter())
    write(tmp_path / "worse", greeter("grep -q Ada greeting.txt", version="1.1.0"))
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    (root / "suite.yaml").write_text(SUITE)
    return root


def write(folder: Path, subject: Any) -> None:
    folder.mkdir(parents=True)
    for path, entry in subject.tree.items():
        (folder / path).write_bytes(entry.content)


def command(workspace: Path, *given: str) -> tuple[list[str], dict[str, Any]]:
    argv = [sys.executable, "-m", "cultivar", "eval", "suite.yaml", *given]
    environment = {**os.environ, "COLUMNS": "160", "CULTIVAR_HOME": str(workspace / "home")}
    return argv, {"cwd": workspace, "env": environment}


def evaluated(workspace: Path, *given: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    argv, about = command(workspace, *given)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **about)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def facts(workspace: Path, *given: str, code: int = 0) -> Any:
    return json.loads(evaluated(workspace, *given, "--json", code=code).stdout)


def test_a_suite_is_tried_and_summed_up_and_known_the_next_time(workspace: Path) -> None:
    shown = evaluated(workspace).stdout
    assert re.search(r"1\.0\.0 +5 of 5 +100% +57% to 100%", shown)
    assert "5 trials of 5 cases · " in shown
    assert "5 trials of 5 cases, 5 of them known from before · " in evaluated(workspace).stdout


def test_versions_are_tried_side_by_side_and_what_fails_is_told(workspace: Path) -> None:
    given = ("--version", "1.0.0", "--version", "../worse")
    shown = evaluated(workspace, *given, code=1).stdout
    assert re.search(r"\.\./worse +1 of 5 +20%", shown)
    assert re.search(r"worse · loud times=2, tone=kind failed\n  checks: `runs` failed", shown)
    assert "../worse passes 20%, and must pass 100%." in shown
    assert evaluated(workspace, *given, "--min-pass-rate", "0.2").returncode == 0


def test_a_comparison_says_whether_the_difference_is_real(workspace: Path) -> None:
    found = facts(workspace, "--compare", "1.0.0", "../worse", code=1)
    compared = found["comparison"]
    assert (compared["wins"], compared["losses"], compared["pairs"]) == (0, 4, 5)
    assert compared["recommendation"] == "roll_back"
    assert found["judged"] == ["../worse"]
    shown = evaluated(workspace, "--compare", "../worse", "1.0.0").stdout
    assert "Recommendation: deploy" in shown


def test_one_version_is_not_compared_with_itself(workspace: Path) -> None:
    said = evaluated(workspace, "--compare", "1.0.0", "templates_data/greeter", code=2).stderr
    assert "the same version" in said


def test_reports_are_written(workspace: Path) -> None:
    evaluated(workspace, "--version", "../worse", "--junit", "r.xml", "--html", "r.html", code=1)
    root = ElementTree.parse(workspace / "r.xml").getroot()
    assert [(each.get("tests"), each.get("failures")) for each in root] == [("5", "4")]
    page = (workspace / "r.html").read_text()
    assert page.count("<svg") == 3
    assert "../worse" in page


@pytest.mark.parametrize(
    ("suite", "given", "code", "said"),
    [
        (SUITE.replace("loud: true", "lout: true"), (), 2, "line 5: `lout` is no question"),
        (SUITE.replace("times:", "timse:"), (), 2, "Did you mean `times`?"),
        (SUITE.replace("greeter", "greter"), (), 2, "Did you mean 'test:greeter'?"),
        (SUITE, ("--version", "9.9"), 2, "9.9"),
        (SUITE, ("--version", "no/such/folder"), 2, "no/such/folder"),
        (SUITE, ("--html", "no/such/folder/r.html"), 2, "`no/such/folder/r.html` cannot be"),
        (SUITE, ("--executor", "cloud"), 2, "Expected is `local` or `ray`."),
        (SUITE + "min_pass_rate: 2\n", (), 2, "at least 0 and at most 1"),
        ("prompt: say\ncases: [{assertions: [contains: x]}]", (), 2, "AGENT/PROMPT"),
        ("tool: none\ncases: [{assertions: [equals: x]}]", (), 2, "no tool 'none'"),
        ("prompt: inferrer/infer\ncases: [{assertions: [contains: x]}]", (), 6, "`model.name`"),
    ],
)
def test_what_cannot_be_tried_is_said_with_its_exit_code(
    suite: str, given: Sequence[str], code: int, said: str, workspace: Path
) -> None:
    (workspace / "suite.yaml").write_text(suite)
    done = evaluated(workspace, *given, code=code)
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_template_with_tasks_is_refused_until_it_is_trusted(workspace: Path) -> None:
    with (workspace / "templates_data" / "greeter" / "copier.yml").open("a") as file:
        file.write('_tasks: ["echo made > made.txt"]\n')
    assert "runs code of its own: tasks" in evaluated(workspace, code=4).stderr
    assert facts(workspace, "--trust")["summaries"][0]["passed"] == 5


def test_a_tool_is_tried_like_a_template(workspace: Path) -> None:
    tools = workspace / "tools"
    tools.mkdir()
    (tools / "halved.py").write_text(
        "from cultivar.tool import Characteristics, tool\n\n\n"
        "@tool(Characteristics(idempotent=True, side_effects=False))\n"
        "def halved(n: float) -> float:\n    return n / 2\n"
    )
    (workspace / "suite.yaml").write_text(
        "tool: halved\ncases:\n"
        "- {inputs: {n: 4}, assertions: [equals: 2]}\n"
        "- {inputs: {n: x}, assertions: [raises: TypeError]}\n"
    )
    assert facts(workspace)["summaries"][0]["passed"] == 2


def test_a_run_that_was_killed_goes_on_where_it_was(workspace: Path) -> None:
    write(workspace.parent / "slow", greeter("sleep 0.5 && grep -q hello greeting.txt"))
    given = ("--version", "../slow", "--jobs", "1", "--repeat", "4")
    argv, about = command(workspace, *given)
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **about)
    kept = 0
    while kept < 3:
        assert running.poll() is None
        time.sleep(0.1)
        kept = _kept(workspace)
    workers = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGKILL)
    running.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    kept = _kept(workspace)
    found = facts(workspace, *given)
    assert (found["summaries"][0]["passed"], len(found["results"])) == (20, 20)
    assert kept <= found["cached"] < 20
    assert _kept(workspace) == 20


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_run_that_is_ended_leaves_nothing_running(
    workspace: Path, ending: signal.Signals, code: int
) -> None:
    write(workspace.parent / "slow", greeter("sleep 30"))
    argv, about = command(workspace, "--version", "../slow")
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **about)
    workers: list[psutil.Process] = []
    while not any("sleep 30" in " ".join(_words(each)) for each in workers):
        assert running.poll() is None
        workers = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(ending)
    said = str(running.communicate(timeout=20)[1])
    assert ("Interrupted" in said) is (ending is not signal.SIGKILL)
    assert running.returncode == code
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _kept(workspace: Path) -> int:
    """How many results the ledger has."""
    file = workspace / "home" / "ledger.db"
    if not file.exists():
        return 0
    with sqlite3.connect(file, timeout=10) as database:
        try:
            return int(database.execute("SELECT count(*) FROM trials").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
