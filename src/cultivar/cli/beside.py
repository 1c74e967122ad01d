"""The ledger of a command, loading in a process of its own while this one loads the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cultivar.ledger.served import LedgerProcess, pays

_USING: Final = frozenset({"generate", "resume", "upgrade"})
"""The commands that need the ledger, and much else before it."""

_HELP: Final = frozenset({"-h", "--help"})
_begun: list[LedgerProcess] = []


def begin(given: Sequence[str]) -> None:
    """Start the process, where the command line `given` will need it."""
    if given and given[0] in _USING and _HELP.isdisjoint(given) and pays():
        _begun.append(LedgerProcess())


def taken() -> dict[type[Any], object]:
    """The process that was started, for whoever opens the ledger now."""
    return {LedgerProcess: _begun.pop()} if _begun else {}
