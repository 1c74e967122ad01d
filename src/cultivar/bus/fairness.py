"""Concurrency limits per client, with fair queueing: who asks without pause keeps nobody out.

The invariant: no client has more than its share of the places; of those that wait, the one with the
fewest places is next, so how long one waits does not grow with how much another asks for.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from cultivar.errors import UnavailableError

_CROWD: Final = 16
"""How many clients may wait with all that one of them may; names cost who makes them up nothing."""

Begin: TypeAlias = Callable[[], None]
"""Is called once, in any thread, when the turn has come; it must not wait."""


class BusyError(UnavailableError):
    """Too much of one client is in hand."""


class FairShare:
    """Places for work, which clients share.

    Args:
        places: How much is worked on at a time.
        share: How much of one client, at most.
        waiting: How much more of one client may wait.
    """

    def __init__(self, places: int, share: int, waiting: int = 0) -> None:
        self._places, self._share, self._waiting = places, max(1, share), waiting
        self._changed = threading.Condition()
        self._taken: Counter[str] = Counter()
        self._lines: dict[str, deque[Begin]] = {}

    def in_hand(self, client: str) -> int:
        """How many places a client has."""
        return self._taken[client]

    def take(self, client: str) -> bool:
        """Take a place, if one is free for this client and nothing of it waits."""
        with self._changed:
            if client in self._lines or not self._has_room(client):
                return False
            self._taken[client] += 1
            return True

    def queue(self, client: str, begin: Begin) -> bool:
        """Have work begun when it is its turn; it has a place from then on.

        Args:
            client: Whose it is.
            begin: Begins it; at once where a place is free.

        Returns:
            Whether it is taken on; not where too much of the client waits.
        """
        with self._changed:
            is_free = self.take(client)
            if not is_free and not self._line_up(client, begin):
                return False
        if is_free:
            begin()
        return True

    def leave(self, client: str) -> None:
        """Give a place back, and have begun what it makes room for."""
        with self._changed:
            self._taken[client] -= 1
            self._taken += Counter()  # forgets who has none
            begun = tuple(self._admitted())
            self._changed.notify_all()
        for begin in begun:
            begin()

    @contextmanager
    def place(self, client: str, seconds: float = 0.0) -> Generator[None]:
        """A place for as long as the block takes.

        Args:
            client: Who needs it.
            seconds: How long to wait for it.

        Raises:
            BusyError: There was none in time, or too much of the client waits.
        """
        turn = threading.Event()
        if not self.queue(client, turn.set):
            raise _busy()
        if not turn.wait(seconds) and self._withdrawn(client, turn.set):
            raise _busy()
        try:
            yield
        finally:
            self.leave(client)

    def join(self) -> None:
        """Return when nothing is in hand and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken and not self._lines)

    def _has_room(self, client: str) -> bool:
        return self._taken.total() < self._places and self._taken[client] < self._share

    def _line_up(self, client: str, begin: Begin) -> bool:
        line = self._lines.get(client, deque[Begin]())
        everything = sum(map(len, self._lines.values()))
        if len(line) >= self._waiting or everything >= self._waiting * _CROWD:
            return False
        line.append(begin)
        self._lines[client] = line
        return True

    def _admitted(self) -> Iterator[Begin]:
        """What gets a place now; who had a turn goes behind the others."""
        while ready := [each for each in self._lines if self._has_room(each)]:
            client = min(ready, key=self.in_hand)
            line = self._lines.pop(client)
            yield line.popleft()
            self._taken[client] += 1
            if line:
                self._lines[client] = line

    def _withdrawn(self, client: str, begin: Begin) -> bool:
        """Whether what waited too long was still waiting; it does no more."""
        with self._changed:
            line = self._lines.get(client, deque[Begin]())
            if begin not in line:
                return False
            line.remove(begin)
            if not line:
                del self._lines[client]
            self._changed.notify_all()
            return True


def most_of_one(subject: str, workers: int) -> int:
    """How many workers may be with one sender: one fewer than all, where senders are told apart.

    Args:
        subject: What is served; with a wildcard, each subject under it is a sender's own.
        workers: How many there are.
    """
    return workers - 1 if subject.endswith(("*", ">")) else workers


def _busy() -> BusyError:
    return BusyError("Too many requests of one sender are in hand.", "Ask again in a while.")
