"""Whose a durable consumer is: two who count in places of their own must not share its messages.

An owner is a text; its first word says who it is, the rest where, for people.
"""

from __future__ import annotations

from cultivar.bus.base import BusUnavailableError


class OwnedError(BusUnavailableError):
    """A durable consumer belongs to somebody else.

    Args:
        durable: Its name.
        owner: Whose it is.
    """

    def __init__(self, durable: str, owner: str) -> None:
        super().__init__(
            f"What {durable!r} consumes on this bus belongs to `{_about(owner)}`.",
            "Consume under another name, or end that one and take it over.",
        )
        self.durable, self.owner = durable, owner

    @property
    def about(self) -> str:
        """Where the owner is, for people."""
        return _about(self.owner)

    def __reduce__(self) -> tuple[type[OwnedError], tuple[str, str]]:
        return OwnedError, (self.durable, self.owner)


def is_another_s(owner: str, ours: str) -> bool:
    """Whether it is the consumer of somebody who is not us; empty is nobody."""
    return bool(owner) and bool(ours) and owner.split()[0] != ours.split()[0]


def _about(owner: str) -> str:
    return owner.partition(" ")[2] or owner
