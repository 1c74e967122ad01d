"""What an instance has to tell others of its generations, and has not told yet.

The invariant: what is to be told of a generation is kept in the transaction that records it, and
is there until somebody who has passed it on says so. It may be passed on more than once, so who
receives it goes by the generation's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from cultivar.model import Generation
from cultivar.record import Record


class SeenPattern(Record):
    """A failure pattern that a generation's attempts showed."""

    id: str
    signature: str
    check: str
    language: str


Telling: TypeAlias = Callable[[Generation, Sequence[SeenPattern]], bytes]
"""Makes what is told of a generation, given the failure patterns that its attempts showed.

It takes any, for an error keeps the generation from being recorded.
"""


class Outgoing(Record):
    """What is to be told of one generation."""

    sequence: int
    """Its place in the order in which generations were recorded; no other ever has it."""
    generation_id: str
    payload: bytes


class Parked(Record):
    """What could not be told, and is out of the way of the rest."""

    outgoing: Outgoing
    reason: str
    """Why, in words."""


class Outbox(Protocol):
    """What is to be told, in the order in which generations were recorded."""

    def pending(self, instance_id: str, limit: int = 200) -> tuple[Outgoing, ...]:
        """The first of what this instance has to tell, without what is parked.

        Several instances may share a ledger: each tells what it made itself.
        """
        ...

    def published(self, sequences: Iterable[int]) -> None:
        """Forget what was told; what is forgotten already stays so."""
        ...

    def park(self, sequence: int, reason: str) -> None:
        """Put it out of the way of the rest, where `parked` shows it.

        Args:
            sequence: Which.
            reason: Why it cannot be told, in words.
        """
        ...

    def parked(self, instance_id: str) -> tuple[Parked, ...]:
        """What this instance cannot tell, in order."""
        ...

    def waiting(self, instance_id: str) -> int:
        """How much this instance has to tell, without what is parked."""
        ...

    def unpark(self, instance_id: str) -> None:
        """Let what this instance could not tell wait with the rest again, in its old place."""
        ...
