"""Works out anew, in the background, what others use meanwhile as it was.

The invariant: whoever asks for it never waits, and what fails stays as it was.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

from cultivar.errors import CultivarError

_LOG = logging.getLogger(__name__)

_WAITING: Final = 1000
"""What is asked for beyond that is forgotten: who still wants it asks again."""

_SWITCH: Final = 0.0001
"""Seconds after which the background lets in whoever is answered meanwhile. Python's own, fifty
times as long, would be waited for at each step to the database and back."""

Work: TypeAlias = Callable[[], object]
"""Works something out, and keeps it."""


class Renewals:
    """A thread that does work one by one; it lives as long as there is some.

    Args:
        share: How much of a processor it takes at most; others work there too.
    """

    def __init__(self, share: float = 0.2) -> None:
        self._share = share
        self._waiting: dict[Hashable, Work] = {}
        """In the order in which it was asked for; the first is being done."""
        self._doing: Hashable = None
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, key: Hashable, work: Work) -> None:
        """Have something done, if it does not wait to be done already.

        Args:
            key: What tells it from other work; not None.
            work: Does it.
        """
        with self._lock:
            if self._closing.is_set() or key in self._waiting or len(self._waiting) >= _WAITING:
                return
            self._waiting[key] = work
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="renewals", daemon=True)
                thread.start()  # it waits for the lock
                self._thread = thread

    def wait(self) -> None:
        """Wait until all is done that was asked for."""
        while (thread := self._thread) is not None:
            thread.join()

    def close(self) -> None:
        """Finish what is being done, and begin nothing else."""
        self._closing.set()
        self.wait()

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                with _MANNERS:
                    spent = _seconds_of(work)
                self._closing.wait(spent * (1 / self._share - 1))
        except BaseException:
            self._end()
            raise

    def _next(self) -> Work | None:
        """What has waited longest; None, and no thread any more, where nothing does."""
        with self._lock:
            if self._doing is not None:
                self._waiting.pop(self._doing)
            self._doing = None if self._closing.is_set() else next(iter(self._waiting), None)
            if self._doing is None:
                self._end()
                return None
            return self._waiting[self._doing]

    def _end(self) -> None:
        self._waiting.clear()
        self._doing = self._thread = None


class _Manners:
    """Has Python switch threads sooner while there is work in the background of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working, self._before = 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._working:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, _SWITCH))
            self._working += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._working -= 1
            if not self._working:
                sys.setswitchinterval(self._before)


_MANNERS: Final = _Manners()


def _seconds_of(work: Work) -> float:
    """Do it; how long the processor took for it."""
    began = time.thread_time()
    try:
        work()
    except CultivarError as error:
        _LOG.warning("what is kept stays as it was: %s", error)
    return time.thread_time() - began
