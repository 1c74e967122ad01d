"""`upgrade`, `check`, `undo`, `blame` and `adopt` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story
from cultivar.testing.repositories import CLEAN

CONFIG = """\
_subdirectory: files
name: {type: str, default: world}
_cultivar: {id: test:letter, version: 1.0.0, checks: [{name: holds, run: test ! -e bad.txt}]}
"""
SECOND = CONFIG.replace("1.0.0", "2.0.0")
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
OURS = LETTER.replace("is line 3 of", "was written by me in")
THEIRS = LETTER.replace("is line 3 of", "stands for the template's")
LONGER = f"{LETTER}And one more.\n"

Type = Callable[..., str]
"""Types a command that must exit with `code`, and returns what it printed."""


@pytest.fixture
def typed(story: Story, tmp_path: Path) -> Type:
    """The command line, in the folder of a project that was just made."""
    story.begin({"copier.yml": CONFIG, "files/letter.txt": LETTER, "files/b.txt": "b\n"})

    def type_it(*words: str, code: int = 0, home: str = "home") -> str:
        places = {"CULTIVAR_HOME": tmp_path / home, "CULTIVAR_CACHE": tmp_path / "cache"}
        done = subprocess.run(
            [sys.executable, "-m", "cultivar", *words],
            cwd=story.project.folder,
            env={**CLEAN, "COLUMNS": "160", **{name: str(at) for name, at in places.items()}},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return type_it


def facts(text: str) -> Any:
    return json.loads(text)


def test_an_upgrade_says_what_it_did_and_how_it_is_taken_back(story: Story, typed: Type) -> None:
    story.release("v2.0.0", {"copier.yml": SECOND, "files/letter.txt": LONGER})
    said = typed("upgrade", "test:letter")
    assert "1.0.0 → 2.0.0" in said
    assert "~ letter.txt" in said
    run = said.partition("cultivar undo ")[2][:8]
    assert "letter.txt" in typed("undo", run)
    assert story.project.read("letter.txt") == LETTER


def test_conflicts_exit_with_3_and_are_listed_with_their_reasons(story: Story, typed: Type) -> None:
    story.project.commit({"letter.txt": OURS})
    story.release("v2.0.0", {"copier.yml": SECOND, "files/letter.txt": THEIRS})
    told = facts(typed("upgrade", "--dry-run", "--json", code=3))
    assert story.project.read("letter.txt") == OURS
    again = facts(typed("upgrade", "--json", code=3))
    assert told["conflicts"] == again["conflicts"]
    assert again["conflicts"] == [
        {"path": "letter.txt", "reason": "both changed the same lines", "places": 1}
    ]
    assert (again["from_version"], again["to_version"]) == ("1.0.0", "2.0.0")
    (standing,) = facts(typed("check", "--json", code=1))["outputs"]
    assert standing["conflicts"] == ["letter.txt"]


def test_what_fails_its_checks_exits_with_1_and_is_not_written(story: Story, typed: Type) -> None:
    story.release("v2.0.0", {"copier.yml": SECOND, "files/bad.txt": "bad\n"})
    before = picture(story.project.folder)
    told = facts(typed("upgrade", "--json", code=1))
    assert (told["verdict"], told["generation_id"]) == ("failed", "")
    assert picture(story.project.folder) == before


def test_what_cannot_be_done_exits_with_2_and_says_what_to_do(story: Story, typed: Type) -> None:
    story.release("v2.0.0", {"copier.yml": SECOND, "files/letter.txt": LONGER})
    story.project.write({"b.txt": "mine\n", "stranger.txt": "mine\n"})
    said = typed("upgrade", code=2)
    assert "b.txt" in said
    assert "--force" in said
    assert "letter.txt" in typed("upgrade", "--file", "leter.txt", code=2)
    assert "--all" in typed("upgrade", "--all", "--file", "b.txt", code=2)
    assert "v2.0.0" in typed("upgrade", "--to", "v2.0.1", "--force", code=2)
    assert "There is no run" in typed("undo", "zzz", code=2)
    typed("upgrade", "--force")
    assert "older than" in typed("upgrade", "--to", "v1.0.0", "--force", code=2)


def test_code_of_a_template_that_nobody_trusts_exits_with_4(story: Story, typed: Type) -> None:
    tasks = "_migrations: [{version: v2.0.0, after: ['echo x > x.txt']}]\n"
    story.release("v2.0.0", {"copier.yml": f"{SECOND}{tasks}"})
    assert "--trust" in typed("upgrade", code=4)
    typed("upgrade", "--trust")
    assert story.project.read("x.txt") == "x\n"


def test_check_says_what_is_out_of_date_and_what_was_edited(story: Story, typed: Type) -> None:
    assert "up to date" in typed("check")
    story.project.commit({"letter.txt": OURS})
    assert "letter.txt" in typed("check")
    typed("check", "--edited", code=1)
    story.release("v2.0.0", {"copier.yml": f"{SECOND}tone: kind\n"})
    (standing,) = facts(typed("check", "--json", code=1))["outputs"]
    assert (standing["outdated"], standing["newest"]) == (True, "2.0.0")
    assert standing["new_questions"] == ["tone"]
    assert [each["path"] for each in standing["files"]] == ["letter.txt"]


def test_blame_says_of_each_line_where_it_came_from(story: Story, typed: Type) -> None:
    story.project.commit({"letter.txt": OURS})
    lines = facts(typed("blame", "letter.txt", "--json"))
    assert [line["origin"] for line in lines].count("person") == 1
    shown = typed("blame", "letter.txt").splitlines()
    assert [line for line in shown if line.startswith("you")] == [
        next(line for line in shown if "written by me" in line)
    ]


def test_one_file_and_then_all_outputs_are_upgraded(story: Story, typed: Type) -> None:
    story.cultivar.generate(
        "x", template=str(story.template.folder), output=story.project.folder / "inner"
    )
    story.project.commit()
    changed = {"files/letter.txt": LONGER, "files/b.txt": "B\n"}
    story.release("v2.0.0", {"copier.yml": SECOND, **changed})
    typed("upgrade", "--file", "inner/letter.txt")
    assert story.project.read("inner/letter.txt") == LONGER
    assert story.project.read("inner/b.txt") == "b\n"
    story.project.commit()
    typed("upgrade", "--all")
    texts = [story.project.read(f"{place}{path}") for place in ("", "inner/") for path in PATHS]
    assert texts == [LONGER, "B\n"] * 2
    assert "up to date" in typed("upgrade", "--all", "--force")


PATHS = ("letter.txt", "b.txt")


def test_all_goes_on_to_the_next_output_where_one_has_conflicts(story: Story, typed: Type) -> None:
    place = story.project.folder / "inner"
    story.cultivar.generate("x", template=str(story.template.folder), output=place)
    story.project.commit({"letter.txt": OURS})
    story.release("v2.0.0", {"copier.yml": SECOND, "files/letter.txt": THEIRS})
    typed("upgrade", "--all", code=3)
    assert "<<<<<<<" in story.project.read("letter.txt")
    assert story.project.read("inner/letter.txt") == THEIRS


def test_adopt_brings_what_is_not_in_the_ledger_into_it(typed: Type) -> None:
    made = facts(typed("adopt", "--json", home="another"))
    assert made["template"]["id"] == "test:letter"
    shown = facts(typed("show", made["generation_id"], "--json", home="another"))
    assert shown["id"] == made["generation_id"]


def test_an_answer_is_given_with_the_command(story: Story, typed: Type) -> None:
    story.release("v2.0.0", {"copier.yml": f"{SECOND}tone: kind\n"})
    typed("upgrade", "--answer", "tone=stern")
    assert "tone: stern" in story.project.read(".template-answers.yml")


def test_outputs_that_are_nowhere_are_said(typed: Type, tmp_path: Path) -> None:
    empty = Repository.begun(tmp_path / "empty")
    assert "error" in typed("check", str(empty.folder), code=2)
    assert "other:id" in typed("upgrade", "other:id", code=2)
