"""One transition, replayed with each tool on a copy of its own, and counted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from evals.benchmarks.upgrade.git import Git, ReplayError
from evals.benchmarks.upgrade.metrics import Counts, Verdict, count, judge
from evals.benchmarks.upgrade.result import collect
from evals.benchmarks.upgrade.running import Desk, Ran
from evals.benchmarks.upgrade.scene import Means, Scene, prepare
from evals.benchmarks.upgrade.tools import Tool
from evals.benchmarks.upgrade.transitions import Transition
from evals.benchmarks.upgrade.trees import File, Outcome


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one tool made of one transition."""

    transition: Transition
    tool: str
    problem: str = ""
    """Why it could not be measured, through no fault of the tool."""
    seconds: float = 0.0
    """What a person would wait; checking out and comparing do not count."""
    exit_code: int = 0
    failed: bool = False
    """It ended with an error and changed nothing."""
    answers_equal: bool = False
    """The answers file says what the maintainer's says."""
    counts: Counts = field(default_factory=Counts)
    files: tuple[Verdict, ...] = ()
    """The files that are not equal, or lost a person's lines."""
    output: str = ""
    """The end of what it printed, where it did not end well."""


def replay(transition: Transition, means: Means, tools: Sequence[Tool], folder: Path) -> list[Row]:
    """Replay `transition` with `tools` in turn, in `folder`."""
    try:
        scene = prepare(transition, means, folder)
    except (ReplayError, OSError, yaml.YAMLError) as error:
        return [Row(transition=transition, tool=tool.name, problem=str(error)) for tool in tools]
    return [_row(tool, scene, folder / f"tool-{tool.name}") for tool in tools]


def _row(tool: Tool, scene: Scene, folder: Path) -> Row:
    row = Row(transition=scene.transition, tool=tool.name)
    try:
        for number in range(tool.rehearsals):
            tool.run(scene, _desk(scene, folder / f"rehearsal-{number}", folder / "cache"))
        desk = _desk(scene, folder / "run", folder / "cache")
        return _measured(row, tool.run(scene, desk), scene, desk)
    except (ReplayError, OSError) as error:
        return replace(row, problem=str(error))


def _desk(scene: Scene, folder: Path, cache: Path) -> Desk:
    """A copy of the project, and a home with nothing in it."""
    project = folder / scene.transition.folder_name
    shutil.copytree(scene.project.git.folder, project, symlinks=True)
    environment = scene.surroundings.make(folder / "surroundings", cache)
    # The copy's files look changed to git until it has looked at them once.
    Git(folder=project, environment=environment).run("status", "--porcelain")
    return Desk(folder=project, environment=environment, timeout=scene.means.timeout)


def _measured(row: Row, ran: Ran, scene: Scene, desk: Desk) -> Row:
    outcome = collect(scene, desk, ran)
    verdicts = judge(outcome)
    return replace(
        row,
        seconds=round(ran.seconds, 3),
        exit_code=ran.exit_code,
        failed=outcome.failed,
        answers_equal=_answers_equal(outcome),
        counts=count(verdicts),
        files=tuple(each for each in verdicts if each.lost or _of_note(each)),
        output=ran.output[-700:] if ran.exit_code else "",
    )


def _of_note(verdict: Verdict) -> bool:
    return verdict.kind not in {"equal", "human_only"}


def _answers_equal(outcome: Outcome) -> bool:
    """Whether the answers files say the same, compared as YAML."""
    made, wanted = (tree.get(outcome.answers) for tree in (outcome.result, outcome.wanted))
    try:
        return _loaded(made) == _loaded(wanted)
    except yaml.YAMLError:
        return False


def _loaded(file: File | None) -> object:
    return yaml.safe_load(file.content) if file else None
