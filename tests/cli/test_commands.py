from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cultivar.cli.commands import PARTS, app_for

COPIER = """\
_subdirectory: files
name: {type: str, default: world, help: Whom to greet}
loud: {type: bool, default: false}
_cultivar:
  id: test:greeting
  version: 1.0.0
  language: python
  description: A greeting
  checks: [{name: runs, run: python3 greet.py, required: true}]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    files = tmp_path / "workspace" / "templates_data" / "greeting" / "files"
    files.mkdir(parents=True)
    (files.parent / "copier.yml").write_text(COPIER)
    (files / "greet.py.jinja").write_text('print("hello {{ name }}")\n')
    root = tmp_path / "workspace"
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    return root


def cultivar(*given: str, at: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
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
    return done


def facts(*given: str, at: Path, code: int = 0) -> Any:
    return json.loads(cultivar(*given, "--json", at=at, code=code).stdout)


def generated(at: Path, *more: str, code: int = 0) -> Any:
    given = ("generate", "greet", "--template", "test:greeting", "--output", "out", *more)
    return facts(*given, at=at, code=code)


COMMANDS = [
    *("init", "templates", "doctor", "generate", "resume"),
    *("history", "show", "stats", "why", "export", "simulate", "learn", "hub", "bridge", "up"),
    "tools",
    "sync",
    "versions",
    "eval",
]


def test_every_command_is_listed(tmp_path: Path) -> None:
    shown = cultivar("--help", at=tmp_path).stdout
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", shown, re.MULTILINE)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example(name: str, tmp_path: Path) -> None:
    assert f"Example: cultivar {name}" in cultivar(name, "--help", at=tmp_path).stdout


def test_generate_tells_a_program_all_that_it_did(workspace: Path) -> None:
    made = generated(workspace, "--answer", "name=Ada")
    assert (made["verdict"], made["success"], made["quality_score"]) == ("passed", True, 1.0)
    assert made["delivery"]["added"] == ["greet.py", "greet.py.template-answers.yml"]
    assert {a["name"]: a["source"] for a in made["answers"]} == {"name": "user", "loud": "default"}


def test_generate_tells_a_person_where_each_answer_came_from(workspace: Path) -> None:
    given = ("generate", "greet", "-t", "test:greeting", "-o", "out", "-a", "name=[red]Ada")
    shown = cultivar(*given, at=workspace).stdout
    assert re.search(r"name +\[red\]Ada +user +100%", shown)
    assert re.search(r"runs +passed +required", shown)


def test_history_as_json_is_a_list(workspace: Path) -> None:
    assert facts("history", at=workspace) == []
    made = generated(workspace)
    assert [each["id"] for each in facts("history", at=workspace)] == [made["id"]]
    assert [run["status"] for run in facts("history", "--runs", at=workspace)] == ["done"]


def test_a_generation_is_shown_by_its_id_and_by_its_file(workspace: Path) -> None:
    made = generated(workspace)
    files = ("out/greet.py", "out/greet.py.template-answers.yml", "out")
    for which in (made["id"], made["id"][:7], *files):
        assert facts("show", which, at=workspace)["id"] == made["id"]
    assert "greet.py" in cultivar("show", made["id"], at=workspace).stdout


def test_stats_count_by_version(workspace: Path) -> None:
    generated(workspace)
    (found,) = facts("stats", "test:greeting", at=workspace)["versions"]
    assert (found["template_version"], found["uses"], found["succeeded"]) == ("1.0.0", 1, 1)
    assert "100.0% of 1" in cultivar("stats", at=workspace).stdout


def test_answers_are_exported_as_yaml_that_generates_the_same_again(workspace: Path) -> None:
    made = generated(workspace, "--answer", "name=Ada")
    cultivar("export", made["id"], "--output", "answers.yml", at=workspace)
    again = generated(workspace, "--answers", "answers.yml")
    assert again["delivery"]["unchanged"] == made["delivery"]["added"]


def test_a_failure_exits_with_1_writes_nothing_and_why_says_what_is_known(workspace: Path) -> None:
    source = workspace / "templates_data" / "greeting" / "files" / "greet.py.jinja"
    source.write_text("import nowhere\n")
    made = generated(workspace, code=1)
    assert (made["success"], made["delivery"]) == (False, None)
    assert not (workspace / "out").exists()
    told = facts("why", made["id"], at=workspace)
    assert [pattern["seen"] for pattern in told["failure_patterns"]] == [1]
    assert "No module named" in cultivar("why", made["id"], at=workspace).stdout
    assert [each["id"] for each in facts("history", "--failed", at=workspace)] == [made["id"]]


def test_a_dry_run_shows_a_diff_and_writes_nothing(workspace: Path) -> None:
    assert "+print" in generated(workspace, "--dry-run")["diff"]
    assert not (workspace / "out").exists()


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("generate", "greet", "-t", "test:greting"), 2, "Did you mean 'test:greeting'"),
        (("generate", "greet", "-t", "test:greeting", "-a", "loud=x"), 2, "`loud` was refused"),
        (("generate", "greet", "-t", "test:greeting", "-a", "lod=x"), 2, "Did you mean 'loud'"),
        (("generate", "greet", "-t", "test:greeting", "--budget", "calls"), 2, "names no limit"),
        (("generate", "greet", "-t", "test:greeting", "--answers", "no.yml"), 2, "no.yml"),
        (("show", "abc123"), 2, "There is no generation 'abc123'"),
        (("resume", "abc123"), 2, "There is no run 'abc123'"),
        (("templates", "./nowhere"), 2, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    given: tuple[str, ...], code: int, said: str, workspace: Path
) -> None:
    done = cultivar(*given, at=workspace, code=code)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads(cultivar(*given, "--json", at=workspace, code=code).stdout)["error"]
    assert (error["exit_code"], bool(error["what"])) == (code, True)


def test_a_template_with_tasks_is_refused_with_4_until_it_is_trusted(workspace: Path) -> None:
    with (workspace / "templates_data" / "greeting" / "copier.yml").open("a") as file:
        file.write('_tasks: ["touch made"]\n')
    assert generated(workspace, code=4)["error"]["kind"] == "UntrustedError"
    assert "made" in generated(workspace, "--trust")["delivery"]["added"]


def test_an_unreachable_model_exits_with_6_and_the_run_can_be_resumed(workspace: Path) -> None:
    given = ("--model", "cassette:none.yaml")
    error = generated(workspace, *given, code=6)["error"]
    assert error["run_id"]
    made = facts("resume", error["run_id"], at=workspace)
    assert made["success"] is True


def test_a_spent_budget_exits_with_5(workspace: Path) -> None:
    (workspace / "c.yaml").write_text("")
    given = ("--model", "openai/none", "--budget", "calls=0")
    assert generated(workspace, *given, code=5)["error"]["kind"] == "BudgetSpentError"


def test_init_makes_a_workspace_once_and_changes_nothing_that_is_there(tmp_path: Path) -> None:
    first = facts("init", "new", at=tmp_path)["added"]
    assert first == ["cultivar.yaml", ".cultivar/.gitignore", "templates_data/.gitkeep"]
    (tmp_path / "new" / "cultivar.yaml").write_text("attempts: 2\n")
    assert facts("init", "new", at=tmp_path)["added"] == []
    assert (tmp_path / "new" / "cultivar.yaml").read_text() == "attempts: 2\n"


def test_templates_lists_ours_beside_the_workspace_s(workspace: Path) -> None:
    ids = {each["id"] for each in facts("templates", at=workspace)}
    assert ids >= {
        "test:greeting",
        "quality_template:python-production",
        "quality_template:elixir-production",
        "project_template:python-library",
    }
    assert "Whom to greet" in cultivar("templates", "test:greeting", at=workspace).stdout


def test_a_broken_template_is_named_and_the_others_are_listed(workspace: Path) -> None:
    broken = workspace / "templates_data" / "broken"
    broken.mkdir()
    (broken / "copier.yml").write_text("name: {type: nothing}\n")
    done = cultivar("templates", at=workspace)
    assert "test:greeting" in done.stdout
    assert "copier.yml" in done.stderr


def test_doctor_finds_a_wall_a_ledger_and_a_memory(workspace: Path) -> None:
    found = facts("doctor", at=workspace)
    states = {(each["part"], each["state"]) for each in found}
    assert {("ledger", "good"), ("memory", "good"), ("sandbox", "good")} <= states
    assert not [each for each in found if each["state"] == "bad"]


def test_ended_by_a_signal_it_says_so_and_the_run_can_be_resumed(workspace: Path) -> None:
    source = workspace / "templates_data" / "greeting" / "files" / "greet.py.jinja"
    source.write_text("import time\ntime.sleep(20)\n")
    given = ("generate", "greet", "--template", "test:greeting", "--output", "out")
    running = subprocess.Popen(
        [sys.executable, "-m", "cultivar", *given], cwd=workspace, stderr=subprocess.PIPE, text=True
    )
    while not any(run["status"] == "running" for run in facts("history", "--runs", at=workspace)):
        assert running.poll() is None
    running.terminate()
    assert "cultivar resume" in running.communicate(timeout=60)[1]
    assert running.returncode == 128 + 15
    assert not (workspace / "out").exists()


@pytest.mark.parametrize("part", PARTS)
def test_the_commands_that_a_module_has_are_found_in_it(part: str) -> None:
    app = app_for([PARTS[part][0]])
    assert [command.name for command in app.registered_commands] == list(PARTS[part])
