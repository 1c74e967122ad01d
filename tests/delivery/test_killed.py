from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from cultivar.delivery.changes import Changes, Unmerged
from cultivar.delivery.journal import Journals
from cultivar.delivery.transaction import apply, recover
from cultivar.delivery.undoing import undo
from cultivar.errors import NotKnownError
from cultivar.testing.folders import (
    Ending,
    Picture,
    fail_once,
    fill_disk,
    interrupted_at,
    kill,
    picture,
)
from cultivar.testing.repositories import git
from cultivar.tree import Entry, text_entry

CHANGES = {
    "added/deep/new": text_entry("new\n"),
    "changed": text_entry("changed\n"),
    "run": text_entry("#!/bin/sh\n", "executable"),
    "gone/file": None,
    "was_file": None,
    "was_file/inside": text_entry("1\n"),
    "was_folder": text_entry("2\n"),
    "was_folder/one": None,
    "link": Entry(content=b"run", mode="link"),
    "merged": text_entry("<<<<<<<\n"),
}
UNMERGED = {
    "merged": Unmerged(
        base=text_entry("base\n"), ours=text_entry("ours\n"), theirs=text_entry("theirs\n")
    )
}
STEPS = 200
"""More than there are."""


def _project(root: Path) -> Path:
    """A repository with a project in a folder of it."""
    folder = root / "repository" / "project"
    for path in ("changed", "run", "gone/file", "was_file", "was_folder/one", "merged", "other"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"old {path}\n")
    (folder / "changed").chmod(0o600)
    (folder / "link").symlink_to("other")
    (folder / "empty").mkdir(mode=0o700)
    git(folder.parent, "init", "-q", "--template=")
    git(folder.parent, "add", "-A")
    git(folder.parent, "commit", "-qm", "old")
    return folder


def _copy(old: Path, root: Path) -> Path:
    shutil.copytree(old, root, symlinks=True)
    return root / "repository" / "project"


def _change(folder: Path, journals: Journals) -> None:
    changes = Changes(entries=CHANGES, unmerged=UNMERGED)
    expected = {"changed": text_entry("old changed\n")}
    apply(changes, folder, journals, run_id="run", expected=expected)


Seen = tuple[Picture, str, str]


def _seen(folder: Path) -> Seen:
    """The files, what the index holds, and what git says of both."""
    return picture(folder), git(folder, "ls-files", "-s"), git(folder, "status", "--porcelain")


def _both(root: Path) -> tuple[Seen, Seen]:
    """The project as it is, and as it is to become."""
    old = _seen(_project(root / "old"))
    folder = _copy(root / "old", root / "new")
    _change(folder, Journals(root / "new" / "home"))
    return old, _seen(folder)


def test_killed_at_any_step_the_project_is_as_it_was_or_finished_and_can_be_undone(
    tmp_path: Path,
) -> None:
    old, new = _both(tmp_path)
    finished: list[bool] = []
    for step in range(1, STEPS):
        root = tmp_path / str(step)
        folder, journals = _copy(tmp_path / "old", root), Journals(root / "home")
        ending = interrupted_at(step, partial(_change, folder, journals), kill)
        recover(journals)
        after = _seen(folder)
        assert after in (old, new), f"killed at step {step}"
        finished.append(after == new)
        git(folder, "fsck", "--strict")
        _undo(journals)
        assert _seen(folder) == old
        if ending == "done":
            break
    assert finished == sorted(finished)
    assert not finished[0]
    assert 60 < len(finished) < STEPS - 1


def _undo(journals: Journals) -> None:
    try:
        assert not undo("run", journals).edited
    except NotKnownError:
        assert not list(journals.undo.rglob("*.json"))


def test_a_failure_at_any_step_leaves_the_project_as_it_was_or_does_not_matter(
    tmp_path: Path,
) -> None:
    old, new = _both(tmp_path)
    endings: list[Ending] = []
    for step in range(1, STEPS):
        root = tmp_path / str(step)
        folder, journals = _copy(tmp_path / "old", root), Journals(root / "home")
        endings.append(interrupted_at(step, partial(_change, folder, journals), fail_once))
        if endings[-1] == "failed":
            assert _seen(folder) == old, f"at step {step}"
        recover(journals)
        assert _seen(folder) == (new if endings[-1] == "done" else old), f"at step {step}"
        if endings[-9:] == ["done"] * 9:
            break
    assert endings.count("failed") > 40


def test_a_disk_that_fills_up_leaves_the_project_as_it_was_or_does_not_matter(
    tmp_path: Path,
) -> None:
    old, new = _both(tmp_path)
    endings: list[Ending] = []
    for step in range(1, STEPS, 3):
        root = tmp_path / str(step)
        folder, journals = _copy(tmp_path / "old", root), Journals(root / "home")
        endings.append(interrupted_at(step, partial(_change, folder, journals), fill_disk))
        recover(journals)
        assert _seen(folder) == (new if endings[-1] == "done" else old), f"at step {step}"
        if endings[-1] == "done":
            break
    assert endings.count("failed") > 15


def test_a_file_that_a_person_saves_meanwhile_is_never_lost(tmp_path: Path) -> None:
    _project(tmp_path / "old")
    endings: list[Ending] = []
    for step in range(1, STEPS, 2):
        root = tmp_path / str(step)
        folder, journals = _copy(tmp_path / "old", root), Journals(root / "home")
        save = partial(_save, folder / "changed")
        endings.append(interrupted_at(step, partial(_change, folder, journals), save))
        assert (folder / "changed").read_text() in {"a person's\n", "changed\n"}
        assert (folder / "saved").exists() == ((folder / "changed").read_text() != "changed\n")
        if endings[-5:] == ["done"] * 5 and not (folder / "saved").exists():
            break
    assert {"failed", "done"} <= set(endings)


def _save(place: Path, _kind: str, number: int) -> None:
    if number == 0:
        place.write_text("a person's\n")
        place.with_name("saved").touch()
