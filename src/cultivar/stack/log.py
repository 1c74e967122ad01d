"""One log of all parts: every line with its time and its part's name, shown, and kept in a file."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue
from typing import IO, Final

from cultivar.record import Record

TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How a time is written, in UTC."""

TIMED: Final = "CULTIVAR_TIMED"
"""The variable that tells a part that its lines get their time here."""

LAST: Final = 20
"""How many lines of each part are remembered."""


class Line(Record):
    """What a part said."""

    at: datetime
    part: str
    text: str


_NOT_SHOWN: Final = 10_000
"""How many lines wait to be shown, at most; what comes then is only in the file."""

_LAST_SECONDS: Final = 1.0
"""How long the end waits for what is not shown yet."""


class Log:
    """Takes lines from any thread; what it cannot show or keep, it lets go.

    A stack neither ends nor waits for its log: not when its terminal is closed or held, and not on
    a full disk.

    Args:
        path: The file; readable by its owner alone.
        show: Shows a line to people; it is called from a thread of its own.
        redact: Masks secrets.
        limit: How many bytes the file may have; then it becomes `NAME.1`, and a new one begins.
    """

    def __init__(
        self,
        path: Path,
        show: Callable[[Line], object],
        redact: Callable[[str], str] = str,
        limit: int = 5_000_000,
    ) -> None:
        self.path = path
        self._redact, self._limit = redact, limit
        self._screen, self._lock = _Screen(show), threading.Lock()
        self._last = defaultdict[str, deque[str]](_few)
        self._file: IO[str] | None = None

    def write(self, part: str, text: str) -> None:
        """Take a line of a part."""
        line = Line(at=datetime.now(UTC), part=part, text=_clean(self._redact(text)))
        with self._lock:
            self._last[part].append(line.text)
            self._screen.write(line)
            with suppress(OSError, ValueError):
                self._keep(line)

    def last(self, part: str, lines: int = LAST) -> tuple[str, ...]:
        """What a part said last."""
        with self._lock:
            return tuple(self._last[part])[-lines:]

    def close(self) -> None:
        """Show what is not shown yet, and close the file."""
        self._screen.close()
        with self._lock, suppress(OSError):
            if self._file is not None:
                self._file.close()
                self._file = None

    def _keep(self, line: Line) -> None:
        file = self._file = self._file or _opened(self.path)
        file.write(f"{line.at:{TIME}} {line.part} | {line.text}\n")
        file.flush()
        if file.tell() >= self._limit:
            file.close()
            self._file = None
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))


class _Screen:
    """Shows lines in a thread of its own."""

    def __init__(self, show: Callable[[Line], object]) -> None:
        self._show = show
        self._lines: Queue[Line | None] = Queue(_NOT_SHOWN)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def write(self, line: Line | None) -> None:
        with suppress(Full):
            self._lines.put_nowait(line)

    def close(self) -> None:
        self.write(None)
        self._thread.join(_LAST_SECONDS)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError, ValueError):
                self._show(line)


def _few() -> deque[str]:
    return deque(maxlen=LAST)


def _opened(path: Path) -> IO[str]:
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8", errors="replace")


def _clean(text: str) -> str:
    """`text` without what could take over the terminal of whoever reads it."""
    return "".join(each if each.isprintable() or each == "\t" else "�" for each in text)
