"""What holds of every upgrade, whatever a person and a template did to their files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.application.upgrading import Upgraded
from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story
from cultivar.testing.repositories import git

EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "12"))
"""How many examples there are of each law; thousands of them take an hour."""

law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Texts = Mapping[str, str]
"""By path, what a file says."""

CONFIG = "_subdirectory: files\nname: {type: str, default: world}\n"
PATHS = ("a.txt", "b.py", "deep/c.toml", "deep/er/d.md")
BASE = {
    "a.txt": "".join(f"line {number} of the letter to everybody\n" for number in range(8)),
    "b.py": "import os\n\n\ndef one():\n    return os.sep\n\n\ndef two():\n    return 2\n",
    "deep/c.toml": "[first]\none = 1\ntwo = 'two'\n\n[second]\nthree = [1, 2, 3]\nfour = true\n",
    "deep/er/d.md": "# Title\n\nA paragraph of words.\n\n- one\n- two\n- three\n\nThe end of it.\n",
}


@dataclass(frozen=True)
class Edit:
    """What one side does to its files."""

    kind: str
    path: str
    line: int
    text: str

    def done(self, files: Texts) -> dict[str, str]:
        """The files after it."""
        if self.path not in files:
            return dict(files)
        others = {path: text for path, text in files.items() if path != self.path}
        if self.kind == "delete":
            return others
        if self.kind == "rename":
            return {**others, f"moved/{self.path}": files[self.path]}
        lines = files[self.path].splitlines(keepends=True)
        at = self.line % (len(lines) + 1)
        rest = lines[at:] if self.kind == "insert" else lines[at + 1 :]
        new = [] if self.kind == "remove" else [f"{self.text}\n"]
        return {**others, self.path: "".join([*lines[:at], *new, *rest])}


def edits(side: str) -> SearchStrategy[list[Edit]]:
    """A few edits whose lines say which side wrote them."""
    kinds = st.sampled_from(["insert", "replace", "replace", "remove", "rename", "delete"])
    words = st.text(st.sampled_from("abc xyz=:#[]{}'\"-"), max_size=12)
    texts = st.builds(f"{side}{{}} {{}}".format, st.integers(0, 99), words)
    edit = st.builds(Edit, kinds, st.sampled_from(PATHS), st.integers(0, 12), texts)
    return st.lists(edit, min_size=1, max_size=5)


def after(some: list[Edit]) -> dict[str, str]:
    files = dict(BASE)
    for edit in some:
        files = edit.done(files)
    return files


class Bench:
    """A project of `BASE` that is put back to its start for each example.

    Args:
        folder: Where all of it is.
        story: Its template has `BASE` as v1.0.0, and its project was made of that.
    """

    def __init__(self, folder: Path, story: Story) -> None:
        self.folder, self.story, self.number = folder, story, 1
        shutil.copytree(story.project.folder, folder / "start")

    @property
    def project(self) -> Repository:
        return self.story.project

    def between(self, ours: Texts, theirs: Texts) -> None:
        """Let the person have `ours`, and release `theirs`."""
        self.number += 1
        shutil.rmtree(self.project.folder)
        shutil.copytree(self.folder / "start", self.project.folder)
        _become(self.project, BASE, ours, "")
        self.project.commit()
        git(self.story.template.folder, "checkout", "-q", "v1.0.0")
        _become(self.story.template, BASE, theirs, "files/")
        self.story.template.commit(tag=f"v{self.number}.0.0")

    def upgrade(self, *, dry_run: bool = False) -> Upgraded:
        return self.story.upgrade(dry_run=dry_run)

    def texts(self) -> dict[str, str]:
        """All files of the project, without the time of the upgrade."""
        return texts_in(self.project.folder)


def texts_in(folder: Path) -> dict[str, str]:
    """All files of a folder, without the time of an upgrade."""
    files = picture(folder).items()
    texts = {path: content.decode() for path, (mode, content) in files if mode & 0o100000}
    return {path: _timeless(text) for path, text in texts.items()}


def _become(repository: Repository, old: Texts, new: Texts, folder: str) -> None:
    gone: dict[str, str | None] = {f"{folder}{path}": None for path in old if path not in new}
    repository.write(gone | {f"{folder}{path}": text for path, text in new.items()})


def _timeless(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "_upgraded_at" not in line)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_ledger_file: Path) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    story = Story.told_in(folder, empty_ledger_file)
    story.begin({"copier.yml": CONFIG, **{f"files/{path}": text for path, text in BASE.items()}})
    return Bench(folder, story)


@law
@given(ours=edits("mine"), theirs=edits("its"))
def test_every_line_that_a_person_added_is_in_the_result_or_in_a_conflict(
    bench: Bench, ours: list[Edit], theirs: list[Edit]
) -> None:
    mine = after(ours)
    bench.between(mine, after(theirs))
    made = bench.upgrade()
    texts = bench.texts()
    lines = {line.strip() for text in texts.values() for line in text.splitlines()}
    open_ones = {each.path for each in made.report.conflicts}
    lost = {
        (path, line)
        for path, text in mine.items()
        for line in text.splitlines()
        if line.startswith("mine") and line.strip() not in lines
    }
    assert not lost, (lost, open_ones, texts)


@law
@given(ours=edits("mine"))
def test_an_upgrade_to_the_same_version_is_the_identity(bench: Bench, ours: list[Edit]) -> None:
    bench.between(after(ours), BASE)
    before, index = picture(bench.project.folder), bench.project.index
    made = bench.story.upgrade(to="v1.0.0")
    assert made.report.up_to_date
    assert (picture(bench.project.folder), bench.project.index) == (before, index)


@law
@given(ours=edits("mine"), theirs=edits("its"))
def test_an_upgrade_that_is_undone_is_the_identity(
    bench: Bench, ours: list[Edit], theirs: list[Edit]
) -> None:
    bench.between(after(ours), after(theirs))
    before, index = picture(bench.project.folder), bench.project.index
    made = bench.upgrade()
    assume(not made.report.up_to_date)
    bench.story.cultivar.undo(made.run_id)
    assert (picture(bench.project.folder), bench.project.index) == (before, index)


@law
@given(ours=edits("mine"), theirs=edits("its"))
def test_a_dry_run_says_what_the_run_does(
    bench: Bench, ours: list[Edit], theirs: list[Edit]
) -> None:
    bench.between(after(ours), after(theirs))
    before, index = picture(bench.project.folder), bench.project.index
    told = bench.upgrade(dry_run=True)
    assert (picture(bench.project.folder), bench.project.index) == (before, index)
    made = bench.upgrade()
    assert (told.report.files, told.report.risk) == (made.report.files, made.report.risk)
    assert _applied(bench, told.report.diff) == bench.texts()


def _applied(bench: Bench, diff: str) -> dict[str, str]:
    """The project as it was committed, with a diff applied to it by git."""
    twin, file = Repository(bench.folder / "twin"), bench.folder / "diff"
    shutil.rmtree(twin.folder, ignore_errors=True)
    bench.project.git("worktree", "prune")
    bench.project.git("worktree", "add", "-q", "--detach", str(twin.folder))
    if diff:
        file.write_text(diff, newline="")
        twin.git("apply", str(file))
    (twin.folder / ".git").unlink()
    return texts_in(twin.folder)
