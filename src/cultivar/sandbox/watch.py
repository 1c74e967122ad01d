"""Watching a command run: feeds it, keeps its output, and ends it at the first limit it meets.

The invariant: when `watch` returns, nothing that the command started is alive.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import IO, Protocol, cast

from cultivar.model import EndedBy
from cultivar.record import Record
from cultivar.sandbox.base import Limits
from cultivar.sandbox.transfer import files_allowed

_POLL_SECONDS = 0.02
_FLOOD = 32
"""So many times the output that is kept may be printed before it is a flood."""
_CHUNK = 1 << 16


class Load(Record):
    """What a command uses at one moment, all of its processes together."""

    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    processes: int = 0
    files: int = 0
    disk_bytes: int = 0


class Cage(Protocol):
    """What holds a running command."""

    def load(self) -> Load:
        """What it uses now."""
        ...

    def end(self) -> None:
        """Kill all of it, and return when it is dead."""
        ...


class Watched(Record):
    """A command that is over."""

    returncode: int
    output: bytes
    ended_by: EndedBy
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


class Output:
    """Keeps the first and the last half of what is printed, whatever its length."""

    def __init__(self, kept: int) -> None:
        self._half = max(kept // 2, 1)
        self._head, self._tail = bytearray(), bytearray()
        self.total = 0
        """How much was printed."""

    def add(self, chunk: bytes) -> None:
        """Take more of it."""
        self.total += len(chunk)
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def kept(self) -> bytes:
        """What is kept of it; a line in the middle says how much is not."""
        tail = bytes(self._tail[-self._half :])
        lost = self.total - len(self._head) - len(tail)
        gap = f"\n[… {lost} bytes of output are left out …]\n".encode() if lost else b""
        return bytes(self._head) + gap + tail


def watch(
    process: subprocess.Popen[bytes], cage: Cage, limits: Limits, feed: bytes = b""
) -> Watched:
    """Feed `feed` to the process, and see it to its end."""
    return _Watch(process, cage, limits, feed).run()


class _Watch:
    def __init__(
        self, process: subprocess.Popen[bytes], cage: Cage, limits: Limits, feed: bytes
    ) -> None:
        self._process, self._cage, self._limits = process, cage, limits
        self._feed = memoryview(feed)
        self._output = Output(limits.output_bytes)
        self._ended_by: EndedBy | None = None
        self._peak, self._cpu = 0, 0.0
        self._began = self._next_look = time.monotonic()
        self._selector = selectors.DefaultSelector()

    def run(self) -> Watched:
        over = os.pidfd_open(self._process.pid)
        try:
            self._register(over)
            while self._ended_by is None and not self._turn(over):
                self._ended_by = self._limit_met()
        finally:
            self._selector.close()
            os.close(over)
            self._cage.end()
            cpu = self._reap()
        self._drain()
        return self._told(cpu)

    def _register(self, over: int) -> None:
        stdin, stdout = cast("IO[bytes]", self._process.stdin), self._stdout
        os.set_blocking(stdin.fileno(), False)
        os.set_blocking(stdout.fileno(), False)
        self._selector.register(stdin, selectors.EVENT_WRITE)
        self._selector.register(stdout, selectors.EVENT_READ)
        self._selector.register(over, selectors.EVENT_READ)

    @property
    def _stdout(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _turn(self, over: int) -> bool:
        """Wait for what is next and handle it; says whether the command is over."""
        ready = [key.fileobj for key, _ in self._selector.select(_POLL_SECONDS)]
        if self._process.stdin in ready:
            self._write()
        if self._stdout in ready and not self._read():
            self._selector.unregister(self._stdout)
        return over in ready

    def _write(self) -> None:
        stdin = cast("IO[bytes]", self._process.stdin)
        try:
            written = os.write(stdin.fileno(), self._feed[:_CHUNK])
        except BrokenPipeError:
            written = len(self._feed)
        self._feed = self._feed[written:]
        if not self._feed:
            self._selector.unregister(stdin)
            stdin.close()

    def _read(self) -> bool:
        """Read some output; says whether there may be more."""
        try:
            chunk = os.read(self._stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        self._output.add(chunk)
        return bool(chunk)

    def _limit_met(self) -> EndedBy | None:
        now, limits = time.monotonic(), self._limits
        if self._output.total > _FLOOD * limits.output_bytes:
            return "output"
        if now < self._next_look:
            return None
        self._next_look = now + _POLL_SECONDS
        load = self._cage.load()
        self._peak = max(self._peak, load.memory_bytes)
        self._cpu = max(self._cpu, load.cpu_seconds)
        files = files_allowed(limits.disk_bytes)
        met: dict[EndedBy, bool] = {
            "wall": now - self._began > limits.wall_seconds,
            "memory": load.memory_bytes > limits.memory_bytes,
            "cpu": load.cpu_seconds > limits.cpu_seconds,
            "disk": load.disk_bytes > limits.disk_bytes or load.files > files,
            "processes": load.processes > limits.processes,
        }
        return next((limit for limit, is_met in met.items() if is_met), None)

    def _drain(self) -> None:
        """Take what is still in the pipe; whoever could write to it is dead."""
        while self._output.total <= _FLOOD * self._limits.output_bytes and self._read():
            pass
        self._stdout.close()
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()

    def _reap(self) -> float:
        """Wait for the process; returns its seconds of CPU."""
        try:
            _, status, used = os.wait4(self._process.pid, 0)
        except ChildProcessError:  # whoever embeds us reaps all children
            self._process.wait()
            return 0.0
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return used.ru_utime + used.ru_stime

    def _told(self, cpu: float) -> Watched:
        return Watched(
            returncode=self._process.returncode,
            output=self._output.kept(),
            ended_by=self._ended_by or "exit",
            wall_seconds=time.monotonic() - self._began,
            cpu_seconds=max(self._cpu, cpu),
            peak_bytes=self._peak,
        )
