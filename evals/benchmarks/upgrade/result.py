"""What a tool left in a project's folder, as an outcome to judge."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from evals.benchmarks.upgrade.git import Git
from evals.benchmarks.upgrade.running import Desk, Ran
from evals.benchmarks.upgrade.scene import Scene
from evals.benchmarks.upgrade.trees import REJECTED, Outcome


def collect(scene: Scene, desk: Desk, ran: Ran) -> Outcome:
    """Read the folder and the index that the tool worked on."""
    git = Git(folder=desk.folder, environment=desk.environment)
    unmerged = git.unmerged()
    tree = _result_tree(git, scene)
    return Outcome(
        **scene.trees,
        result=git.read(tree),
        answers=scene.transition.answers,
        unmerged=unmerged,
        rejected=_reject_files(desk.folder),
        failed=ran.exit_code != 0 and tree == scene.project.before,
    )


def _result_tree(git: Git, scene: Scene) -> str:
    """The working tree as a commit of it would be.

    What the project's `.gitignore` hides is left out, as nobody would commit it, unless the
    maintainer did.
    """
    beside = git.with_index(git.folder / ".git" / "result")
    beside.run("read-tree", scene.project.before)
    beside.run("add", "-A", ".")
    new = git.paths(scene.project.wanted) - git.paths(scene.project.before)
    hidden = [os.fsencode(path) for path in new if os.path.lexists(git.folder / path)]
    if hidden:
        literal = {**beside.environment, "GIT_LITERAL_PATHSPECS": "1"}
        replace(beside, environment=literal).run(
            *("add", "-f", "--pathspec-from-file=-", "--pathspec-file-nul"),
            stdin=b"\0".join(hidden),
        )
    return beside.line("write-tree")


def _reject_files(folder: Path) -> frozenset[str]:
    paths = (path.relative_to(folder) for path in folder.rglob(f"*{REJECTED}"))
    return frozenset(path.as_posix() for path in paths if path.parts[0] != ".git")
