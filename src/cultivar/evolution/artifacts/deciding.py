"""Lets one at a time decide what becomes of an artifact, also across machines.

The invariant: who decides holds a lock in `home`, which is gone with its process, and a lease in
the ledger, which goes by the name of that `home`. So one that was killed keeps nobody out on its
machine, and others not for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from cultivar.delivery.journal import PATIENCE
from cultivar.errors import UnavailableError, UsageError
from cultivar.evolution.artifacts.notes import Notes
from cultivar.ledger.improvements import Leases
from cultivar.lifecycle import Artifact
from cultivar.record import Record

_HELD_SECONDS: Final = 60.0
"""How long a machine that went away keeps others out."""

_RENEWED_SECONDS: Final = 20.0
_PAUSE: Final = 0.1


class UndecidedError(UsageError):
    """Somebody else decides about the artifact right now."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(
            f"Somebody else decides about {artifact.id} right now.",
            f"Look at what comes of it with `cultivar experiments`; of a machine that went away, "
            f"wait {_HELD_SECONDS:g} seconds.",
        )
        self.args = (artifact,)


class Deciding(Record):
    """Keeps others from deciding about an artifact meanwhile.

    Args:
        leases: The ledger's.
        notes: Those in the user's home.
    """

    leases: Leases
    notes: Notes

    @contextmanager
    def alone(self, artifact: Artifact, patience: float = PATIENCE) -> Generator[None]:
        """Nobody else decides about the artifact meanwhile.

        Args:
            artifact: Which.
            patience: Seconds to wait for whoever does now.

        Raises:
            UndecidedError: Somebody does, and does not come to an end.
            WriteError: Nothing can be noted in `home`.
        """
        deadline = time.monotonic() + patience
        name = f"decide {artifact.id}"
        with ExitStack() as stack:
            holder = stack.enter_context(self.notes.decider(artifact, patience))
            if holder is None or not self._taken(name, holder, deadline):
                raise UndecidedError(artifact)
            stack.callback(self._give_back, name, holder)
            stack.enter_context(self._renewed(name, holder))
            yield

    def _taken(self, name: str, holder: str, deadline: float) -> bool:
        while not self.leases.take(name, holder, _HELD_SECONDS):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def _give_back(self, name: str, holder: str) -> None:
        with suppress(UnavailableError):  # it ends by itself
            self.leases.give_back(name, holder)

    @contextmanager
    def _renewed(self, name: str, holder: str) -> Generator[None]:
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(_RENEWED_SECONDS):
                with suppress(UnavailableError):
                    self.leases.take(name, holder, _HELD_SECONDS)

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
