"""A process of the stack with all that it starts: heard, ended, and leaving nobody behind.

The invariant: where it ends, its whole process group ends, and where we end, however that happens,
it ends too (on Linux).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from msgspec import DecodeError, json

from cultivar.stack import tied
from cultivar.stack.parts import Announced, Part

_TIED: Final = (sys.executable, "-I", "-S", str(Path(tied.__file__)))
"""Starts what follows so that it does not outlive us; without `site` it takes some 20 ms."""

_LONGEST_LINE: Final = 16_384
"""Bytes of a line; a longer one is told in pieces."""

_LONGEST_ANNOUNCEMENT: Final = 100
"""Lines of what a part says of itself, at most."""

_LAST_WORDS: Final = 2.0
"""Seconds that the output of a process is waited for after its end."""

Tell = Callable[[str], None]
"""Takes a line."""


class Running:
    """A part's process. It is to be started by the thread that lives as long as the stack does.

    Linux ends it with the *thread* that started it.

    Args:
        part: What to start.
        tell: Takes each line of its output.
        ended: Is called, from another thread, when it has ended and all that it said was told.
    """

    def __init__(self, part: Part, tell: Tell, ended: Callable[[Running], None]) -> None:
        self._process = subprocess.Popen(
            [*_TIED, str(os.getpid()), *part.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(part.environment),
            start_new_session=True,
        )
        self._signalling = threading.Lock()
        self._announcement = _Announcement(tell)
        self._readers = [
            _thread(_read, self._process.stdout, self._announcement),
            _thread(_read, self._process.stderr, tell),
        ]
        _thread(self._await_end, ended)

    @property
    def pid(self) -> int:
        """The number of the process, and of its group."""
        return self._process.pid

    @property
    def announced(self) -> Announced:
        """What it said of itself; empty until it did."""
        return self._announcement.said

    @property
    def outcome(self) -> str:
        """How it ended, in words; empty while it runs."""
        code = self._process.returncode
        if code is None:
            return ""
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    @property
    def code(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, if the process has not ended."""
        with self._signalling:
            if self._process.returncode is None:
                _signal_group(self.pid, number)

    def _await_end(self, ended: Callable[[Running], None]) -> None:
        if sys.platform == "linux":
            # Not reaped yet, its number is nobody else's: so none but its own group is killed.
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        with self._signalling:
            _signal_group(self.pid, signal.SIGKILL)
            self._process.wait()
        for each in self._readers:
            each.join(_LAST_WORDS)
        ended(self)


class _Announcement:
    """Reads the JSON that a part begins its output with; what else it says, is told.

    It is a line of its own, or begins with `{` on a line of its own.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lines: list[str] = []
        self.said: Mapping[str, Any] = {}

    def __call__(self, line: str) -> None:
        if self.said or not (self._lines or line.startswith("{")):
            self._tell(line)
            return
        self._lines.append(line)
        try:
            said = json.decode("\n".join(self._lines), type=dict[str, Any])
        except DecodeError:
            if self._lines[0] != "{" or len(self._lines) > _LONGEST_ANNOUNCEMENT:
                self._let_go()
        else:
            self._lines.clear()
            self._take(said)

    def _take(self, said: Mapping[str, Any]) -> None:
        match said:
            case {"error": {"what": what, "remedy": remedy}}:  # so our commands fail with `--json`
                self._tell(f"{what} {remedy}".strip())
            case _:
                self.said = said

    def _let_go(self) -> None:
        for each in self._lines:
            self._tell(each)
        self._lines.clear()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the second of dead ones
        os.killpg(group, number)


def _read(stream: IO[bytes], tell: Tell) -> None:
    with stream, suppress(ValueError):
        while line := stream.readline(_LONGEST_LINE):
            tell(line.decode("utf-8", "replace").rstrip("\r\n"))


def _thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
