"""`cultivar improve` and what a person says to it, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n", encoding="utf-8")
    return root


def cultivar(*given: str, at: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "cultivar", *given],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", "CULTIVAR_HOME": str(at / ".cultivar")},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_where_nothing_was_used_nothing_is_worth_improving(workspace: Path) -> None:
    said = cultivar("improve", at=workspace).stdout
    assert said == "Nothing is worth improving, as far as the evidence goes.\n"
    told = json.loads(cultivar("improve", "--json", at=workspace).stdout)
    assert (told["opportunities"], told["experiments"], told["releases"]) == ([], [], [])
    assert "Nothing was tried yet" in cultivar("experiments", at=workspace).stdout
    assert json.loads(cultivar("experiments", "--json", at=workspace).stdout) == []


def test_an_ended_run_of_improve_is_not_resumed(workspace: Path) -> None:
    run = json.loads(cultivar("improve", "--json", at=workspace).stdout)["run_id"]
    error = cultivar("resume", run, at=workspace, code=2).stderr
    assert "has come to its end" in error


def test_a_run_of_improve_can_be_listed_and_shown(workspace: Path) -> None:
    run = json.loads(cultivar("improve", "--json", at=workspace).stdout)["run_id"]
    assert "improve what fails" in cultivar("history", "--runs", at=workspace).stdout
    shown = cultivar("show", run[:8], at=workspace).stdout
    assert "improve what fails" in shown
    assert "Nothing was tried." in shown
    assert json.loads(cultivar("show", run, "--json", at=workspace).stdout)["experiments"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("improve", "--once", "--loop"), "Say one of them."),
        (("improve", "calculator"), "names no artifact"),
        (("improve", "tool:nonesuch"), "There is no artifact 'tool:nonesuch'"),
        (("experiments", "beef"), "There is no experiment 'beef'"),
        (("approve", "beef", "--real"), "There is no experiment 'beef'"),
        (("approve", "beef"), "simulated"),
        (("reject", "beef"), "There is no experiment 'beef'"),
        (("rollback", "tool:nonesuch"), "There is no artifact 'tool:nonesuch'"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    workspace: Path, given: tuple[str, ...], said: str
) -> None:
    error = cultivar(*given, at=workspace, code=2).stderr
    assert said in error
    assert "Traceback" not in error


def test_a_workspace_that_nobody_trusts_switches_nothing_on(workspace: Path) -> None:
    settings = "template_paths: [templates_data]\nimprove: {real: true, automatic: true}\n"
    (workspace / "cultivar.yaml").write_text(settings, encoding="utf-8")
    error = cultivar("improve", at=workspace, code=4).stderr
    assert "improve.real" in error
