"""A record of model calls in memory, for tests of what asks models."""

from __future__ import annotations

import threading

from cultivar.ledger.base import ModelCall
from cultivar.model import Usage


class MemoryCallRecord:
    """A `CallRecord` that forgets when the process ends."""

    def __init__(self) -> None:
        self._calls: list[ModelCall] = []
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """All calls so far, in order."""
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

    def usage(self, run_id: str) -> Usage:
        """What the run's calls took so far, failed ones included."""
        calls = [call for call in self.calls if call.run_id == run_id]
        return Usage(
            calls=len(calls),
            tokens=sum(call.prompt_tokens + call.completion_tokens for call in calls),
            money=sum(call.money for call in calls),
            seconds=sum(call.seconds for call in calls),
        )
