"""A workspace whose generator asks a model that needs to be told what it may not assume."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar, load_settings
from cultivar.errors import ReplyError
from cultivar.evolution.toolbox import Recorder
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Artifact, Execution
from cultivar.llm.base import ModelReply, ModelRequest, Provider, ProviderError
from cultivar.record import Record

SLOTS = Artifact(kind="prompt", name="generator/slots")
SYSTEM = Artifact(kind="prompt", name="generator/system")

COPIER = """\
name: {type: str, default: world}
_cultivar:
  id: test:greeting
  version: 1.0.0
"""
GREET = """\
NAME = "{{ name }}"
{# slot: greeting | set `greeting` to what is said #}
greeting = "hello"
{# endslot #}
"""
BEFORE = "Where the task asks for nothing else there, give the default back."
AFTER = f"{BEFORE} Give each body with its path and its slot, in whatever tongue."


class Adviser:
    """A model that forgets the paths of slots where a task is in Greek, unless it is told."""

    name = "adviser"

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.edits: list[dict[str, str]] = [
            {"path": "slots.md.jinja", "search": BEFORE, "replace": AFTER}
        ]
        self.down_for: str = ""

    def complete(self, request: ModelRequest) -> ModelReply:
        if request.purpose == self.down_for:
            raise ProviderError("It is down.", retry=False)
        self.requests.append(request)
        said = "\n".join(each.content for each in request.messages)
        text = self.answer(request.schema_name, said)
        return ModelReply(text=text, model=self.name, money=0.001, seconds=0.01)

    def answer(self, schema: str, said: str) -> str:
        """What it says to all that is said, where a form is asked for."""
        return json.dumps(self._reply(schema, said))

    def _reply(self, schema: str, said: str) -> Any:
        if schema == "InferenceReply":
            return {"answers": []}
        if schema == "EditReply":
            return {"cause": "It forgets.", "change": "asks for the path", "edits": self.edits}
        body = {"body": 'greeting = "moin"'}
        if "Greek" in said and "whatever tongue" not in said:
            return {"bodies": [body]}
        return {"bodies": [{**body, "path": "greet.py", "slot": "greeting"}]}


class Room(Record):
    """The workspace, opened."""

    cultivar: Cultivar
    model: Adviser
    root: Path

    @property
    def file(self) -> Path:
        """Where a better prompt of this workspace stands."""
        return self.root / "agents" / "generator" / "slots.md.jinja"

    def use(self, *tasks: str) -> None:
        """Generate once for each task; what the model spoils is spoilt."""
        for task in tasks:
            with suppress(ReplyError):
                self.cultivar.generate(task, template="test:greeting", output="out", dry_run=True)

    def uses(self, artifact: Artifact = SLOTS) -> tuple[Execution, ...]:
        """What the record says of a prompt, the newest first."""
        services = self.cultivar.services
        services.need(Recorder).flush()
        return services.need(ExecutionLog).executions(ExecutionQuery(artifact=artifact))


@contextmanager
def open_room(root: Path, model: Adviser | None, **settings: Any) -> Generator[Room]:
    """The workspace in a folder, opened; with a model, or without."""
    services: dict[type[Any], object] = {Provider: model} if model else {}
    settings |= {"home": root / ".cultivar"}
    with Cultivar(load_settings(root, **settings), services=services) as cultivar:
        yield Room(cultivar=cultivar, model=model or Adviser(), root=root)


def greeting_in(root: Path) -> Path:
    """The folder `root`, with a template in it that has one slot."""
    folder = root / "templates_data" / "greeting"
    folder.mkdir(parents=True)
    (folder / "copier.yml").write_text(COPIER)
    (folder / "greet.py.jinja").write_text(GREET)
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return greeting_in(tmp_path / "workspace")


@pytest.fixture
def room(root: Path) -> Iterator[Room]:
    with open_room(root, Adviser()) as opened:
        yield opened
