from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cultivar.delivery import project
from cultivar.delivery.places import write_entry
from cultivar.delivery.project import read_project
from cultivar.delivery.worktree import state
from cultivar.errors import DirtyError, UsageError
from cultivar.testing.repositories import git
from cultivar.tree import Tree, text_entry

FILES = {"a": "1\n", "b/c": "2\n", ".gitignore": "*.log\n"}


@pytest.fixture(params=["", "below/it"], ids=["root", "below"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with everything committed, at the root of its repository or below it."""
    folder = tmp_path / str(request.param)
    _fill(folder, FILES)
    git(tmp_path, "init", "-q")
    if folder != tmp_path:
        _fill(tmp_path, {"elsewhere": "3\n"})
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    return folder


def _fill(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _tree(files: dict[str, str]) -> Tree:
    return Tree({path: text_entry(text) for path, text in files.items()})


def test_a_folder_without_git_is_clean_and_all_of_it_is_the_project(tmp_path: Path) -> None:
    _fill(tmp_path, {**FILES, "node_modules/x": "", "b/__pycache__/y": "", ".venv/z": ""})
    seen = state(tmp_path)
    seen.refuse_dirty()
    assert seen.repository is None
    assert read_project(seen).tree == _tree(FILES)


def test_a_committed_project_is_clean(folder: Path) -> None:
    seen = state(folder)
    seen.refuse_dirty(["a", "new"])
    assert (seen.changed, seen.untracked, seen.unmerged) == ((), (), ())
    assert seen.folder == folder
    assert seen.repository is not None


def test_changed_staged_and_deleted_files_are_named(folder: Path) -> None:
    _fill(folder, {"a": "changed\n", "staged": "4\n"})
    git(folder, "add", "staged")
    (folder / "b" / "c").unlink()
    seen = state(folder)
    assert seen.changed == ("a", "b/c", "staged")
    with pytest.raises(DirtyError, match="`a`, `b/c`, `staged` have changes"):
        seen.refuse_dirty()
    seen.refuse_dirty(force=True)


def test_changes_elsewhere_in_the_repository_do_not_matter(tmp_path: Path) -> None:
    _fill(tmp_path, {"project/a": "1\n", "elsewhere": "2\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    _fill(tmp_path, {"elsewhere": "changed\n"})
    state(tmp_path / "project").refuse_dirty()


def test_a_file_that_git_does_not_know_is_in_the_way_only_where_one_is_written(
    folder: Path,
) -> None:
    _fill(folder, {"new/one": "5\n", "with space é": "6\n"})
    seen = state(folder)
    assert seen.untracked == ("new/one", "with space é")
    seen.refuse_dirty(["a"])
    with pytest.raises(DirtyError) as refused:
        seen.refuse_dirty(["new/one", "a"])
    assert refused.value.paths == ("new/one",)


def _conflict(folder: Path) -> None:
    git(folder, "checkout", "-qb", "other")
    _fill(folder, {"a": "other\n"})
    git(folder, "commit", "-qam", "other")
    git(folder, "checkout", "-q", "-")
    _fill(folder, {"a": "mine\n"})
    git(folder, "commit", "-qam", "mine")


def test_a_merge_that_waits_to_be_finished_is_refused_even_by_force(folder: Path) -> None:
    _conflict(folder)
    with pytest.raises(Exception, match="returned non-zero"):
        git(folder, "merge", "other")
    seen = state(folder)
    assert seen.unmerged == ("a",)
    with pytest.raises(UsageError, match=r"A merge in .* waits to be finished: 'a'\."):
        seen.refuse_dirty(force=True)


def test_a_rebase_that_waits_to_be_finished_is_named(folder: Path) -> None:
    _conflict(folder)
    with pytest.raises(Exception, match="returned non-zero"):
        git(folder, "rebase", "other")
    with pytest.raises(UsageError, match="A rebase in"):
        state(folder).refuse_dirty(force=True)


def test_what_git_would_take_is_the_project_and_what_it_ignores_is_not(folder: Path) -> None:
    _fill(folder, {"new": "7\n", "noise.log": "8\n"})
    (folder / "b" / "c").unlink()
    assert read_project(state(folder)).tree == _tree({**FILES, "new": "7\n"}).replace({"b/c": None})


def test_a_file_that_git_ignores_is_read_where_it_is_asked_for(folder: Path) -> None:
    _fill(folder, {"noise.log": "8\n"})
    tree = read_project(state(folder), also=["noise.log", "not there", "a/below/a file"]).tree
    assert tree == _tree({**FILES, "noise.log": "8\n"})


def test_a_project_in_a_folder_that_git_ignores_is_read_all_the_same(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    _fill(tmp_path, {".gitignore": "out/\n", "out/a": "1\n"})
    assert read_project(state(tmp_path / "out")).tree == _tree({"a": "1\n"})


def test_what_no_tree_can_hold_is_left_out_and_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "MAX_FILE", 10)
    _fill(folder, {"large": "x" * 11})
    (folder / "out").symlink_to("/etc/hostname")
    found = read_project(state(folder))
    assert found.left_out == ("large", "out")
    assert found.tree == _tree(FILES)


def test_a_project_that_is_too_large_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "MAX_BYTES", 5)
    with pytest.raises(UsageError, match="take more than"):
        read_project(state(folder))


def test_a_submodule_is_no_file_and_no_change(folder: Path, tmp_path: Path) -> None:
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", str(tmp_path), "module")
    git(folder, "commit", "-qm", "module")
    (folder / "module" / ".gitignore").write_text("changed")
    seen = state(folder)
    seen.refuse_dirty()
    assert not [path for path in read_project(seen).tree if path.startswith("module")]


def test_files_that_are_not_checked_out_are_no_change_and_are_named(
    folder: Path, tmp_path: Path
) -> None:
    git(tmp_path, "sparse-checkout", "set", "--no-cone", "/*", "!c")
    seen = state(folder)
    seen.refuse_dirty()
    assert not (folder / "b" / "c").exists()
    assert read_project(seen).left_out == ("b/c",)


def test_a_repository_without_a_commit_is_worked_in(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    _fill(tmp_path, FILES)
    seen = state(tmp_path)
    seen.refuse_dirty()
    assert read_project(seen).tree == _tree(FILES)


def test_a_linked_working_tree_is_worked_in(folder: Path, tmp_path: Path) -> None:
    beside = tmp_path.parent / f"{tmp_path.name}-linked"
    git(folder, "worktree", "add", "-q", str(beside))
    seen = state(beside)
    seen.refuse_dirty()
    assert seen.repository is not None
    assert seen.repository.index.is_file()


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")
    with pytest.raises(UsageError, match="is in a bare git repository"):
        state(tmp_path)


def test_a_repository_of_somebody_else_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "mine")
    script = f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n'
    write_entry(tmp_path / "git", text_entry(script, "executable"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UsageError, match="belongs to somebody else") as refused:
        state(tmp_path / "mine")
    assert "safe.directory" in refused.value.remedy


def test_a_folder_named_like_git_s_is_no_repository(tmp_path: Path) -> None:
    _fill(tmp_path, {"x/a": "1\n"})
    (tmp_path / "x" / ".git").mkdir()
    assert state(tmp_path / "x").repository is None
