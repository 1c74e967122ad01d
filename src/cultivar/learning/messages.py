"""What instances tell each other of generations: JSON, as the first system publishes it.

The invariant: only closed answers travel, unless the instance opted in; of a failure only its
signature does; secrets, paths and code never do.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from msgspec import DecodeError, json, to_builtins

from cultivar.ledger.tallying import Observation, Observed, observation_of
from cultivar.model import Answer, Generation, Json
from cultivar.record import Record, field, replace
from cultivar.schema import MisfitError, read_as

_LONGEST: Final = 200
"""Of an id, a version or the name of a question, in characters."""

_MOST: Final = 200
"""Answers in one message."""


class GenerationMessage(Record):
    """What became of one generation."""

    template_id: str
    template_version: str = "0.0.0"
    instance_id: str = ""
    id: str = ""
    """Of the generation, by which a repeated message is known; made of the rest without one."""
    generated_at: datetime | None = None
    success: bool | None = None
    """None: it was not verified."""
    quality_score: float | None = None
    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    """By question: what was answered, in the order of the questions."""
    chosen: tuple[str, ...] | None = None
    """The questions that a person, the task or a model answered; None: it is not said, so all."""
    failures: tuple[str, ...] = ()
    """The ids of the failure patterns that were seen."""


def message_of(generation: Generation, *, open_answers: bool = False) -> GenerationMessage:
    """What is published of a generation.

    Args:
        generation: As it is recorded.
        open_answers: Whether answers in a person's own words go along; secrets never do.
    """
    observed = observation_of(generation)
    told = [each for each in generation.answers if _travels(each, open_answers=open_answers)]
    names = {each.name for each in told[:_MOST]}
    return GenerationMessage(
        id=generation.id,
        template_id=generation.template.id,
        template_version=generation.template.version,
        instance_id=generation.instance_id,
        generated_at=generation.generated_at,
        success=generation.success,
        quality_score=generation.proof.quality,
        answers={each.name: each.value for each in told[:_MOST]},
        chosen=tuple(e.question for e in observed.answers if e.chosen and e.question in names),
        failures=tuple(sorted({p for each in generation.attempts for p in each.patterns})),
    )


def payload_of(generation: Generation, *, open_answers: bool = False) -> bytes:
    """What is published of a generation, as it travels; of any, whatever is in it.

    Args:
        generation: As it is recorded.
        open_answers: Whether answers in a person's own words go along; secrets never do.
    """
    return encoded(message_of(generation, open_answers=open_answers))


def encoded(message: GenerationMessage) -> bytes:
    """The message as it travels; half a surrogate pair, which JSON cannot say, is a `?`."""
    try:
        return json.encode(message)
    except UnicodeEncodeError:
        return json.encode(_sayable(to_builtins(message)))


def decoded(data: bytes, sender: str = "") -> GenerationMessage:
    """The message that came; keys that we do not know are left alone.

    Args:
        data: JSON.
        sender: Whom the bus proves to have sent it; empty: it is not proven.

    Raises:
        ValueError: It is no such message, or it claims to be from somebody else.
    """
    try:
        found = read_as(GenerationMessage, json.decode(data))
    except DecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    except MisfitError as error:
        place = ".".join(map(str, error.misfit.place)) or "it"
        raise ValueError(f"`{place}` is {error.misfit.why}") from error
    if sender and found.instance_id not in {"", sender}:
        raise ValueError(f"{sender!r} claims to be {found.instance_id!r}")
    _refuse_odd(found)
    return _complete(found, sender, data)


def observed(message: GenerationMessage) -> Observation:
    """What is counted of a message; answers that are not yes or no, a number or a text are not."""
    chosen = set(message.answers if message.chosen is None else message.chosen)
    return Observation(
        template_id=message.template_id,
        template_version=message.template_version,
        instance_id=message.instance_id,
        answers=tuple(
            Observed(question=name, value=cast("Json", value), chosen=name in chosen)
            for name, value in message.answers.items()
            if isinstance(value, bool | int | float | str)
        ),
        success=message.success,
        at=message.generated_at or datetime.now(UTC),
    )


def _travels(answer: Answer, *, open_answers: bool) -> bool:
    shown = not (answer.secret or answer.computed) and (answer.closed or open_answers)
    return shown and len(answer.name) <= _LONGEST


def _sayable(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).items()
        return {_sayable(name): _sayable(each) for name, each in entries}
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in cast("Sequence[object]", value)]
    return value


def _refuse_odd(message: GenerationMessage) -> None:
    """See that nothing in it is longer than the counts take.

    Raises:
        ValueError: Something is.
    """
    names = [message.template_id, message.template_version, message.instance_id, message.id]
    if not message.template_id or len(message.answers) > _MOST:
        raise ValueError("it names no template, or has too many answers")
    if any(len(each) > _LONGEST for each in (*names, *message.answers)):
        raise ValueError("an id or a name in it is too long")


def _complete(message: GenerationMessage, sender: str, data: bytes) -> GenerationMessage:
    """The message with its sender, an id and a time; none is in the future."""
    now = datetime.now(UTC)
    said = message.generated_at or now
    at = min(said if said.tzinfo else said.replace(tzinfo=UTC), now)
    return replace(
        message,
        instance_id=sender or message.instance_id or "unknown",
        id=message.id or str(uuid.uuid5(uuid.NAMESPACE_OID, data.decode(errors="replace"))),
        generated_at=at,
    )
