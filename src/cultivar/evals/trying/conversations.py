"""A use of a prompt as it is written down, and read again to be repeated.

The invariant: a conversation that is repeated is the one that was, but for what the prompt says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from msgspec import ValidationError, convert, to_builtins

from cultivar.llm.base import Asked, Message, Said, Speaker, Turn
from cultivar.model import Json
from cultivar.record import Record, field

ASKED: Final = "__asked__"
"""The key among a prompt's variables under which it stands what else was said, and to what end."""


class Turned(Record):
    """One turn of a conversation; the prompt's own says nothing yet."""

    role: Speaker
    content: str | None = None
    prompt: str = ""
    """The name of the prompt that said it; empty where it was data."""
    version: str = ""
    """The tree hash of that prompt."""


class Conversation(Record):
    """What stood around a prompt, and what the reply had to fit."""

    purpose: str
    turns: tuple[Turned, ...]
    schema_name: str
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def messages(self, said: str) -> tuple[Message, ...]:
        """All of it, where the prompt says `said`."""
        return tuple(
            Message(role=each.role, content=said if each.content is None else each.content)
            for each in self.turns
        )


def inputs_of(asked: Asked, own: Said) -> Mapping[str, Json]:
    """The variables of a prompt, with all that it takes to ask the same again.

    Args:
        asked: What was asked.
        own: The prompt's own turn in it.
    """
    facts = cast("Mapping[str, Json]", _plain(dict(own.facts)))
    turns = tuple(_turned(each, own) for each in asked.turns)
    talk = Conversation(
        purpose=asked.purpose, turns=turns, schema_name=asked.schema_name, schema=asked.schema
    )
    return {**facts, ASKED: cast("Json", _plain(talk))}


def conversation_of(inputs: Mapping[str, Json]) -> Conversation | None:
    """What stood around a prompt; None where its variables do not say."""
    if ASKED not in inputs:
        return None
    try:
        return convert(inputs[ASKED], Conversation)
    except ValidationError:
        return None  # it was too large to be kept whole, or somebody made it up


def data_of(inputs: Mapping[str, Json]) -> Mapping[str, Json]:
    """What a use was about: the variables, and what others than prompts said."""
    talk = conversation_of(inputs)
    said = [each.content for each in talk.turns if not each.prompt] if talk else []
    return {**variables_of(inputs), ASKED: said}


def variables_of(inputs: Mapping[str, Json]) -> Mapping[str, Json]:
    """The variables alone."""
    return {name: value for name, value in inputs.items() if name != ASKED}


def content_of(turn: Turn) -> str:
    """What a turn says; nothing where its prompt cannot be rendered."""
    return "" if isinstance(turn, Said) and not turn.is_readable else turn.content


def _turned(turn: Turn, own: Said) -> Turned:
    content = None if turn is own else content_of(turn)
    if not isinstance(turn, Said):
        return Turned(role=turn.role, content=content)
    prompt = turn.prompt
    return Turned(
        role=turn.role, content=content, prompt=prompt.artifact.name, version=prompt.tree.hash
    )


_plain = partial(to_builtins, str_keys=True, enc_hook=repr)
"""Records, and whatever a prompt was given, as JSON has it."""
