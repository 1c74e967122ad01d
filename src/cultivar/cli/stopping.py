"""Signals, for a command that ends at the next good moment; a second one ends it at once."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Final, Self

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Hears the signals that end a command, from `with` on; it is a `Stop` of a loop."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}
        # A lock would be held, now and then, by whatever the signal interrupts.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def __enter__(self) -> Self:
        self._before = {each: signal.signal(each, self._hear) for each in _ENDING}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._woken)
        os.close(self._wake)

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self._asked

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds, or until a signal comes; whether one did."""
        select.select([self._woken], [], [], timeout)
        return self._asked

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt(number)
        self._asked = True
        os.write(self._wake, b"!")
