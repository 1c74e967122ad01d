"""`cultivar sync`, as a user has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = '''\
from cultivar import Characteristics, tool


@tool(Characteristics())
def double(number: int) -> int:
    """Double it."""
    return number * 2
'''


def cultivar(*given: str, at: Path, code: int = 0) -> str:
    """Run the command line in a process of its own, and see that it exits with `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "cultivar", *given],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "160"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def facts(*given: str, at: Path, code: int = 0) -> Any:
    return json.loads(cultivar("sync", *given, "--json", at=at, code=code))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    cultivar("init", str(tmp_path / "here"), at=tmp_path)
    (tmp_path / "here/tools").mkdir(exist_ok=True)
    (tmp_path / "here/tools/double.py").write_text(TOOL)
    return tmp_path / "here"


def test_what_is_new_is_told_by_check_and_taken_up_without(workspace: Path) -> None:
    before = {each["artifact"]: each["state"] for each in facts("--check", at=workspace, code=1)}
    assert (before["tool:double"], before["tool:failing_lines"]) == ("new", "new")
    after = {each["artifact"]: each["state"] for each in facts(at=workspace)}
    assert set(after.values()) == {"in_sync"}
    assert facts("--check", at=workspace)[0]["done"] == ""


def test_an_edit_is_shown_to_a_person_with_its_place(workspace: Path) -> None:
    cultivar("sync", at=workspace)
    (workspace / "tools/double.py").write_text(TOOL + "# mine\n")
    shown = cultivar("sync", "--check", "tool:double", at=workspace, code=1)
    assert "edited on the disk" in shown
    assert "tools/double.py" in shown
    assert "1.0.1 is taken up from the disk" in cultivar("sync", "tool:double", at=workspace)


def test_what_is_missing_may_stay_so_and_comes_back_when_asked_for(workspace: Path) -> None:
    cultivar("sync", at=workspace)
    (workspace / "tools/double.py").unlink()
    assert facts("tool:double", "--check", at=workspace, code=1)[0]["state"] == "missing"
    assert facts("tool:double", at=workspace)[0]["state"] == "missing"
    assert facts("tool:double", "--restore", at=workspace)[0]["state"] == "in_sync"
    assert (workspace / "tools/double.py").read_text() == TOOL


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["calculator"], "names no artifact"),
        (["tool:"], "names no artifact"),
        (["tool:nowhere"], "There is no artifact 'tool:nowhere'"),
        (["--prefer", "mine"], "is no side"),
    ],
)
def test_what_makes_no_sense_is_told(workspace: Path, given: list[str], said: str) -> None:
    assert said in cultivar("sync", *given, at=workspace, code=2)


def test_every_version_is_listed_and_what_changed_between_two_is_a_diff(workspace: Path) -> None:
    cultivar("sync", at=workspace)
    (workspace / "tools/double.py").write_text(TOOL.replace("number * 2", "number + number"))
    cultivar("sync", at=workspace)
    listed = json.loads(cultivar("versions", "tool:double", "--json", at=workspace))
    assert [(each["version"], each["alias"]) for each in listed] == [
        ("1.0.1", "current"),
        ("1.0.0", None),
    ]
    (workspace / "double.py").write_text(TOOL)
    changes = cultivar("versions", "tool:double", "1.0.0", at=workspace)
    subprocess.run(["git", "apply"], cwd=workspace, input=changes, text=True, check=True)
    assert "number + number" in (workspace / "double.py").read_text()


def test_a_version_that_there_never_was_is_told_with_the_nearest(workspace: Path) -> None:
    cultivar("sync", at=workspace)
    assert "Did you mean '1.0.0'?" in cultivar(
        "versions", "tool:double", "1.0.7", at=workspace, code=2
    )
    assert "1.0.0" in cultivar("versions", at=workspace)
    assert "`--json`" in cultivar("versions", "tool:double", "1", "--json", at=workspace, code=2)
