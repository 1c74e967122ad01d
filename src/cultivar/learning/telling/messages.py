"""What instances tell each other of generations: JSON, as the first system publishes it.

The invariant: only closed answers travel, unless the instance opted in; of a failure only its
signature does; secrets, paths and code never do.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from msgspec import DecodeError, json, to_builtins

from cultivar.learning.telling.signature import FailureSignature
from cultivar.ledger.outgoing import SeenPattern
from cultivar.ledger.tallying import Seen, observation_of
from cultivar.model import Answer, Generation
from cultivar.record import Record, field, replace
from cultivar.schema import MisfitError, read_as

_LONGEST: Final = 200
"""Of an id, a version or the name of a question, in characters."""

_MOST: Final = 200
"""Answers in one message."""

_COUNTED: Final = (bool, int, float, str)
"""The types of the answers that are counted."""

_MOST_FAILURES: Final = 20
"""Failure patterns that are told of one generation."""

UNTIMED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a generation was made that says no time, or one that no clock shows."""

_FARTHEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


# The hub has thousands of them in hand, and none is ever part of a cycle.
class GenerationMessage(Record, gc=False):
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
    signatures: tuple[FailureSignature, ...] = ()
    """What is known of these."""


def message_of(
    generation: Generation, patterns: Sequence[SeenPattern] = (), *, open_answers: bool = False
) -> GenerationMessage:
    """What is published of a generation.

    Args:
        generation: As it is recorded.
        patterns: What the ledger knows of the failure patterns that its attempts showed.
        open_answers: Whether answers in a person's own words go along; secrets never do.
    """
    observed = observation_of(generation)
    told = [each for each in generation.answers if _travels(each, open_answers=open_answers)]
    names = {each.name for each in told[:_MOST]}
    travelling = _signatures(patterns)
    shown = {p for each in generation.attempts for p in each.patterns}
    named = {travelling[p].id if p in travelling else p for p in shown}
    failures = sorted(each for each in named if len(each) <= _LONGEST)[:_MOST_FAILURES]
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
        failures=tuple(failures),
        signatures=_named(travelling.values(), failures),
    )


def payload_of(
    generation: Generation, patterns: Sequence[SeenPattern] = (), *, open_answers: bool = False
) -> bytes:
    """What is published of a generation, as it travels; of any, whatever is in it.

    Args:
        generation: As it is recorded.
        patterns: What the ledger knows of the failure patterns that its attempts showed.
        open_answers: Whether answers in a person's own words go along; secrets never do.
    """
    return encoded(message_of(generation, patterns, open_answers=open_answers))


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
    found = _read(data)
    if sender and found.instance_id not in {"", sender}:
        raise ValueError(f"{sender!r} claims to be {found.instance_id!r}")
    _refuse_odd(found)
    return _complete(found, sender, data)


def seen(message: GenerationMessage) -> Seen:
    """What is counted of a message; answers that are not yes or no, a number or a text are not.

    What says no time, or one that is still to come, is counted as of now.
    """
    now, given = datetime.now(UTC), message.answers.items()
    return Seen(
        template_id=message.template_id,
        template_version=message.template_version,
        instance_id=message.instance_id,
        answers={name: value for name, value in given if isinstance(value, _COUNTED)},
        chosen=message.answers if message.chosen is None else message.chosen,
        success=message.success,
        at=min(message.generated_at or now, now),
    )


def made_at(message: GenerationMessage) -> datetime:
    """When a generation was made, by the message alone: a repeat of it says the same."""
    said = message.generated_at
    return UNTIMED if said is None or said > _FARTHEST else said


def _signatures(patterns: Sequence[SeenPattern]) -> dict[str, FailureSignature]:
    """What may be told of each failure pattern, by the id that it has here."""
    if not patterns:
        return {}
    from cultivar.learning.telling.sieve import signature_of  # what it needs is slow to load

    return {each.id: signature_of(each) for each in patterns}


def _named(
    signatures: Iterable[FailureSignature], failures: Sequence[str]
) -> tuple[FailureSignature, ...]:
    """The signatures of these failures, each once: here two may differ in what does not travel."""
    found = {each.id: each for each in signatures}
    return tuple(found[name] for name in failures if name in found)


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


_decoder: Final = json.Decoder(GenerationMessage, strict=False)


def _read(data: bytes) -> GenerationMessage:
    try:
        return _decoder.decode(data)
    except DecodeError:
        return _explained(data)


def _explained(data: bytes) -> GenerationMessage:
    """What does not fit, told as such; that takes twice as long."""
    try:
        return read_as(GenerationMessage, json.decode(data))
    except DecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    except MisfitError as error:
        place = ".".join(map(str, error.misfit.place)) or "it"
        raise ValueError(f"`{place}` is {error.misfit.why}") from error


def _refuse_odd(message: GenerationMessage) -> None:
    """See that nothing in it is longer than the counts take.

    Raises:
        ValueError: Something is.
    """
    names = [message.template_id, message.template_version, message.instance_id, message.id]
    if not message.template_id or len(message.answers) > _MOST:
        raise ValueError("it names no template, or has too many answers")
    if max(len(message.failures), len(message.signatures)) > _MOST:
        raise ValueError("it has too many failures")
    if max(map(len, (*names, *message.answers, *message.failures))) > _LONGEST:
        raise ValueError("an id or a name in it is too long")


def _complete(message: GenerationMessage, sender: str, data: bytes) -> GenerationMessage:
    """The message with its sender and an id; a time without a zone is one of UTC."""
    said = message.generated_at
    has_zone = said is None or said.tzinfo is not None
    if message.id and message.instance_id and has_zone:
        return message
    return replace(
        message,
        instance_id=sender or message.instance_id or "unknown",
        id=message.id or str(uuid.uuid5(uuid.NAMESPACE_OID, data.decode(errors="replace"))),
        generated_at=said.replace(tzinfo=UTC) if said and not has_zone else said,
    )
