"""The tools that are compared, each behind one small protocol, and three that mark the range."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from evals.benchmarks.upgrade.git import Git
from evals.benchmarks.upgrade.running import Desk, Ran
from evals.benchmarks.upgrade.scene import Scene

CULTIVAR_LINE: Final = (
    "{cultivar} upgrade --to {new} --answers {answers_file} --file {answers_path} "
    "--trust --skip-tasks --json"
)
"""How Cultivar is called."""


class Tool(Protocol):
    """Something that brings a project to another version of its template.

    It works in the desk's folder. Conflicts are left there as unmerged index entries, as conflict
    markers or as `.rej` files. What it needs beside, and what it leaves, is in the desk's home.
    """

    @property
    def name(self) -> str:
        """What the results call it."""
        ...

    @property
    def rehearsals(self) -> int:
        """How often it works on a copy first, with a cache that it then keeps."""
        ...

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Do the work; `Ran.seconds` are those that a person would wait."""
        ...


@dataclass(frozen=True, kw_only=True)
class CopierUpdate:
    """`copier update`, which clones the template each time."""

    copier: Path
    name: str = "copier"
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Update as a person would who wants the maintainer's answers."""
        transition = scene.transition
        command = [str(self.copier), "update", "--trust", "--defaults", "--skip-tasks"]
        command += ["--vcs-ref", transition.new, "-a", transition.answers]
        return desk.run([*command, "--data-file", str(scene.answers)])


@dataclass(frozen=True, kw_only=True)
class GitMerge:
    """Git's three-way merge of both renders into the project; its time is with both renders."""

    name: str = "git"
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Merge, and leave what is in conflict in the index too."""
        began = time.perf_counter()
        git = Git(folder=desk.folder, environment=desk.environment)
        base = git.line("commit-tree", scene.base.tree, "-m", "base")
        ours, theirs = (
            git.line("commit-tree", tree, "-p", base, "-m", "side")
            for tree in (scene.project.before, scene.theirs.tree)
        )
        arguments = ("merge-tree", "--write-tree", "-z", "--messages", ours, theirs)
        output = git.run("-c", "merge.conflictStyle=diff3", *arguments, accept=(0, 1))
        # Tree, then the entries of conflicts up to an empty one, then messages.
        tree, *rest = output.split(b"\0")
        git.run("read-tree", "-u", "--reset", tree.decode())
        _leave_unmerged(git, rest[: rest.index(b"")] if b"" in rest else [])
        return Ran(seconds=time.perf_counter() - began + scene.render_seconds)


@dataclass(frozen=True, kw_only=True)
class CommandTool:
    """A shell line, in which `{names}` stand for what the transition gives.

    They are `project_dir template_git old new answers_file answers_path src_url`.
    """

    name: str
    line: str
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Run the line in the project's folder."""
        line = self.line
        for name, value in _placeholders(scene, desk).items():
            line = line.replace(f"{{{name}}}", value)
        return desk.run(["bash", "-c", line])


@dataclass(frozen=True, kw_only=True)
class Overwrite:
    """The new render laid over the project, and away with what the template dropped."""

    name: str = "overwrite"
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Take the template's word for everything."""
        began = time.perf_counter()
        git = Git(folder=desk.folder, environment=desk.environment)
        for path in git.paths(scene.base.tree) - git.paths(scene.theirs.tree):
            (desk.folder / path).unlink(missing_ok=True)
        beside = git.with_index(desk.folder / ".git" / "overwrite")
        beside.run("read-tree", scene.theirs.tree)
        beside.run("checkout-index", "-f", "-a")
        return Ran(seconds=time.perf_counter() - began + scene.render_seconds)


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Leaves everything as it was: the floor."""

    name: str = "nothing"
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Do nothing."""
        return Ran(seconds=0.0)


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """The maintainer's commit itself: the ceiling."""

    name: str = "oracle"
    rehearsals: int = 0

    def run(self, scene: Scene, desk: Desk) -> Ran:
        """Take what the maintainer committed."""
        git = Git(folder=desk.folder, environment=desk.environment)
        git.run("read-tree", "-u", "--reset", scene.project.wanted)
        return Ran(seconds=0.0)


def known_tools(copier: Path, cultivar: Path) -> Mapping[str, Tool]:
    """The tools by name.

    Cultivar is there twice: in a new home with nothing in its cache, and with a cache that an
    upgrade of another copy has filled.
    """
    line = CULTIVAR_LINE.replace("{cultivar}", shlex.quote(str(cultivar)))
    tools: tuple[Tool, ...] = (
        CopierUpdate(copier=copier),
        GitMerge(),
        CommandTool(name="cultivar", line=line),
        CommandTool(name="cultivar-warm", line=line, rehearsals=1),
        Overwrite(),
        Nothing(),
        Oracle(),
    )
    return {tool.name: tool for tool in tools}


def _placeholders(scene: Scene, desk: Desk) -> Mapping[str, str]:
    said = {
        "project_dir": desk.folder,
        "template_git": scene.template,
        "old": scene.transition.old,
        "new": scene.transition.new,
        "answers_file": scene.answers,
        "answers_path": scene.transition.answers,
        "src_url": scene.source,
    }
    return {name: shlex.quote(str(value)) for name, value in said.items()}


def _leave_unmerged(git: Git, entries: list[bytes]) -> None:
    """Put the stages of conflicts into the index, in the place of what was merged halfway."""
    none = b"0 " + b"0" * 40 + b"\t"
    removed = {none + entry.split(b"\t", 1)[1] for entry in entries}
    lines = [*sorted(removed), *entries]
    if lines:
        git.run("update-index", "-z", "--index-info", stdin=b"\0".join(lines) + b"\0")
