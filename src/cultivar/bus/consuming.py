"""Hands batches to a handler, and sees to what failed; every bus consumes through it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from random import shuffle
from typing import Protocol

from cultivar.bus.base import ConsumePolicy, Delivery, Handler, Message
from cultivar.bus.subjects import DEAD_LETTER
from cultivar.errors import CultivarError, UnavailableError

_LOG = logging.getLogger(__name__)

_LINGER = 0.25
"""Seconds that an idle consumer waits for a message before it looks whether it should end."""

_LONGEST_PAUSE = 30.0


class Source(Protocol):
    """One durable consumer of a stream, as a bus gives it. All may raise `UnavailableError`."""

    durable: str

    def fetch(self, limit: int, wait: float) -> Sequence[Delivery]:
        """The next messages; none after `wait` seconds without one."""
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that they are done, for good."""
        ...

    def postpone(self, deliveries: Sequence[Delivery], delay: float) -> None:
        """Give them back, to be handed over again after so many seconds."""
        ...

    def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Say that they are still being worked on."""
        ...

    def bury(self, letter: Message) -> None:
        """Store a dead letter."""
        ...


class Consumer:
    """The thread that consumes; `trouble` says what it struggles with.

    Args:
        source: Where the messages come from.
        handler: What to do with them.
        policy: How.
    """

    def __init__(self, source: Source, handler: Handler, policy: ConsumePolicy) -> None:
        self._source, self._handler, self._policy = source, handler, policy
        self._closing = threading.Event()
        self._held: dict[str, Delivery] = {}
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=f"bus-{source.durable}", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """What it struggles with just now; empty where all is well."""
        return self._trouble

    def close(self) -> None:
        """Finish the batch in hand, then end."""
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                self._work_off(self._source.fetch(self._policy.batch, _LINGER))
                failures = 0
            except UnavailableError as error:
                failures += 1
                self._pause(error, failures)

    def _work_off(self, batch: Sequence[Delivery]) -> None:
        """Hand new messages over together, and so what comes again."""
        self._trouble = ""
        if not batch:
            return
        with self._leased(batch):
            for group in self._groups(batch):
                self._hand_over(group)

    def _groups(self, batch: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
        """What is handed over together: what came as often."""
        for attempt, group in groupby(sorted(batch, key=_by_attempt), _by_attempt):
            yield from _parted(tuple(group), attempt - self._policy.attempts)

    def _hand_over(self, group: Sequence[Delivery]) -> None:
        """Have a group worked off; one that fails is halved until what is wrong is alone."""
        error = self._failure_of(group)
        if error is None:
            self._done(group)
        elif len(group) > 1:
            middle = len(group) // 2
            self._hand_over(group[:middle])
            self._hand_over(group[middle:])
        else:
            self._failed(group[0], error)

    def _failure_of(self, group: Sequence[Delivery]) -> Exception | None:
        """What the handler holds against the group, once all that it needs is up."""
        failures = 0
        while True:
            if self._closing.is_set() and failures:
                raise UnavailableError("The consumer was closed before it could work this off.")
            try:
                self._handler(group)
            except UnavailableError as error:
                failures += 1
                self._pause(error, failures)
            except Exception as error:  # it is held against the messages
                return error
            else:
                return None

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        _LOG.warning("message %d failed: %s", delivery.sequence, told(error))
        if delivery.attempt < self._policy.attempts:
            self._source.postpone([delivery], self._policy.delay(delivery.attempt))
            del self._held[delivery.receipt]
            return
        self._source.bury(self._letter(delivery, error))
        self._done([delivery])

    def _letter(self, delivery: Delivery, error: Exception) -> Message:
        message, durable = delivery.message, self._source.durable
        return Message(
            subject=f"{DEAD_LETTER}.{durable}",
            data=message.data,
            id=f"{durable}-{message.subject}-{delivery.sequence}",
            headers={
                "Cultivar-Subject": message.subject,
                "Cultivar-Id": message.id,
                "Cultivar-Attempts": str(delivery.attempt),
                "Cultivar-Error": told(error),
            },
        )

    def _done(self, group: Sequence[Delivery]) -> None:
        self._source.ack(group)
        for each in group:
            del self._held[each.receipt]

    @contextmanager
    def _leased(self, batch: Sequence[Delivery]) -> Generator[None]:
        """Keep what is held of the batch ours; what is left of it at the end is given back."""
        self._held = {each.receipt: each for each in batch}
        ended = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(ended,), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            if self._held:
                self._source.postpone(tuple(self._held.values()), 0)

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(self._policy.lease / 3):
            try:
                self._source.extend(tuple(self._held.values()))
            except UnavailableError as error:
                _LOG.warning("leases were not extended: %s", error)

    def _pause(self, error: UnavailableError, failures: int) -> None:
        self._trouble = str(error)
        _LOG.warning("%s", error)
        self._closing.wait(min(0.1 * 2.0 ** min(failures, 16), _LONGEST_PAUSE))


def _parted(group: Sequence[Delivery], excess: int) -> Sequence[Sequence[Delivery]]:
    """The group as it is handed over.

    One of those that came more often than a message may fail may be what its consumers die of. It
    must not take the others with it for ever, so the parts become smaller, and none is always last.
    """
    if excess <= 0:
        return [group]
    size = max(1, len(group) >> excess)
    parts = [group[start : start + size] for start in range(0, len(group), size)]
    shuffle(parts)
    return parts


def _by_attempt(delivery: Delivery) -> int:
    return delivery.attempt


def told(error: Exception) -> str:
    """An error in one line that may leave the process: only our own say more than their kind."""
    text = str(error) if isinstance(error, CultivarError) else type(error).__name__
    return " ".join(text.split())[:500]
