"""The subjects and streams of the bus; those of the first system keep their names.

An instance publishes under a subject that ends in its own id. Where the server lets each user
publish under its own id alone (`deploy/nats.conf`), the subject proves who sent a message; what a
message says of its sender does not.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from cultivar.bus.base import Stream

GENERATION = "centralcloud.template.generation"
"""What became of generations; the sender's id may follow."""

INTELLIGENCE = "centralcloud.template.intelligence"
"""Requests to the hub. No stream keeps it: a stream would answer the requests itself."""

INSIGHTS = "singularity.template.insights"
"""What the hub tells everybody."""

MODEL_REQUEST = "llm.request"
"""Requests to the model bridge; the sender's id may follow."""

DEAD_LETTER = "centralcloud.dead_letter"
"""What a consumer could not work off; the consumer's durable name follows."""

_DAY = 86400.0

GENERATIONS_STREAM = Stream(
    name="GENERATIONS", subjects=(GENERATION, f"{GENERATION}.*"), max_age=30 * _DAY
)
INSIGHTS_STREAM = Stream(name="INSIGHTS", subjects=(INSIGHTS,), max_age=_DAY, max_bytes=8 * 2**20)
DEAD_LETTERS_STREAM = Stream(
    name="DEAD_LETTERS", subjects=(f"{DEAD_LETTER}.*",), max_age=90 * _DAY, max_bytes=2**30
)

STREAMS: tuple[Stream, ...] = (GENERATIONS_STREAM, INSIGHTS_STREAM, DEAD_LETTERS_STREAM)
"""All that is kept, and how long."""


def with_dead_letters(streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """The streams, and the one of dead letters, which no bus is without."""
    return tuple(dict.fromkeys((*streams, DEAD_LETTERS_STREAM)))


def subject_of(subject: str, sender: str) -> str:
    """The subject under which `sender` publishes; `sender_of` reads it back.

    Args:
        subject: What it is about, like `GENERATION`.
        sender: The instance's id; what a token cannot hold is written as `%` and two digits.
    """
    token = quote(sender, safe="").replace(".", "%2E")
    return f"{subject}.{token}" if token else subject


def sender_of(subject: str, received: str) -> str:
    """The instance that a message's subject names; empty where it names none.

    Args:
        subject: What it is about, like `GENERATION`.
        received: The subject that the message came on.
    """
    return unquote(received.removeprefix(f"{subject}.")) if received != subject else ""
