"""The project at the parent of the maintainer's commit, in a clone of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evals.benchmarks.upgrade.git import Git, ReplayError


@dataclass(frozen=True, kw_only=True)
class Project:
    """The clone, and the trees that the transition lies between."""

    git: Git
    before: str
    wanted: str


def check_out(mirror: Git, commit: str, folder: Path, environment: Mapping[str, str]) -> Project:
    """Clone `mirror` into `folder` and check out the first parent of `commit`.

    Files whose contents the mirror lacks, as one made with a filter may, are left out of both
    trees.

    Raises:
        ReplayError: Git cannot do it, or the checkout is not clean.
    """
    folder.parent.mkdir(parents=True)
    mirror.run("clone", "-q", "--shared", "--no-checkout", str(mirror.folder), str(folder))
    (folder / ".git" / "info").mkdir(exist_ok=True)
    # The bytes as they are committed, whatever the project's attributes say.
    (folder / ".git" / "info" / "attributes").write_text("* -text\n")
    git = Git(folder=folder, environment=environment)
    project, parent = _trees(git, commit)
    git.run("checkout", "-q", "-B", "bench-work", parent)
    if git.line("status", "--porcelain"):
        raise ReplayError("The checkout is not clean.")
    return project


def _trees(git: Git, commit: str) -> tuple[Project, str]:
    """The project, and the commit to start from."""
    parent = git.line("rev-parse", f"{commit}^1")
    before, wanted = (git.line("rev-parse", f"{each}^{{tree}}") for each in (parent, commit))
    absent = git.absent(before) | git.absent(wanted)
    if absent:
        index = git.folder / ".git" / "without"
        before, wanted = (git.without(tree, absent, index) for tree in (before, wanted))
        parent = git.line("commit-tree", before, "-m", "The parent without absent files")
    return Project(git=git, before=before, wanted=wanted), parent
