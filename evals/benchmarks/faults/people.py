"""People who are at work on the same files, and a release that does worse in use."""

from __future__ import annotations

from functools import partial
from typing import Final

from cultivar.application.workbench import registry_of
from cultivar.llm.base import ModelRequest, Provider
from cultivar.llm.scripted import Line, ScriptedModel
from cultivar.record import replace
from cultivar.testing.folders import Interrupt, interrupted_at
from evals.benchmarks.faults.candidates import MENDED, reply
from evals.benchmarks.faults.crashes import approved
from evals.benchmarks.faults.grounds import Grounds, used
from evals.benchmarks.faults.scenes import Outcome, Scene

_NOTE: Final = "\n# A line that a person wrote.\n"


def edited_in_trials(grounds: Grounds) -> Outcome:
    """A person saves a file of the template while candidates of it are tried."""
    scene = grounds.template()

    def edit_and_reply(_request: ModelRequest) -> Line:
        _edit(scene)
        return reply(MENDED)

    said = scene.improved({Provider: ScriptedModel(edit_and_reply)})
    edit = scene.files
    return scene.outcome(said, edit=edit, held=_is_edited(scene))


def edited_in_release(grounds: Grounds, stride: int) -> Outcome:
    """A person saves the tool's file before each so-manieth step of a release of it.

    Args:
        grounds: Where.
        stride: How many steps lie between two.
    """
    found: list[tuple[bool, Outcome]] = []
    for step in range(1, 400, stride):
        scene = grounds.waiting_tool()
        ending = interrupted_at(step, partial(approved, scene), _editing(scene))
        if ending == "done" and not _is_edited(scene) and found:
            break  # there are no more steps
        edit = scene.files
        found.append((_is_edited(scene) or _kept_beside(scene), scene.outcome("", edit=edit)))
    said = f"Edited at {len(found)} moments: "
    said += f"{sum(kept for kept, _ in found)} times the line is there."
    every = [outcome for _, outcome in found]
    worst = next((each for each in every if each.ends == "unproven"), every[0])
    held = all(kept for kept, _ in found) and all(each.held for each in every)
    return replace(worst, said=said, held=held, whole=all(each.whole for each in every))


def _editing(scene: Scene) -> Interrupt:
    def edit(_kind: str, number: int) -> None:
        if number == 0:
            _edit(scene)

    return edit


def _edit(scene: Scene) -> None:
    file = scene.place / "app.py.jinja" if scene.place.is_dir() else scene.place
    file.write_text(file.read_text(encoding="utf-8") + _NOTE, encoding="utf-8")


def _is_edited(scene: Scene) -> bool:
    return any(_NOTE in entry.content.decode() for entry in scene.files.values())


def _kept_beside(scene: Scene) -> bool:
    """Whether the edit is in the backup, as where it came before anything was read."""
    beside = scene.place.parent.glob(f"{scene.place.name}.backup-*")
    return any(_NOTE in each.read_text(encoding="utf-8") for each in beside)


def worse_in_use(grounds: Grounds) -> Outcome:
    """What was released fails in use as no trial has shown."""
    scene = grounds.tool()
    scene.improved()
    with scene.opened() as cultivar:
        after = registry_of(cultivar.services).current(scene.artifact).tree_hash
        used(scene, cultivar, 60, failing=60, tree_hash=after)
    return scene.outcome(scene.improved())
