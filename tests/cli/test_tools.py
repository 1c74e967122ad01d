"""`cultivar tools`, as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CALCULATOR = Path(__file__).parents[2] / "examples" / "calculator"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    shutil.copytree(CALCULATOR, root)
    return root


def cultivar(
    *given: str, at: Path, code: int = 0, trust: bool = True, text: str = ""
) -> subprocess.CompletedProcess[str]:
    trusted = {"CULTIVAR_TRUST": json.dumps([str(at)])} if trust else {}
    done = subprocess.run(
        [sys.executable, "-m", "cultivar", *given],
        cwd=at,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "160", "CULTIVAR_HOME": str(at / ".cultivar"), **trusted},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def facts(*given: str, at: Path, code: int = 0) -> Any:
    return json.loads(cultivar("tools", *given, "--json", at=at, code=code).stdout)


def test_a_tool_is_used_and_its_uses_are_counted(workspace: Path) -> None:
    shown = cultivar(
        *("tools", "run", "calculator"),
        *("--input", '{"operation": "add", "a": 1, "b": 2}'),
        at=workspace,
    )
    assert shown.stdout == "3\n"
    said = cultivar(
        *("tools", "run", "calculator", "--inputs", "uses.jsonl"), at=workspace, code=1
    ).stdout
    assert said == "100 of 200 uses succeeded.\n"
    tool = facts("calculator", at=workspace)
    assert (tool["uses"], tool["succeeded"]) == (201, 101)
    assert tool["errors"] == {"TypeError": 82, "ZeroDivisionError": 18}
    assert tool["plan"]["strategy"] == "SHADOW"
    assert len(tool["cases"]) == 7
    listed = cultivar("tools", at=workspace).stdout
    assert "50% of 201" in listed
    assert "failing_lines" in listed


def test_the_arguments_may_come_from_standard_input(workspace: Path) -> None:
    given = '{"operation": "divide", "a": 1, "b": 0}'
    asked = ("tools", "run", "calculator", "--input", "-")
    shown = cultivar(*asked, at=workspace, code=1, text=given).stdout
    assert shown == "ZeroDivisionError: division by zero\n"


def test_a_use_is_told_to_programs(workspace: Path) -> None:
    used = facts("run", "failing_lines", "--input", '{"output": "x", "files": {}}', at=workspace)
    assert (used["output"], used["error"]) == ("", "")


WRONG = [
    (("calculater",), 2, "Did you mean 'calculator'?"),
    (("run", "calculator", "--input", '{"x": 1}'), 2, "It takes `operation`, `a`, `b`."),
    (("run", "calculator", "--input", "[1]"), 2, "no object of JSON"),
    (("run", "calculator", "--input", "{"), 2, "this is no JSON"),
    (("run", "calculator", "--inputs", "no.jsonl"), 2, "cannot be read"),
    (("run", "calculator", "--inputs", "broken.jsonl"), 2, "`broken.jsonl`, line 2: "),
    (("run",), 2, "Name one tool"),
    (("a", "b"), 2, "Name one tool"),
]


@pytest.mark.parametrize(("given", "code", "said"), WRONG)
def test_what_is_wrong_is_said(
    given: tuple[str, ...], code: int, said: str, workspace: Path
) -> None:
    (workspace / "broken.jsonl").write_text('{"operation": "add", "a": 1, "b": 2}\n{"a"\n')
    assert said in cultivar("tools", *given, at=workspace, code=code).stderr


def test_a_tool_of_a_workspace_that_nobody_trusts_is_listed_and_not_loaded(
    workspace: Path,
) -> None:
    (workspace / "tools" / "calculator.py").write_text("raise SystemExit('it ran')\n")
    listed = cultivar("tools", at=workspace, trust=False).stdout
    assert "calculator: " in listed
    assert "not trusted" in listed
    refused = cultivar("tools", "run", "calculator", at=workspace, trust=False, code=4)
    assert "not trusted" in refused.stderr
