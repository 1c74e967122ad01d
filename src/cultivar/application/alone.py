"""Lets one run of `improve` at a time work on a ledger.

A lock in `home` tells whether one is at work on this machine, and is gone with its process; a lease
in the ledger tells of other machines. The invariant: who holds both goes on as long as nobody else
has the lease, and works no further step once somebody has.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cultivar.errors import StoreUnavailableError, UnavailableError, UsageError
from cultivar.ledger.improvements import Leases
from cultivar.ownership import make_private

LEASE: Final = "improve"
"""What one run at a time holds."""

LOCK: Final = "improve.lock"
"""The file in `home` that who works has locked; in it is the name of who works here."""

_HELD_SECONDS: Final = 60.0
"""How long a machine that went away keeps others out."""

_RENEWED_SECONDS: Final = 20.0


class AtWorkError(UsageError):
    """Another run of `improve` is at work on this ledger."""

    def __init__(self) -> None:
        super().__init__(
            "Another run of `improve` is at work on this ledger.",
            f"Wait for its end; of a machine that went away, {_HELD_SECONDS:g} seconds.",
        )
        self.args = ()


class Alone:
    """Keeps others out while it is held.

    Args:
        leases: The ledger's.
        home: The folder of this machine where the lock is.
    """

    def __init__(self, leases: Leases, home: Path) -> None:
        self._leases, self._home = leases, home
        self._lost = False

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep others out, and renew that while the work goes on.

        Raises:
            AtWorkError: Somebody else is at work.
            StoreUnavailableError: The ledger does not answer, or `home` cannot be written to.
        """
        with _locked(self._home / LOCK) as holder:
            if not self._leases.take(LEASE, holder, _HELD_SECONDS):
                raise AtWorkError
            try:
                with self._renewed(holder):
                    yield
            finally:
                with suppress(UnavailableError):  # it ends by itself
                    self._leases.give_back(LEASE, holder)

    def refuse_lost(self) -> None:
        """See that nobody else is at work.

        Raises:
            AtWorkError: Somebody is, since this machine could not be heard for too long.
        """
        if self._lost:
            raise AtWorkError

    @contextmanager
    def _renewed(self, holder: str) -> Generator[None]:
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(_RENEWED_SECONDS):
                with suppress(UnavailableError):  # who works on finds out, and says so
                    if not self._leases.take(LEASE, holder, _HELD_SECONDS):
                        self._lost = True  # and stays so: somebody worked meanwhile
                        return

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()


@contextmanager
def _locked(file: Path) -> Generator[str]:
    """Lock a file for as long as this process lives; the name of who works here is in it."""
    opened = _opened(file)
    try:
        _lock(opened)
        yield _name_in(opened)
    finally:
        os.close(opened)


def _lock(opened: int) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AtWorkError from error


def _opened(file: Path) -> int:
    try:
        make_private(file)
        return os.open(file, os.O_RDWR)
    except OSError as error:
        raise StoreUnavailableError(
            f"`{file}` cannot be opened: {error.strerror}.",
            "Make the folder writable, or set another `home`.",
        ) from error


def _name_in(opened: int) -> str:
    """The name in a file; it is given where there is none yet."""
    known = os.pread(opened, 64, 0).decode("ascii", "replace").strip()
    if known:
        return known
    name = str(uuid.uuid4())
    with suppress(OSError):  # on a full disk it holds for this time
        os.pwrite(opened, name.encode(), 0)
    return name
