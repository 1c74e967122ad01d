"""A record of model calls in memory, for tests of what asks models."""

from __future__ import annotations

import threading
from itertools import count

from cultivar.ledger.base import Fits, ModelCall, Reserved
from cultivar.model import Usage


class MemoryCallRecord:
    """A `CallRecord` that forgets when the process ends."""

    def __init__(self) -> None:
        self._calls: list[ModelCall] = []
        self._under_way: dict[int, tuple[ModelCall, Reserved]] = {}
        self._begun = count()
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """All calls that were ended so far, in order."""
        with self._lock:
            return tuple(self._calls)

    def call(self, run_id: str, request_hash: str) -> ModelCall | None:
        """The answered call of this run with that request, if there is one."""
        wanted = (run_id, request_hash)
        for call in self.calls:
            if (call.run_id, call.request_hash) == wanted and not call.error:
                return call
        return None

    def add_call(self, call: ModelCall) -> None:
        """Keep a call; one that failed may be followed by one that did not."""
        with self._lock:
            self._calls.append(call)

    def begin_call(self, call: ModelCall, most: Reserved, fits: Fits) -> int | None:
        """Keep a call before it is made, if there is room for it beside those under way."""
        with self._lock:
            given_up = [n for n, each in self._under_way.items() if each[1].ends <= most.begins]
            self._calls += [self._under_way.pop(number)[0] for number in given_up]
            under_way = [m for each, m in self._under_way.values() if each.run_id == call.run_id]
            room = Usage(
                calls=len(under_way),
                tokens=sum(each.tokens for each in under_way),
                money=sum(each.money for each in under_way),
            )
            if not fits(_usage(self._calls, call.run_id), room):
                return None
            begun = next(self._begun)
            self._under_way[begun] = (call, most)
            return begun

    def end_call(self, begun: int, call: ModelCall | None) -> None:
        """Keep what a call took that was begun; None: it was not made after all."""
        with self._lock:
            self._under_way.pop(begun, None)
            if call is not None:
                self._calls.append(call)

    def usage(self, run_id: str) -> Usage:
        """What the run's calls took so far, failed ones included."""
        with self._lock:
            begun = [call for call, _ in self._under_way.values()]
            return _usage([*self._calls, *begun], run_id)


def _usage(calls: list[ModelCall], run_id: str) -> Usage:
    found = [call for call in calls if call.run_id == run_id]
    return Usage(
        calls=len(found),
        tokens=sum(call.prompt_tokens + call.completion_tokens for call in found),
        money=sum(call.money for call in found),
        seconds=sum(call.seconds for call in found),
    )
