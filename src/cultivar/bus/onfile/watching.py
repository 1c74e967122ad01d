"""Sees that another process has changed the file; often while there is traffic, seldom without.

A look reads one counter of SQLite's. One thread looks for all who wait in this process, and none
while nobody does.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

_SHORTEST: Final = 0.001
_LONGEST: Final = 0.01
"""Seconds between looks: right after a change, and where nothing has changed for a while."""

_PATIENCE: Final = 0.1
"""The next look comes after this part of the time in which nothing has changed."""


class Watch:
    """Looks at a file, while somebody waits for a change of it.

    Args:
        path: The file.
        changed: Is told of each change, in the thread that looks.
    """

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self._path, self._changed = path, changed
        self._state = threading.Condition()
        self._last = 0.0
        self._waiting = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def awaited(self) -> Generator[None]:
        """Look for as long as the block takes."""
        with self._state:
            self._waiting += 1
            self._begin()
            self._state.notify()
        try:
            yield
        finally:
            with self._state:
                self._waiting -= 1

    def hasten(self) -> None:
        """Look often from now on: we have changed the file, so an answer may come."""
        with self._state:
            self._last = time.monotonic()
            self._state.notify()

    def close(self) -> None:
        """Look no more."""
        with self._state:
            self._is_closed = True
            self._state.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _begin(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="bus-watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        known: object = None
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            while self._pause():
                seen = _version(connection)
                if seen != known:
                    known, self._last = seen, time.monotonic()
                    self._changed()

    def _pause(self) -> bool:
        """Wait until it is time for a look; False where there is none any more."""
        with self._state:
            idle = time.monotonic() - self._last
            self._state.wait(min(_LONGEST, max(_SHORTEST, idle * _PATIENCE)))
            while not self._waiting and not self._is_closed:
                self._state.wait()
            return not self._is_closed


def _version(connection: sqlite3.Connection) -> object:
    """Another value after each change; None where it cannot be read, which who waits will see."""
    with suppress(sqlite3.Error):
        return connection.execute("PRAGMA data_version").fetchone()[0]
    return None
