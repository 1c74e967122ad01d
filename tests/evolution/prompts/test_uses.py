"""Each use of a prompt leaves a record, and who uses it never notices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from cultivar import Cultivar, load_settings
from cultivar.definitions import Definitions
from cultivar.errors import ModelUnavailableError, ReplyError, TemplateError
from cultivar.evals.trying.conversations import ASKED, conversation_of
from cultivar.evolution.prompt_uses import RecordedPrompts
from cultivar.evolution.toolbox import Recorder, Records
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Artifact, Execution
from cultivar.llm.base import Asked, Message, ModelDoor, Provider, Said
from cultivar.llm.redaction import Redactor
from cultivar.llm.scripted import ScriptedModel, ScriptLine
from cultivar.prompt import Prompt
from cultivar.tree import Tree, text_entry
from tests.evolution.prompts.conftest import SYSTEM, Adviser, Room, open_room

SAY = Artifact(kind="prompt", name="greeter/say")


class Greeting(BaseModel):
    """What is said."""

    words: str


def prompt(text: str = "Greet {{ name }}.", artifact: Artifact = SAY) -> Prompt:
    file = f"{artifact.name.partition('/')[2]}.md.jinja"
    return Prompt(artifact=artifact, tree=Tree({file: text_entry(text)}))


def said(text: str = "Greet {{ name }}.", **facts: object) -> Said:
    return Said(role="system", prompt=prompt(text), facts={"name": "Ada", **facts})


class Asking:
    """Cultivar with a scripted model."""

    def __init__(self, root: Path, *lines: ScriptLine, recorder: Recorder | None = None) -> None:
        given: dict[type[Any], object] = {Provider: ScriptedModel(*lines)}
        given |= {Recorder: recorder} if recorder else {}
        self.cultivar = Cultivar(load_settings(root), services=given)

    def ask(self, *turns: Said | Message, run_id: str = "a run") -> Greeting:
        door = self.cultivar.services.need(ModelDoor)
        return door.ask(run_id, "greeter", turns, Greeting)

    def uses(self, artifact: Artifact = SAY) -> tuple[Execution, ...]:
        room = Room(cultivar=self.cultivar, model=Adviser(), root=Path())
        return room.uses(artifact)


def test_every_prompt_of_a_conversation_leaves_a_use(room: Room) -> None:
    room.use("greet the moon")
    (use,) = room.uses()
    assert use.tree_hash == Definitions().prompts("generator")["slots"].tree.hash
    assert use.inputs["task"] == "greet the moon"
    assert (use.succeeded, use.money) == (True, 0.001)
    assert use.seconds >= 0
    assert '"slot": "greeting"' in str(use.output)
    (system,) = room.uses(SYSTEM)
    assert system.output == use.output
    (inferred,) = room.uses(Artifact(kind="prompt", name="inferrer/infer"))
    talk = conversation_of(inferred.inputs)
    assert talk is not None
    assert [each.role for each in talk.turns] == ["system", "user"]
    assert "greet the moon" in str(talk.turns[1].content)
    assert talk.turns[0].content is None


def test_a_reply_that_does_not_fit_is_a_failure_with_what_was_wrong_and_what_it_cost(
    room: Room,
) -> None:
    room.use("greet the moon in Greek")
    (use,) = room.uses()
    assert (use.error, use.money) == ("ReplyError", 0.002)
    assert "`bodies.0.path`: Field required" in use.message
    assert "moin" in str(use.output)


def test_a_model_that_is_down_says_nothing_of_a_prompt(root: Path) -> None:
    model = Adviser()
    model.down_for = "generator"
    with open_room(root, model) as room:
        with pytest.raises(ModelUnavailableError):
            room.use("greet the moon")
        assert not room.uses()


def test_a_prompt_that_cannot_be_rendered_fails_and_no_other_with_it(room: Room) -> None:
    room.file.parent.mkdir(parents=True)
    room.file.write_text("{{ task.no.such.thing }}")
    with pytest.raises(TemplateError):
        room.use("greet the moon")
    (use,) = room.uses()
    assert (use.error, use.output) == ("TemplateError", "")
    assert not room.uses(SYSTEM)


def test_a_run_that_is_taken_up_again_has_used_its_prompt_once(root: Path) -> None:
    asking = Asking(root, {"words": "hello"}, {"words": "hi"})
    with asking.cultivar:
        assert asking.ask(said()).words == "hello"
        first = asking.uses()
        assert asking.ask(said()).words == "hello"
        assert asking.uses() == first
        asking.ask(said(), run_id="another run")
        assert len(asking.uses()) == 2


def test_what_is_secret_is_masked_and_what_is_long_is_cut(root: Path) -> None:
    asking = Asking(root, {"words": "hello s3cr3t-v4lue"})
    with asking.cultivar:
        asking.cultivar.services.need(Redactor).add("s3cr3t-v4lue")
        answer = {"name": "password", "secret": False}
        asking.ask(said(city="s3cr3t-v4lue", token="hunter2", answer=answer, long="x" * 50_000))
        (use,) = asking.uses()
    assert use.inputs["city"] == "********"
    assert use.inputs["token"] == "<secret>"
    assert use.inputs["answer"] == answer
    assert "s3cr3t" not in str(use)
    assert "hunter2" not in str(use)
    assert len(str(use.inputs["long"])) < 5_000


def test_a_question_without_a_prompt_leaves_no_use(root: Path) -> None:
    asking = Asking(root, {"words": "hello"})
    with asking.cultivar:
        asking.ask(Message(role="user", content="Say hello."))
        assert asking.cultivar.services.need(ExecutionLog).executed() == ()


class BrokenLog:
    """A record that is down."""

    def add_execution(self, execution: Execution) -> None:
        raise OSError("the disk is full")


def test_a_record_that_is_down_costs_nobody_a_reply(root: Path) -> None:
    recorder = Recorder(Records(log=BrokenLog(), redactor=Redactor()))  # type: ignore[arg-type]
    asking = Asking(root, {"words": "hello"}, recorder=recorder)
    with asking.cultivar:
        assert asking.ask(said(odd=object())).words == "hello"
        recorder.close()
    assert (recorder.lost, recorder.trouble) == (1, "the disk is full")


def test_a_reply_that_never_fits_is_recorded_before_it_is_raised(root: Path) -> None:
    asking = Asking(root, "no", "never")
    with asking.cultivar:
        with pytest.raises(ReplyError):
            asking.ask(said())
        (use,) = asking.uses()
    assert (use.error, use.output) == ("ReplyError", "never")


class Kept(Recorder):
    """Keeps uses in a list."""

    def __init__(self) -> None:
        super().__init__(Records(log=BrokenLog(), redactor=Redactor()))  # type: ignore[arg-type]
        self.uses: list[Execution] = []

    def keep(self, execution: Execution) -> None:
        self.uses.append(execution)


def test_to_take_note_of_a_use_takes_next_to_no_time() -> None:
    kept = Kept()
    hear = RecordedPrompts(kept, "here")
    files = {f"file_{number}.py": "x = 1\n" * 100 for number in range(20)}
    asked = Asked(
        run_id="a run",
        purpose="greeter",
        turns=(said(files=files), Message(role="user", content="hello" * 1_000)),
        schema_name="Greeting",
        schema=Greeting.model_json_schema(),
        reply='{"words": "hello"}',
        seconds=1.0,
    )
    began = time.process_time()
    for _ in range(200):
        hear(asked)
    assert (time.process_time() - began) / 200 < 0.005
    assert len(kept.uses) == 200
    assert ASKED in kept.uses[0].inputs
