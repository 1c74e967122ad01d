"""Where Copier 9 fails people, shown on Copier itself, and what a user of Cultivar gets instead."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from copier import run_copy, run_update

from cultivar import Cultivar, Tree
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.testing.projects import Repository, Story
from cultivar.testing.repositories import CLEAN

CONFIG = "_subdirectory: files\nname: {type: str, default: world}\n"
ANSWERS = "files/{{ _copier_conf.answers_file }}.jinja"
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
EDITED = LETTER.replace("line 3", "the line that I wrote")
MINE = "This is the line that I wrote of a letter.\n"


@pytest.fixture
def by_copier(story: Story, tmp_path: Path) -> Repository:
    """A project that Copier made of the first version."""
    story.release("v0.9.0", {"copier.yml": CONFIG, ANSWERS: "{{ _copier_answers|to_nice_yaml }}"})
    return Repository(tmp_path / "by-copier")


def _begin(
    story: Story,
    by_copier: Repository,
    *,
    config: str = CONFIG,
    answers: Mapping[str, str] | None = None,
    trust: bool = False,
) -> None:
    """Make a project with Cultivar, and another one with Copier."""
    files = {"copier.yml": config, "files/letter.txt": LETTER}
    story.begin(files, answers=answers or {}, trust=trust)
    run_copy(
        str(story.template.folder),
        by_copier.folder,
        vcs_ref="v1.0.0",
        data=dict(answers or {}),
        defaults=True,
        quiet=True,
        unsafe=trust,
    )
    Repository.begun(by_copier.folder)


def _update(project: Repository, *, trust: bool = False) -> None:
    run_update(project.folder, defaults=True, overwrite=True, quiet=True, unsafe=trust)


def _text_of(project: Repository) -> str:
    """All that stands in the files of a project."""
    paths = (project.folder / path for path in project.git("ls-files", "-co").splitlines())
    return "".join(path.read_text() for path in paths if path.exists())


def _answers_of(project: Repository) -> dict[str, object]:
    answers: dict[str, object] = yaml.safe_load(project.read(".copier-answers.yml"))
    return answers


def test_edits_of_a_file_that_the_template_renames_are_kept(
    story: Story, by_copier: Repository
) -> None:
    _begin(story, by_copier)
    for project in (story.project, by_copier):
        project.commit({"letter.txt": EDITED})
    longer = f"{LETTER}And one more.\n"
    story.release("v2.0.0", {"files/letter.txt": None, "files/post.txt": longer})

    _update(by_copier)
    assert MINE not in _text_of(by_copier)

    made = story.upgrade()
    assert not made.report.conflicts
    assert not story.project.has("letter.txt")
    assert story.project.read("post.txt") == f"{EDITED}And one more.\n"


def test_edits_of_a_file_that_the_template_deletes_are_kept_in_a_conflict(
    story: Story, by_copier: Repository
) -> None:
    _begin(story, by_copier)
    for project in (story.project, by_copier):
        project.commit({"letter.txt": EDITED})
    story.release("v2.0.0", {"files/letter.txt": None, "files/other.txt": "Other.\n"})

    _update(by_copier)
    assert MINE not in _text_of(by_copier)

    (conflict,) = story.upgrade().report.conflicts
    assert (conflict.path, conflict.reason) == (
        "letter.txt",
        "the template deleted it, and it was edited",
    )
    assert story.project.read("letter.txt") == EDITED


def test_conflicts_exit_with_3(story: Story, by_copier: Repository, tmp_path: Path) -> None:
    _begin(story, by_copier)
    for project in (story.project, by_copier):
        project.commit({"letter.txt": EDITED})
    theirs = LETTER.replace("line 3", "what the template says")
    story.release("v2.0.0", {"files/letter.txt": theirs})

    said = ("copier", "update", "--defaults", "--quiet")
    assert _exit_code(*said, at=by_copier.folder, environment=CLEAN) == 0
    assert "<<<<<<<" in by_copier.read("letter.txt")

    environment = {**CLEAN, "CULTIVAR_HOME": str(tmp_path / "home")}
    assert _exit_code("cultivar", "upgrade", at=story.project.folder, environment=environment) == 3
    assert "<<<<<<<" in story.project.read("letter.txt")


def _exit_code(*command: str, at: Path, environment: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=at, env=environment, capture_output=True, check=False
    )
    return done.returncode


def test_the_answer_of_a_renamed_question_is_kept(story: Story, by_copier: Repository) -> None:
    _begin(story, by_copier, answers={"name": "Ada"})
    renamed = CONFIG.replace("name", "full_name")
    questions = "_cultivar: {questions: {full_name: {renamed_from: name}}}\n"
    story.release("v2.0.0", {"copier.yml": f"{renamed}{questions}"})

    _update(by_copier)
    assert _answers_of(by_copier)["full_name"] == "world"

    (change,) = story.upgrade().report.answers
    assert (change.kind, change.why, change.new) == ("renamed", "name", "Ada")
    assert _answers_of(story.project)["full_name"] == "Ada"


@pytest.mark.parametrize(("chosen", "then"), [({}, "3.13"), ({"python": "3.10"}, "3.10")])
def test_a_better_default_is_adopted_where_nobody_chose(
    story: Story, by_copier: Repository, chosen: dict[str, str], then: str
) -> None:
    config = f"{CONFIG}python: '3.11'\n"
    _begin(story, by_copier, config=config, answers=chosen)
    story.release("v2.0.0", {"copier.yml": config.replace("3.11", "3.13")})

    _update(by_copier)
    assert _answers_of(by_copier)["python"] == chosen.get("python", "3.11")

    story.upgrade()
    assert _answers_of(story.project)["python"] == then


@dataclass
class Counted:
    """A sandbox that remembers what it was given to run."""

    sandbox: Sandbox
    lines: list[str] = field(default_factory=list[str])

    @property
    def name(self) -> str:
        return self.sandbox.name

    @property
    def confined(self) -> bool:
        return self.sandbox.confined

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        self.lines.append(" ".join(command.argv))
        return self.sandbox.run(command, tree, limits)

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines)


@pytest.mark.parametrize("made_by", ["cultivar", "copier"])
def test_a_task_runs_once_in_an_update(
    story: Story, by_copier: Repository, tmp_path: Path, made_by: str
) -> None:
    log = tmp_path / "runs"
    task = f"_tasks: ['echo run >> {log}; echo made > by-task.txt']\n"
    _begin(
        story, by_copier, config=f"{CONFIG}{task.replace(f'echo run >> {log}; ', '')}", trust=True
    )
    story.release("v2.0.0", {"copier.yml": f"{CONFIG}{task}", "files/new.txt": "New.\n"})
    project = story.project if made_by == "cultivar" else by_copier
    services = story.cultivar.services
    counted = Counted(services.need(Sandbox))
    with Cultivar(services.settings, services={Sandbox: counted}) as cultivar:
        made = cultivar.upgrade(cultivar.output(project.folder), trust=True)
    assert not made.report.conflicts
    assert counted.count(f"echo run >> {log}") == 1
    assert project.read("by-task.txt") == "made\n"

    if made_by == "cultivar":
        _update(by_copier, trust=True)
        assert log.read_text().count("run") > 1


def test_an_upgrade_needs_no_old_version_of_the_template(
    story: Story, by_copier: Repository
) -> None:
    _begin(story, by_copier)
    for project in (story.project, by_copier):
        project.commit({"letter.txt": EDITED})
    shutil.rmtree(story.template.folder / ".git")
    story.template.write({"files/letter.txt": f"{LETTER}And one more.\n"})
    Repository.begun(story.template.folder).git("tag", "v2.0.0")

    with pytest.raises(ValueError, match="Unknown revision"):
        _update(by_copier)

    made = story.upgrade()
    assert (made.report.from_version, made.report.to_version) == ("v1.0.0", "v2.0.0")
    assert story.project.read("letter.txt") == f"{EDITED}And one more.\n"


def test_an_upgrade_loads_nothing_that_it_does_not_use(
    story: Story, by_copier: Repository, tmp_path: Path
) -> None:
    _begin(story, by_copier)
    story.release("v2.0.0", {"files/letter.txt": f"{LETTER}And one more.\n"})
    code = """
import sys
from cultivar import Cultivar
with Cultivar() as cultivar:
    cultivar.upgrade(cultivar.output())
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=story.project.folder,
        env={**CLEAN, "CULTIVAR_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"langgraph", "litellm", "chromadb", "libcst", "ruamel", "alembic"}
    assert story.project.read("letter.txt") == f"{LETTER}And one more.\n"
