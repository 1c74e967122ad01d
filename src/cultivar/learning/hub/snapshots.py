"""Answers that are kept, and worked out anew when the counts have changed.

The invariant: who asks again waits for no long arithmetic. What takes a moment is worked out before
it is answered, however long ago it was asked for last; what takes longer is answered as it was, and
worked out in the background. An answer that is not whole is never taken for one that is: it is
worked out further at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeAlias

from cultivar.errors import UnavailableError
from cultivar.learning.defaults.renewing import Renewals
from cultivar.record import Record, replace

_LOG = logging.getLogger(__name__)

_KEPT: Final = 1000

_EASE: Final = 20
"""How many times as long as an answer took to work out it is kept at least: the rest of the hub
shares the processor with what works it out."""

_MOMENT: Final = 0.05
"""Seconds of work that who asks again may wait for."""

_STALE: Final = 60.0
"""Seconds after which an answer is worked out anew in any case: other hubs count too."""

Work: TypeAlias = Callable[[], Any]
"""Works an answer out."""


class Partial(Record):
    """An answer for the rest of which there was no time."""

    answer: Any


class _Kept(Record):
    answer: Any
    work: Work
    at: float
    """When it was begun."""
    seconds: float
    """How long it took of the processor."""
    waited: float
    """How long it took."""
    change: int
    """Which change of its template it knows."""
    is_whole: bool


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
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, str], threading.Lock] = {}
        """Whoever works out what nobody has asked for yet holds its lock."""
        self.renewals = Renewals()
        """Where answers are worked out anew."""

    def get(self, template_id: str, question: str, work: Work) -> Any:
        """The answer to a question about a template.

        Args:
            template_id: The template.
            question: What tells the question from others.
            work: Works it out, where it is not known yet, maybe in part; what it raises is raised.
        """
        key = (template_id, question)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                if self._is_good(key, kept):
                    return kept.answer
            begun = self._begun.setdefault(key, threading.Lock())
        with begun:
            with self._lock:
                kept = self._kept.get(key)
                if kept is not None and self._is_good(key, kept):
                    return kept.answer
            return self._anew(key, work, kept)

    def changed(self, templates: Iterable[str]) -> None:
        """The counts of these templates are others now."""
        with self._lock:
            for each in templates:
                self._changes[each] = self._changes.get(each, 0) + 1

    def close(self) -> None:
        """End the renewal."""
        self.renewals.close()

    def _anew(self, key: tuple[str, str], work: Work, kept: _Kept | None) -> Any:
        try:
            return self._worked_out(key, work)
        except UnavailableError as error:
            if kept is None:
                raise
            _LOG.warning("an answer stays as it was: %s", error)
            with self._lock:
                self._kept[key] = replace(kept, at=self._now())
            return kept.answer
        finally:
            with self._lock:
                self._begun.pop(key, None)

    def _is_good(self, key: tuple[str, str], kept: _Kept) -> bool:
        """Whether it is answered as it is; what takes long is, and is renewed if it is old."""
        is_old = self._is_old(key, kept)
        if is_old and kept.waited > _MOMENT:
            self.renewals.ask(key, partial(self._worked_out, key, kept.work))
        return not is_old or kept.waited > _MOMENT

    def _is_old(self, key: tuple[str, str], kept: _Kept) -> bool:
        if not kept.is_whole:
            return True
        age, has_changed = self._now() - kept.at, kept.change != self._changes.get(key[0], 0)
        least = max(self._every, _EASE * kept.seconds)
        return age >= (least if has_changed else max(_STALE, least))

    def _worked_out(self, key: tuple[str, str], work: Work) -> Any:
        with self._lock:
            change, at = self._changes.get(key[0], 0), self._now()
        began, clock = time.thread_time(), time.perf_counter()
        found = work()
        seconds, waited = time.thread_time() - began, time.perf_counter() - clock
        is_whole = not isinstance(found, Partial)
        answer = found if is_whole else found.answer
        self._keep(
            key,
            _Kept(
                answer=answer,
                work=work,
                at=at,
                seconds=seconds,
                waited=waited,
                change=change,
                is_whole=is_whole,
            ),
        )
        return answer

    def _keep(self, key: tuple[str, str], made: _Kept) -> None:
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        if not made.is_whole:
            self.renewals.ask(key, partial(self._worked_out, key, made.work))
