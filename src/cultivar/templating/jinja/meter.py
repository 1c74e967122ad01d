"""What a render may use: steps, characters made, seconds; each render has its own budget.

The invariant: a value is counted before it is made, so that a bomb is refused, not survived.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

from cultivar.errors import UnsafeError
from cultivar.record import Record

# Of type `Any`, since what a template computes has no type to narrow.
TEXTS: Any = (str, bytes)
LISTS: Any = (list, tuple)
MAPPINGS: Any = (dict,)
CONTAINERS: Any = (list, tuple, set, frozenset, dict)
SIZED: Any = (*TEXTS, *CONTAINERS)


class RenderLimits(Record):
    """What one render may use before it is refused as hostile."""

    steps: int = 3_000_000
    """Turns of loops, calls and filters."""
    size: int = 64_000_000
    """Characters and items made, over the whole render."""
    seconds: float = 10.0
    width: int = 100_000
    """The widest that text is padded."""
    bits: int = 65_536
    """Of a number."""


LIMITS = RenderLimits()


class Meter(threading.local):
    """Counts what the render of this thread uses.

    Args:
        limits: What it may use.
    """

    def __init__(self, limits: RenderLimits = LIMITS) -> None:
        self.limits = limits
        self._depth = 0
        self._restart()

    def _restart(self) -> None:
        self.steps, self.size = 0, 0
        self.loaded: set[str] = set()
        """The files of the template that were used, until somebody empties it."""
        self._end = time.monotonic() + self.limits.seconds

    @contextmanager
    def running(self) -> Generator[None]:
        """A render: the outermost one starts with a full budget."""
        if not self._depth:
            self._restart()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def tick(self) -> bool:
        """Count a step; always true, so that it may stand in a condition."""
        self.steps += 1
        if not self.steps & 0xFF:
            self._look()
        return True

    def left(self) -> float:
        """The seconds that are left, a little at least."""
        return max(self._end - time.monotonic(), 0.001)

    def charge(self, size: int) -> None:
        """Count `size` characters or items that are about to be made."""
        self.size += size
        if self.size > self.limits.size:
            raise _refusal(f"it makes more than {self.limits.size:,} characters")
        if size > 10_000:
            self._look()

    def widen(self, width: object) -> None:
        """Refuse a width that only a bomb has."""
        if isinstance(width, int) and abs(width) > self.limits.width:
            raise _refusal(f"it asks for a width of {width}")

    def number(self, bits: int) -> None:
        """Refuse a number of that many bits."""
        if bits > self.limits.bits:
            raise _refusal(f"it computes a number of more than {self.limits.bits:,} bits")

    def weigh(self, value: Any) -> Any:
        """Count `value` as it would be written out; a list in two places counts twice."""
        if isinstance(value, TEXTS):
            self.charge(len(value))
        elif isinstance(value, CONTAINERS):
            self._walk([value])
        return value

    def weigh_container(self, value: Any) -> Any:
        """Count `value` as it would be written out, unless it is a plain one."""
        if isinstance(value, CONTAINERS):
            self._walk([value])
        return value

    def _walk(self, stack: list[Any]) -> None:
        while stack:
            item = stack.pop()
            if isinstance(item, TEXTS):
                self.charge(len(item) + 1)
            elif isinstance(item, MAPPINGS):
                self.charge(len(item) + 1)
                stack.extend(item)
                stack.extend(item.values())
            elif isinstance(item, CONTAINERS):
                self.charge(len(item) + 1)
                stack.extend(item)

    def made(self, value: Any) -> Any:
        """Count a result that was just made, by its length."""
        if isinstance(value, SIZED):
            self.charge(len(value))
        return value

    def _look(self) -> None:
        if self.steps > self.limits.steps:
            raise _refusal(f"it takes more than {self.limits.steps:,} steps")
        if time.monotonic() > self._end:
            raise _refusal(f"it takes more than {self.limits.seconds:g} seconds")


def longest(values: Iterable[Any]) -> int:
    """The length of the longest text among `values`."""
    return max((len(value) for value in values if isinstance(value, TEXTS)), default=16)


def _refusal(why: str) -> UnsafeError:
    return UnsafeError(
        f"Rendering the template was stopped: {why}.",
        "No template needs that; look at its loops and at the widths that it asks for.",
    )
