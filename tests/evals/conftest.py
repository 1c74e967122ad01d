"""A template, a project that a maintainer brought to its next version, and mirrors of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cultivar.testing.repositories import git

# The benchmarks are run from the repository's root and are no part of what is installed.
sys.path.append(str(Path(__file__).parents[2]))

LINES = [f"line {number}" for number in range(20)]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mirrors` and `projects.json`, as somebody brings them.

    It is one transition, in which it is known file by file what each side did.

    The template changes `keep.txt` (adds a line, removes one), `conf.txt` (one line) and
    `dropped.txt`, and adds `new.txt`; it leaves `gone.txt`. The person had added two lines to
    `keep.txt`, changed the same line of `conf.txt` and deleted `dropped.txt`. The maintainer took
    the template's changes, settled `conf.txt` in a third way, and edited `src.py` on the side.
    """
    folder = tmp_path_factory.mktemp("corpus")
    _mirror(_template(folder / "template"), folder / "mirrors" / "o+template.git")
    project, moved = _project(folder / "project")
    _mirror(project, folder / "mirrors" / "o+project.git")
    transition = {
        "project": "o/project",
        "template": "o/template",
        "answers": ".copier-answers.yml",
        "old": "v1.0.0",
        "new": "v2.0.0",
        "commit": moved,
    }
    (folder / "projects.json").write_text(json.dumps([transition]))
    return folder


def _template(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    _write(folder, "copier.yml", ["name: {type: str, default: x}"])
    answers = "{{_copier_conf.answers_file}}.jinja"
    _write(folder, answers, ["{{_copier_answers|to_nice_yaml}}"])
    for name in ("keep.txt", "conf.txt"):
        _write(folder, name, LINES)
    _write(folder, "gone.txt", ["x"])
    _write(folder, "dropped.txt", ["d"])
    _committed(folder, "v1.0.0")
    _write(folder, "keep.txt", [*LINES[:4], "of the template", *LINES[4:10], *LINES[11:]])
    _write(folder, "conf.txt", _with_line_five("of the template"))
    _write(folder, "dropped.txt", ["d", "d2"])
    _write(folder, "new.txt", ["n"])
    _committed(folder, "v2.0.0")
    return folder


def _project(folder: Path) -> tuple[Path, str]:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    own = [*LINES[:16], "of a person", "also of a person", *LINES[16:]]
    _write(folder, "keep.txt", own)
    _write(folder, "conf.txt", _with_line_five("of a person"))
    _write(folder, "gone.txt", ["x"])
    _write(folder, "src.py", ["a"])
    _write(folder, ".copier-answers.yml", _answers("v1.0.0"))
    _committed(folder)
    _write(folder, "keep.txt", [*own[:4], "of the template", *own[4:10], *own[11:]])
    _write(folder, "conf.txt", _with_line_five("a third way"))
    _write(folder, "new.txt", ["n"])
    _write(folder, "src.py", ["b"])
    _write(folder, ".copier-answers.yml", _answers("v2.0.0"))
    return folder, _committed(folder)


def _with_line_five(line: str) -> list[str]:
    return [*LINES[:5], line, *LINES[6:]]


def _answers(version: str) -> list[str]:
    return [
        "# Changes here will be overwritten by Copier; NEVER EDIT MANUALLY",
        f"_commit: {version}",
        "_src_path: gh:o/template",
        "name: x",
    ]


def _write(folder: Path, name: str, lines: list[str]) -> None:
    (folder / name).write_text("".join(f"{line}\n" for line in lines))


def _committed(folder: Path, tag: str = "") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", tag or "a commit")
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


def _mirror(repository: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    git(repository, "clone", "-q", "--mirror", str(repository), str(to))
