"""Starts the parts of a stack in order, keeps them running, and stops them in reverse order.

All that happens is an event in one queue, and one thread handles them one by one: the thread that
calls `run`, which has to be one that lives as long as its process.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from cultivar.record import Record
from cultivar.stack.log import Log
from cultivar.stack.parts import NotReadyError, Part, PartError, Place, ordered
from cultivar.stack.running import Running

_NAME: Final = "up"
"""Under which the supervisor itself speaks."""

_LOOK_SECONDS: Final = 0.1
"""Between two looks at whether a part is ready."""

_LINES: Final = 10
"""How many of a part's last lines an error shows."""

_AT_ONCE: Final = 5.0
"""Seconds in which a process ends that was killed."""

_HOPELESS: Final = frozenset({2, 4})
"""Exit codes of ours that say: it will not work the next time either."""

Event: TypeAlias = Callable[[], None]
"""Something that happened, as what is to be done about it."""


class Started(Record):
    """A part that is ready."""

    name: str
    pid: int | None
    """Of its process; None for a service elsewhere."""
    place: Place


class _StoppedError(Exception):
    """Somebody said to stop."""


class Supervisor:
    """Runs a stack.

    Args:
        parts: What it consists of, in any order.
        log: Takes what the parts say, and what becomes of them.
        on_ready: Is called when all are ready, and again when one that crashed is ready again.

    Raises:
        UsageError: Parts need each other.
    """

    def __init__(
        self, parts: Sequence[Part], log: Log, on_ready: Callable[[tuple[Started, ...]], None]
    ) -> None:
        self._lives = [_Life(each) for each in ordered(parts)]
        self._log, self._on_ready = log, on_ready
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._has_started = self._hurries = False
        self._is_ending = threading.Event()

    def run(self) -> None:
        """Start all parts, and keep them running until `stop` is called.

        Raises:
            PartError: One does not start, or crashed too often; the others were stopped.
        """
        try:
            for life in self._lives:
                self._start(life)
                self._go_on(until=life.has_been_ready)
            self._has_started = True
            self._tell_ready()
            self._go_on(until=self._is_ending.is_set)
        except _StoppedError:
            self._say("stopping")
        finally:
            self._end()

    def stop(self) -> None:
        """Let `run` stop all parts; called once more, it kills what has not stopped.

        It may be called from a signal's handler, and from any thread.
        """
        self._events.put(self._told_to_stop)

    def _go_on(self, until: Callable[[], bool]) -> None:
        while not until():
            due = [each.due for each in self._lives if each.due is not None]
            self._handle(min(due) - time.monotonic() if due else None)
            for life in self._lives:
                if life.due is not None and life.due <= time.monotonic():
                    self._start(life)

    def _handle(self, seconds: float | None) -> None:
        """Handle the next event, if one comes in time."""
        try:
            event = self._events.get(timeout=None if seconds is None else max(seconds, 0))
        except Empty:
            return
        event()

    def _start(self, life: _Life) -> None:
        part, life.due = life.part, None
        if part.command:
            tell = partial(self._hear, part)
            try:
                life.running = Running(part, tell, self._tell_end(life))
            except OSError as error:  # of a machine that is short of something
                self._has_crashed(life, str(error))
                return
        self._say(f"{part.name}: waiting for {part.ready.awaited}")
        watching = (life, life.running, time.monotonic() + part.ready_within)
        threading.Thread(target=self._watch, args=watching, daemon=True).start()

    def _hear(self, part: Part, line: str) -> None:
        if part.matters(line):
            self._log.write(part.name, line)

    def _tell_end(self, life: _Life) -> Callable[[Running], None]:
        return lambda running: self._events.put(partial(self._has_ended, life, running))

    def _watch(self, life: _Life, running: Running | None, until: float) -> None:
        """Look until a part is ready, has ended, or it has taken too long."""
        why = ""
        while time.monotonic() < until:
            if self._is_ending.is_set() or (running is not None and running.outcome):
                return
            try:
                place = life.part.ready.look(running.announced if running else {})
            except NotReadyError as error:
                why = error.what
                self._is_ending.wait(_LOOK_SECONDS)
            else:
                self._events.put(partial(self._is_ready, life, running, place))
                return
        self._events.put(partial(self._is_late, life, running, why))

    def _is_ready(self, life: _Life, running: Running | None, place: Place) -> None:
        if running is life.running and not self._is_ending.is_set():
            life.place, life.ready_at = place, time.monotonic()
            self._say(f"{life.part.name}: ready at {place.where}")
            self._tell_ready()

    def _tell_ready(self) -> None:
        if self._has_started and all(each.is_ready for each in self._lives):
            self._on_ready(tuple(map(_started, self._lives)))

    def _is_late(self, life: _Life, running: Running | None, why: str) -> None:
        """Give up at a first start; afterwards it is as a crash."""
        if running is not life.running or life.is_ready or self._is_ending.is_set():
            return
        part = life.part
        what = f"was not ready in {part.ready_within:g} s: {part.ready.awaited} did not come"
        if life.place is None or running is None:
            raise self._error(life, f"{what} ({why.rstrip('.')})" if why else what)
        self._say(f"{part.name} {what}")
        running.send(signal.SIGKILL)

    def _has_ended(self, life: _Life, running: Running) -> None:
        if running is not life.running:
            return
        life.running = None
        if self._is_ending.is_set():
            return
        if running.code in _HOPELESS and life.place is None:
            raise self._error(life, f"did not start ({running.outcome})")
        self._has_crashed(life, running.outcome)

    def _has_crashed(self, life: _Life, how: str) -> None:
        """Let a part be started again after a pause, unless it crashed too often."""
        crashes, policy = life.crashed(), life.part.restart
        if crashes >= policy.crashes:
            often = f"crashed {crashes} times in a row" if crashes > 1 else "crashed"
            raise self._error(life, f"{often} ({how})")
        pause = policy.pause_after(crashes)
        life.due = time.monotonic() + pause
        self._say(f"{life.part.name} crashed ({how}); it is started again in {pause:g} s")

    def _error(self, life: _Life, what: str) -> PartError:
        name = life.part.name
        self._say(f"{name} {what}")
        return PartError(name, what, self._log.last(name, _LINES))

    def _told_to_stop(self) -> None:
        if self._is_ending.is_set():
            self._hurries = True
        else:
            raise _StoppedError

    def _end(self) -> None:
        """Stop all parts, the last started first."""
        self._is_ending.set()
        for life in reversed(self._lives):
            self._end_one(life)

    def _end_one(self, life: _Life) -> None:
        if life.running is None:
            return
        how = "stopped"
        life.running.send(signal.SIGTERM)
        if not self._ends(life, 0 if self._hurries else life.part.grace):
            how = "did not stop, and was killed"
            life.running.send(signal.SIGKILL)
            self._ends(life, _AT_ONCE)
        self._say(f"{life.part.name}: {how}")

    def _ends(self, life: _Life, seconds: float) -> bool:
        """Whether a part ends in time, and before somebody begins to hurry."""
        hurried, until = self._hurries, time.monotonic() + seconds
        while life.running and self._hurries == hurried and time.monotonic() < until:
            self._handle(until - time.monotonic())
        return life.running is None

    def _say(self, text: str) -> None:
        self._log.write(_NAME, text)


class _Life:
    """What became of a part so far."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.running: Running | None = None
        self.place: Place | None = None
        """Where it was when it was last ready; None until it was, once."""
        self.ready_at: float | None = None
        """Since when it is ready; None while it is not."""
        self.due: float | None = None
        """When it is to be started again."""
        self._crashes = 0

    @property
    def is_ready(self) -> bool:
        """Whether it is ready."""
        return self.ready_at is not None

    def has_been_ready(self) -> bool:
        """Whether it was ready, once."""
        return self.place is not None

    def crashed(self) -> int:
        """Note a crash; how many there were in a row."""
        steady = self.part.restart.steady
        if self.ready_at is not None and time.monotonic() - self.ready_at >= steady:
            self._crashes = 0
        self.ready_at = None
        self._crashes += 1
        return self._crashes


def _started(life: _Life) -> Started:
    pid = life.running.pid if life.running else None
    return Started(name=life.part.name, pid=pid, place=life.place or Place(where=""))
