"""Answers that are kept, and worked out anew in the background when the counts have changed.

The invariant: who asks again waits for no arithmetic, and gets an answer that is at most one
renewal older than the counts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from queue import Queue
from typing import Any, Final, TypeAlias

from cultivar.errors import UnavailableError
from cultivar.record import Record

_LOG = logging.getLogger(__name__)

_KEPT: Final = 1000

_EASE: Final = 20
"""How many times as long as an answer took to work out it is kept at least: the rest of the hub
shares the processor with what works it out."""

_STALE: Final = 60.0
"""Seconds after which an answer is worked out anew in any case: other hubs count too."""

Work: TypeAlias = Callable[[], Any]
"""Works an answer out."""


class _Kept(Record):
    answer: Any
    work: Work
    at: float
    """When it was begun."""
    seconds: float
    """How long it took."""
    change: int
    """Which change of its template it knows."""


class Snapshots:
    """The kept answers, those asked for last before others.

    Args:
        every: How many seconds pass at least before an answer is worked out anew.
        now: The time, in seconds.
    """

    def __init__(self, every: float, now: Callable[[], float] = time.monotonic) -> None:
        self._every, self._now = every, now
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._changes: dict[str, int] = {}
        self._lock, self._working = threading.Lock(), threading.Lock()
        self._waiting: set[tuple[str, str]] = set()
        self._queue: Queue[tuple[str, str] | None] = Queue()
        self._thread = threading.Thread(target=self._renew_all, name="hub-snapshots", daemon=True)
        self._thread.start()

    def get(self, template_id: str, question: str, work: Work) -> Any:
        """The answer to a question about a template.

        Args:
            template_id: The template.
            question: What tells the question from others.
            work: Works it out, where it is not known yet; what it raises is raised.
        """
        key = (template_id, question)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                self._renew_if_old(key, kept)
                return kept.answer
        with self._working:
            with self._lock:
                kept = self._kept.get(key)
            return kept.answer if kept else self._worked_out(key, work)

    def changed(self, templates: Iterable[str]) -> None:
        """The counts of these templates are others now."""
        with self._lock:
            for each in templates:
                self._changes[each] = self._changes.get(each, 0) + 1

    def close(self) -> None:
        """End the renewal."""
        self._queue.put(None)
        self._thread.join()

    def _renew_if_old(self, key: tuple[str, str], kept: _Kept) -> None:
        age, has_changed = self._now() - kept.at, kept.change != self._changes.get(key[0], 0)
        least = max(self._every, _EASE * kept.seconds)
        is_old = age >= (least if has_changed else max(_STALE, least))
        if is_old and key not in self._waiting:
            self._waiting.add(key)
            self._queue.put(key)

    def _worked_out(self, key: tuple[str, str], work: Work) -> Any:
        with self._lock:
            change, at = self._changes.get(key[0], 0), self._now()
        began = time.thread_time()
        answer = work()
        seconds = time.thread_time() - began
        kept = _Kept(answer=answer, work=work, at=at, seconds=seconds, change=change)
        with self._lock:
            self._kept[key] = kept
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return answer

    def _renew_all(self) -> None:
        while (key := self._queue.get()) is not None:
            with self._lock:
                kept = self._kept.get(key)
            try:
                if kept is not None:
                    self._worked_out(key, kept.work)
            except UnavailableError as error:
                _LOG.warning("an answer stays as it was: %s", error)
            finally:
                with self._lock:
                    self._waiting.discard(key)
