"""The file of the local bus: SQLite, written to by all processes of the machine that use it."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cultivar.bus.base import BusUnavailableError
from cultivar.bus.onfile.watching import Watch
from cultivar.ownership import make_private

Found = TypeVar("Found")

_BUSY_SECONDS = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, subject TEXT NOT NULL,
    id TEXT, headers TEXT NOT NULL, data BLOB NOT NULL, stored_at REAL NOT NULL,
    UNIQUE (stream, id)
);
CREATE INDEX IF NOT EXISTS messages_in_order ON messages (stream, sequence);
CREATE INDEX IF NOT EXISTS messages_by_age ON messages (stream, stored_at);
CREATE TABLE IF NOT EXISTS consumers (
    stream TEXT NOT NULL, durable TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (stream, durable)
);
CREATE TABLE IF NOT EXISTS owners (
    stream TEXT NOT NULL, durable TEXT NOT NULL, owner TEXT NOT NULL,
    PRIMARY KEY (stream, durable)
);
CREATE TABLE IF NOT EXISTS deliveries (
    stream TEXT NOT NULL, durable TEXT NOT NULL, sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL, due REAL NOT NULL,
    PRIMARY KEY (stream, durable, sequence)
);
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, headers TEXT NOT NULL, data BLOB NOT NULL,
    until REAL NOT NULL, taken INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS requests_by_sender ON requests (taken, subject, until);
CREATE TABLE IF NOT EXISTS replies (
    request TEXT NOT NULL, number INTEGER NOT NULL, headers TEXT NOT NULL, data BLOB NOT NULL,
    until REAL NOT NULL, PRIMARY KEY (request, number)
);
"""


class BusFile:
    """The open file; what one process changes, the others see within some milliseconds.

    Args:
        path: The file; it is made if it is missing, readable by its owner alone.

    Raises:
        BusUnavailableError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._news = threading.Condition()
        self._changes = 0
        self._watch = Watch(path, self.wake)
        with self._explained():
            make_private(path)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)

    @contextmanager
    def changing(self) -> Generator[sqlite3.Connection]:
        """A transaction that writes; kept when the block ends well, else undone.

        Raises:
            BusUnavailableError: The file does not take it.
        """
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        self._watch.hasten()
        self.wake()

    def wake(self) -> None:
        """Have all who wait look again."""
        with self._news:
            self._changes += 1
            self._news.notify_all()

    def look(self, query: str, *values: object) -> list[Any]:
        """The rows that a query finds.

        Raises:
            BusUnavailableError: The file cannot be read.
        """
        with self._lock, self._explained():
            return self._connection.execute(query, values).fetchall()

    def wait_for(
        self, find: Callable[[], Found | None], seconds: float, interval: float = math.inf
    ) -> Found | None:
        """What `find` finds, looking again at every change and every `interval` seconds.

        Args:
            find: Looks; None says that there is nothing yet.
            seconds: After how long to give up.
            interval: How often to look without a change, where time alone brings something.
        """
        until = time.monotonic() + seconds
        with self._watch.awaited():
            seen = self._changes
            while (found := find()) is None:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                seen = self._next_change(seen, min(interval, left))
        return found

    def _next_change(self, seen: int, seconds: float) -> int:
        with self._news:
            self._news.wait_for(lambda: self._changes != seen, seconds)
            return self._changes

    def close(self) -> None:
        """Close the file."""
        self._watch.close()
        with self._lock:
            self._connection.close()
        self.wake()

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise BusUnavailableError(
                f"The local bus `{self.path}` does not work: {error}.",
                "Make its folder writable, with room on the disk, or set `bus.url`.",
            ) from error
