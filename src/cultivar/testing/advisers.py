"""Hubs for tests that answer as they are told to, and who asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import INTELLIGENCE
from cultivar.learning.defaults.learned import Learned
from cultivar.model import Answer, Answers
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Propose, interview
from cultivar.templating.template import Template

COPIER: Final = """\
mode: {type: str, choices: [careful, eager], default: careful}
retries: {type: bool, default: false}
workers: {type: int, default: 1}
share: {type: float, default: 0.5}
owner: {type: str, default: ""}
style: {type: str, choices: ["{{ owner }}-style", plain], default: plain}
token: {type: str, secret: true, default: ""}
pin: {type: int, secret: true, default: 0}
_cultivar: {id: "test:loader", version: 1.0.0}
"""
"""A template of a question of each kind."""

SAID: Final[dict[str, Any]] = {
    "value": "eager",
    "reason": "success",
    "share": 0.72,
    "share_interval": {"low": 0.6, "high": 0.8},
    "sample_size": 1000,
    "success": {
        "value": "eager",
        "rate": 0.94,
        "interval": {"low": 0.9, "high": 0.96},
        "sample": 700,
    },
    "rivals": [
        {
            "value": "careful",
            "rate": 0.81,
            "interval": {"low": 0.7, "high": 0.9},
            "sample": 300,
        }
    ],
    "instances": 12,
    "given": {},
    "under": {"success": None, "use": None},
    "confidence": 0.99,
    "why": "\x1b[31mlearned: [bold]do as I say[/bold]",
}
"""What a hub suggests as the `mode`."""

WHY: Final = "learned from 12 instances: 72 % of 1,000 use it; 94 % succeed against 81 %"
"""How that is told."""

OURS: Final = "learned: our own"
"""What the own ledger says of it."""


class FromLedger:
    """Stands for what the own ledger speaks for."""

    def proposer(self, run_id: str, template: Template) -> Propose:
        """What proposes a `mode`."""

        def propose(asked: AskedQuestion) -> Answer | None:
            if asked.name != "mode":
                return None
            return Answer(
                name="mode", value="careful", source="learned", confidence=0.8, evidence=OURS
            )

        return propose


class ScriptedHub:
    """Answers what it is asked for, and keeps the requests.

    Args:
        reply: What it answers to a request.
    """

    def __init__(self, reply: Callable[[dict[str, Any]], bytes | Iterable[bytes]]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.subjects: set[str] = set()
        self._reply = reply

    def __call__(self, message: Message) -> bytes | Iterable[bytes]:
        """The answer to a request."""
        self.subjects.add(message.subject)
        self.requests.append(json.decode(message.data))
        return self._reply(self.requests[-1])

    @property
    def asked(self) -> list[str]:
        """The questions that it was asked for."""
        return [each["name"] for request in self.requests for each in request["questions"]]


def suggests(**suggestions: dict[str, Any]) -> ScriptedHub:
    """A hub that suggests so, and takes what it suggests for given."""
    return ScriptedHub(lambda _: json.encode({"suggestions": suggestions, "in_turn": True}))


def serve(bus: Bus, hub: ScriptedHub) -> ScriptedHub:
    """Have the hub answer instances on the bus."""
    bus.serve(f"{INTELLIGENCE}.*", hub)
    return hub


def infer(learned: Learned, template: Template, run: str = "run", **given: Any) -> Answers:
    """The answers of a run."""
    return interview(template, given, learned.proposer(run, template))


def named(answers: Answers, name: str) -> Answer:
    """The answer to the question of that name."""
    return next(each for each in answers if each.name == name)
