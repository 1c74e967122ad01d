"""The parts of a stack as values: what runs, what must be ready before, when it counts as ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from cultivar.errors import UnavailableError, UsageError
from cultivar.record import Record

Announced: TypeAlias = Mapping[str, Any]
"""What a part said of itself as JSON when it was ready; empty until then."""


Matters: TypeAlias = Callable[[str], bool]
"""Whether a line that a part said is for the log."""


class NotReadyError(UnavailableError):
    """A part does not answer yet."""


class PartError(UnavailableError):
    """A part that does not run, or not for long.

    Args:
        part: Its name.
        what: What became of it.
        lines: What it said last.
    """

    def __init__(self, part: str, what: str, lines: tuple[str, ...] = ()) -> None:
        said = "".join(f"\n  {each}" for each in lines)
        super().__init__(
            f"`{part}` {what}.{' Its last words:' if lines else ''}{said}",
            "All parts were stopped. Correct what keeps it from running, then start again.",
        )
        self.part, self.lines = part, lines


class Place(Record):
    """Where a part is that is ready."""

    where: str
    """Its address."""
    about: str = ""
    """What there is to know about it, in words."""


class Readiness(Protocol):
    """Sees whether a part is ready."""

    @property
    def awaited(self) -> str:
        """What is waited for, in words."""
        ...

    def look(self, announced: Announced) -> Place:
        """Where the part is; takes a second at most.

        Args:
            announced: What the part said of itself.

        Raises:
            NotReadyError: It is not ready yet; why, in words.
        """
        ...


class RestartPolicy(Record):
    """What is done with a part that crashed."""

    pause: float = 0.5
    """Seconds before it is started again after a first crash; twice as many after each further."""
    longest_pause: float = 30.0
    """Seconds of a pause, at most."""
    steady: float = 60.0
    """Seconds that a part has to be ready for, for its earlier crashes not to count any more."""
    crashes: int = 5
    """After how many crashes in a row nobody tries again."""

    def pause_after(self, crashes: int) -> float:
        """Seconds to wait after so many crashes in a row."""
        return min(self.pause * 2.0 ** min(crashes - 1, 30), self.longest_pause)


class Part(Record):
    """A process of the stack, or a service elsewhere that the stack needs."""

    name: str
    ready: Readiness
    command: tuple[str, ...] = ()
    """What runs; empty for a service elsewhere, which is only waited for."""
    environment: Mapping[str, str] = {}
    """All the variables that it gets."""
    matters: Matters = lambda _: True
    """Which of its lines the log has."""
    needs: tuple[str, ...] = ()
    """The parts that must be ready before it is started, where the stack has them."""
    restart: RestartPolicy = RestartPolicy()
    ready_within: float = 30.0
    """Seconds from its start until it must be ready."""
    grace: float = 10.0
    """Seconds that it has to end by itself when it is told to."""


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts, each behind what it needs; otherwise in the order in which they are given.

    Raises:
        UsageError: Parts need each other.
    """
    waiting = list(parts)
    names = {each.name for each in waiting}
    placed: dict[str, Part] = {}
    while waiting:
        free = [each for each in waiting if not (set(each.needs) & names) - placed.keys()]
        if not free:
            circle = ", ".join(f"`{each.name}`" for each in waiting)
            raise UsageError(f"Parts of the stack need each other: {circle}.")
        placed[free[0].name] = free[0]
        waiting.remove(free[0])
    return tuple(placed.values())
