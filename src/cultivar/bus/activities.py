"""What goes on in the background of a bus, so that closing it ends all of it."""

from __future__ import annotations

from typing import TypeVar

from cultivar.bus.base import Activity

AnyActivity = TypeVar("AnyActivity", bound=Activity)


class Activities:
    """The activities of one bus."""

    def __init__(self) -> None:
        self._all: list[Activity] = []

    def add(self, activity: AnyActivity) -> AnyActivity:
        """Keep it, to be closed in the end."""
        self._all.append(activity)
        return activity

    def close(self) -> None:
        """Close all, the latest first; one that is closed already stays so."""
        while self._all:
            self._all.pop().close()
