"""An upgrade that is killed: nothing is half done, and nothing that was paid for is paid again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from cultivar import Cultivar, Settings, load_settings
from cultivar.ledger.base import Ledger
from cultivar.llm.base import ModelRequest, Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.machine import Event, StepStarted
from cultivar.testing.folders import Picture, picture
from cultivar.testing.projects import Repository, Story

STEPS = [
    "find",
    "infer",
    "ask",
    "render",
    "prepare",
    "merge",
    "propose",
    "finish",
    "prove",
    "commit",
]
CONFIG = "_subdirectory: files\nname: {type: str, default: world}\n"
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
OURS = LETTER.replace("is line 3 of", "was written by me in").replace("line 9", "my line")
THEIRS = LETTER.replace("is line 3 of", "stands for the template's").replace("line 9", "its line")
BODY = "This was written by me in stands for the template's a letter."
REPLIES: Mapping[str, dict[str, Any]] = {
    "InferenceReply": {"answers": []},
    "MergeReply": {"hunks": [{"number": 1, "body": BODY, "reason": "both"}]},
}
"""They settle one of two places, so that the model is paid and the file is in conflict."""


class Stage:
    """A project that can be upgraded with a conflict, again and again from the same start.

    Args:
        folder: Where all of it is.
        story: What it is made of.
        settings: What it is upgraded with.
    """

    def __init__(self, folder: Path, story: Story, settings: Settings) -> None:
        self.folder, self.story = folder, story
        self.settings = settings
        self.paid = folder / "paid"
        story.cultivar.close()
        for name in ("home", "project"):
            shutil.copytree(folder / name, folder / f"{name}.before", symlinks=True)
        self.before = self.seen()

    @property
    def has_model(self) -> bool:
        return self.settings.model.name != "builtin"

    @property
    def project(self) -> Repository:
        return self.story.project

    def restore(self) -> None:
        """Let all be as it was at the start."""
        self.paid.unlink(missing_ok=True)
        for name in ("home", "project"):
            shutil.rmtree(self.folder / name)
            shutil.copytree(self.folder / f"{name}.before", self.folder / name, symlinks=True)

    def open(self, listener: Callable[[Event], None] | None = None) -> Cultivar:
        """Cultivar, with a model whose calls are counted."""
        model = ScriptedModel(*[self._pay] * 4)
        services = {Provider: model} if self.has_model else {}
        return Cultivar(self.settings, services=services, listener=listener)

    def _pay(self, request: ModelRequest) -> dict[str, Any]:
        with self.paid.open("a") as file:
            file.write(f"{request.schema_name}\n")
        return REPLIES[request.schema_name]

    @property
    def calls(self) -> list[str]:
        """What the model was paid for since the start."""
        return self.paid.read_text().split() if self.paid.exists() else []

    def upgrade(self, listener: Callable[[Event], None] | None = None) -> None:
        """Upgrade the project by a new command."""
        with self.open(listener) as cultivar:
            cultivar.upgrade(cultivar.output(self.project.folder))

    def killed(self, listener: Callable[[Event], None]) -> bool:
        """Upgrade in a process of its own; whether it was killed."""
        child = os.fork()
        if child == 0:
            try:
                self.upgrade(listener)
            finally:
                os._exit(0)
        return os.waitpid(child, 0)[1] == signal.SIGKILL

    def seen(self) -> tuple[Picture, str]:
        """All that stands in the project, but for the time of the upgrade, and git's index."""
        files = {
            path: (mode, b"\n".join(each for each in content.split(b"\n") if b"_at:" not in each))
            for path, (mode, content) in picture(self.project.folder).items()
        }
        return files, self.project.index


@pytest.fixture(scope="module", params=["builtin", "cassette:none"], ids=["alone", "with a model"])
def staged(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_ledger_file: Path,
) -> Stage:
    folder = tmp_path_factory.mktemp("stage")
    story = Story.told_in(folder, empty_ledger_file)
    story.begin({"copier.yml": CONFIG, "files/letter.txt": LETTER, "files/old.txt": LETTER * 2})
    story.project.commit({"letter.txt": OURS})
    changed = {"files/letter.txt": THEIRS, "files/new/added.txt": "new\n", "files/old.txt": None}
    story.release("v2.0.0", {"copier.yml": f"{CONFIG}tone: kind\n", **changed})
    home, cache = folder / "home", folder / "cache"
    settings = load_settings(folder, home=home, cache=cache, model={"name": request.param})
    return Stage(folder, story, settings)


@pytest.fixture(scope="module")
def finished(staged: Stage) -> tuple[Picture, str]:
    """What an upgrade that nobody interrupts leaves."""
    staged.restore()
    staged.upgrade()
    return staged.seen()


@pytest.fixture
def stage(staged: Stage, finished: object) -> Stage:
    staged.restore()
    return staged


def _at(kind: str, step: str) -> Callable[[Event], None]:
    def die(event: Event) -> None:
        if (type(event).__name__, event.step) == (kind, step):
            os.kill(os.getpid(), signal.SIGKILL)

    return die


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["StepStarted", "StepFinished"])
def test_a_run_killed_at_any_step_is_resumed_to_its_end_and_pays_no_call_twice(
    kind: str, step: str, stage: Stage, finished: tuple[Picture, str]
) -> None:
    assert stage.killed(_at(kind, step))
    wrote = (kind, step) == ("StepFinished", "commit")
    assert stage.seen() == (finished if wrote else stage.before)
    with stage.open() as cultivar:
        cultivar.resume(cultivar.runs()[0].id)
        ledger = cultivar.services.need(Ledger)
        (told,) = ledger.migrations()
        assert (told.outcome, told.conflicts) == ("conflicts", ("letter.txt",))
        assert len(cultivar.history()) == 2
        assert stage.seen() == finished
        cultivar.undo(told.id)
        assert stage.seen() == stage.before
    assert stage.calls == (["InferenceReply", "MergeReply"] if stage.has_model else [])


def test_a_new_command_after_a_kill_at_any_step_finishes_the_work(
    stage: Stage, finished: tuple[Picture, str]
) -> None:
    for step in STEPS:
        stage.restore()
        assert stage.killed(_at("StepStarted", step))
        stage.upgrade()
        assert stage.seen() == finished


def test_a_run_killed_at_any_change_of_the_disk_is_resumed_to_its_end(
    stage: Stage, finished: tuple[Picture, str]
) -> None:
    number = 0
    while stage.killed(_at_change(number)):
        with stage.open() as cultivar:
            cultivar.resume(cultivar.runs()[0].id)
            assert len(cultivar.services.need(Ledger).migrations()) == 1
        assert stage.seen() == finished
        stage.restore()
        number += _STRIDE
    assert number > 30


@pytest.mark.parametrize("when", ["call", "return"])
@pytest.mark.parametrize("name", ["apply", "record", "record_migration"])
def test_a_run_killed_before_or_after_it_is_written_or_recorded_is_whole(
    name: str, when: str, stage: Stage, finished: tuple[Picture, str]
) -> None:
    assert stage.killed(_at_function(name, when))
    assert stage.seen() in (stage.before, finished)
    with stage.open() as cultivar:
        cultivar.resume(cultivar.runs()[0].id)
        assert stage.seen() == finished
        cultivar.undo(folder=stage.project.folder)
        assert stage.seen() == stage.before
        assert cultivar.services.need(Ledger).migrations()[0].outcome == "undone"


def _at_change(number: int) -> Callable[[Event], None]:
    """Be killed at one of the changes of the disk that the last step makes."""
    left = number

    def count(event: str, _arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event not in _CHANGES:
            return
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return _at_the_end(lambda: sys.addaudithook(count))


def _at_function(name: str, when: str) -> Callable[[Event], None]:
    """Be killed when a function is called in the last step, or returns."""

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if (frame.f_code.co_name, event) == (name, when):
            os.kill(os.getpid(), signal.SIGKILL)

    return _at_the_end(lambda: sys.setprofile(look))


def _at_the_end(act: Callable[[], object]) -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "commit":
            act()

    return hear


_STRIDE = 11
"""How many changes of the disk there are between the kills."""

_CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "subprocess.Popen"}
