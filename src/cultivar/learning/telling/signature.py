"""What is told of a failure pattern."""

from __future__ import annotations

from cultivar.record import Record


class FailureSignature(Record):
    """A failure pattern, in words that may travel; see `sieve`."""

    id: str = ""
    """By which `failures` names it."""
    signature: str = ""
    check: str = ""
    language: str = ""
