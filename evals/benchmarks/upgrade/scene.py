"""A transition made ready: the project as it was, and both versions of the template rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import yaml

from evals.benchmarks.upgrade.checkout import Project, check_out
from evals.benchmarks.upgrade.git import Git, ReplayError
from evals.benchmarks.upgrade.mirrors import Mirrors
from evals.benchmarks.upgrade.running import Desk
from evals.benchmarks.upgrade.surroundings import (
    Surroundings,
    address,
    git_settings,
    github_stub,
    homeless,
)
from evals.benchmarks.upgrade.transitions import Transition
from evals.benchmarks.upgrade.trees import Tree

_COPY: Final = ("copy", "--trust", "--defaults", "--skip-tasks", "--overwrite", "-q")


@dataclass(frozen=True, kw_only=True)
class Means:
    """What every replay works with."""

    mirrors: Mirrors
    copier: Path
    """The program that makes the reference renders."""
    timeout: float = 300.0
    """Seconds that a command may take."""


@dataclass(frozen=True, kw_only=True)
class Render:
    """A fresh render of one version of the template."""

    tree: str
    """The git tree that it was stored as."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a tool is given, and what it is compared with."""

    transition: Transition
    means: Means
    surroundings: Surroundings
    project: Project
    """The project as it was. Every tool works on a copy."""
    base: Render
    """The old version with the old answers."""
    theirs: Render
    """The new version with the maintainer's answers."""
    answers: Path
    """The maintainer's answers as YAML, without what is private to Copier."""
    source: str
    """The address of the template."""

    @cached_property
    def trees(self) -> Mapping[str, Tree]:
        """The four trees that do not depend on the tool, as `Outcome` calls them."""
        ids = {
            "before": self.project.before,
            "wanted": self.project.wanted,
            "base": self.base.tree,
            "theirs": self.theirs.tree,
        }
        return {name: self.project.git.read(tree) for name, tree in ids.items()}

    @property
    def render_seconds(self) -> float:
        """What a tool that merges renders has to wait for."""
        return self.base.seconds + self.theirs.seconds

    @property
    def template(self) -> Path:
        """The mirror of the template."""
        return self.means.mirrors.find(self.transition.template)


def prepare(transition: Transition, means: Means, folder: Path) -> Scene:
    """Check out the parent and render both versions, in `folder`.

    Raises:
        ReplayError: Git or Copier cannot do it.
    """
    return _Stage(transition=transition, means=means, folder=folder).scene()


def read_answers(git: Git, revision: str, path: str) -> dict[str, Any]:
    """The answers file at `path` in `revision`; empty where it is no mapping."""
    found = yaml.safe_load(git.run("show", f"{revision}:{path}"))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """A scene that is being built."""

    transition: Transition
    means: Means
    folder: Path

    def scene(self) -> Scene:
        folder = self.folder / "project" / self.transition.folder_name
        project = check_out(self.mirror, self.transition.commit, folder, self.environment)
        answers = self.folder / "answers.yml"
        answers.write_text(_yaml(self.answers_after))
        return Scene(
            transition=self.transition,
            means=self.means,
            surroundings=self.surroundings,
            project=project,
            base=self.render(project.git, "old", self.transition.old, self.answers_before),
            theirs=self.render(project.git, "new", self.transition.new, self.answers_after),
            answers=answers,
            source=address(_source(self.answers_after)),
        )

    @cached_property
    def mirror(self) -> Git:
        """The project's repository as it was brought."""
        return Git(folder=self.means.mirrors.find(self.transition.project), environment=homeless())

    @cached_property
    def answers_before(self) -> dict[str, Any]:
        return read_answers(self.mirror, f"{self.transition.commit}^1", self.transition.answers)

    @cached_property
    def answers_after(self) -> dict[str, Any]:
        return read_answers(self.mirror, self.transition.commit, self.transition.answers)

    @cached_property
    def surroundings(self) -> Surroundings:
        sources = [_source(answers) for answers in (self.answers_before, self.answers_after)]
        return Surroundings(
            git_settings=git_settings(self.means.mirrors, self.transition.template, sources),
            github=github_stub(self.mirror, self.transition.commit),
        )

    @cached_property
    def environment(self) -> Mapping[str, str]:
        return self.surroundings.make(self.folder / "harness", self.folder / "harness" / "cache")

    def render(self, git: Git, name: str, version: str, answers: dict[str, Any]) -> Render:
        """Render `version` into a folder with the project's name, which templates can see."""
        place = self.folder / name
        output, data = place / self.transition.folder_name, place / "answers.yml"
        output.mkdir(parents=True)
        data.write_text(_yaml(answers))
        options = ("--vcs-ref", version, "-a", self.transition.answers, "--data-file", str(data))
        desk = Desk(folder=place, environment=self.environment, timeout=self.means.timeout)
        ran = desk.run([str(self.means.copier), *_COPY, *options, _source(answers), str(output)])
        if ran.exit_code:
            raise ReplayError(f"Copier cannot render {version!r}: {ran.output[-500:]}")
        return Render(tree=git.tree_of(output, place / "index"), seconds=ran.seconds)


def _source(answers: dict[str, Any]) -> str:
    return str(answers.get("_src_path", ""))


def _yaml(answers: dict[str, Any]) -> str:
    """Answers to hand over: nothing private, no nulls, which Copier refuses for most types."""
    given = {name: value for name, value in answers.items() if value is not None}
    public = {name: value for name, value in given.items() if not str(name).startswith("_")}
    return yaml.safe_dump(public, allow_unicode=True, sort_keys=False)
