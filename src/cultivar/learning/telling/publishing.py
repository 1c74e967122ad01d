"""Takes what is in the outbox to the bus, as often as it takes.

The invariant: a row leaves the outbox only after the bus has said that it stored the message, so
whatever dies in between, it is published again, under the same id. Rows go in the order in which
they were recorded, many under way at a time. One that got no answer is the first of the next
batch, and what was stored meanwhile stays stored: then it comes late, never not at all. Who counts
by id gets the same counts in any order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from cultivar.bus.base import Bus, BusUnavailableError, Message, TooLargeError
from cultivar.bus.opening import OpenBus, tells_first
from cultivar.bus.subjects import GENERATION, subject_of
from cultivar.errors import CultivarError
from cultivar.ledger.outgoing import Outbox, Outgoing
from cultivar.record import Record

_LOG = logging.getLogger(__name__)

_PATIENCE = 1.0
"""Seconds that `close` gives a batch that is under way."""

_LAST_SECONDS = 0.4
"""Seconds that `close` gives what is caught up with."""


class PublishPolicy(Record):
    """How the outbox is emptied."""

    batch: int = 200
    """How many messages are published together, at most."""
    interval: float = 1.0
    """Seconds between two looks into an empty outbox."""
    backoff: float = 0.1
    """Seconds to wait after a first failure; twice as many after each further one."""
    longest_pause: float = 30.0
    """Seconds between two tries, at most."""


class Publisher:
    """Publishes what one instance has to tell.

    Args:
        outbox: Where it waits.
        open_bus: Opens the bus when there is something to tell.
        instance_id: Whose rows are published, and under whose subject.
        policy: How; the usual way without it.
        shares_bus: Whether others use the bus too, and close it; else the publisher does.
    """

    def __init__(
        self,
        outbox: Outbox,
        open_bus: OpenBus,
        instance_id: str,
        policy: PublishPolicy | None = None,
        *,
        shares_bus: bool = False,
    ) -> None:
        self._policy = policy or PublishPolicy()
        door = _Door(open_bus, shares_bus=shares_bus)
        self._sender = _Sender(outbox, door, instance_id, self._policy.batch)
        self._catching_up: threading.Thread | None = None
        self._work: threading.Thread | None = None
        self._has_waited = False
        self._closing = threading.Event()
        self._is_started = False
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why it could not publish when it last tried, in words; empty where it could."""
        return self._trouble

    def start(self) -> None:
        """Publish in the background, until it is closed."""
        self._is_started = True
        threading.Thread(target=self._publish_on, name="publisher", daemon=True).start()

    def prepare(self) -> None:
        """Open the bus in the background, so that `publish_pending` has less to wait for."""
        threading.Thread(target=self._prepare, daemon=True).start()

    def catch_up(self) -> None:
        """Publish in the background, once, what waits from earlier; the bus stays shut if none."""
        self._catching_up = threading.Thread(target=self._catch_up, name="outbox", daemon=True)
        self._catching_up.start()

    def publish_pending(self, limit_seconds: float) -> bool:
        """Publish what waits, if that takes no longer; what is left waits for the next time.

        Args:
            limit_seconds: After which it returns in any case.

        Returns:
            Whether nothing is left.
        """
        if self._work is not None and self._work.is_alive():
            return False  # one long wait is enough: a bus that hangs slows nothing further
        emptied = threading.Event()
        self._work = threading.Thread(target=self._publish_once, args=(emptied,), daemon=True)
        self._work.start()
        self._work.join(limit_seconds)
        self._has_waited = self._has_waited or self._work.is_alive()
        return emptied.is_set()

    def close(self) -> None:
        """End; the outbox is not touched after it, and what is left waits in it."""
        self._closing.set()
        if self._catching_up is not None and not self._has_waited:
            self._catching_up.join(_LAST_SECONDS)
        self._sender.close(_PATIENCE if self._is_started else 0)

    def _catch_up(self) -> None:
        try:
            while self._sender.send():
                pass
        except CultivarError as error:  # nobody asked for it: who does is told
            _LOG.info("what waits from earlier cannot be published just now: %s", error)
        except _ClosedError:
            return

    def _prepare(self) -> None:
        try:
            self._sender.open()
        except CultivarError as error:
            self._struggle(error)

    def _publish_once(self, emptied: threading.Event) -> None:
        try:
            while self._sender.send():
                self._trouble = ""
            emptied.set()
        except CultivarError as error:
            self._struggle(error)
        except _ClosedError:
            return

    def _publish_on(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            try:
                pause = 0.0 if self._sender.send() else self._policy.interval
                self._trouble = ""
            except CultivarError as error:
                pause = self._struggle(error, pause)
            except _ClosedError:
                return

    def _struggle(self, error: CultivarError, pause: float = 0.0) -> float:
        """Note what is wrong, once; how long to wait after it."""
        was, self._trouble = self._trouble, str(error)
        if not was and not self._closing.is_set() and tells_first(error):
            _LOG.warning("nothing can be published just now: %s", error)
        longer = pause * 2 if was else 0.0
        return min(max(longer, self._policy.backoff), self._policy.longest_pause)


class _ClosedError(Exception):
    """The publisher was closed."""


class _Door:
    """The bus, once it is opened."""

    def __init__(self, open_bus: OpenBus, *, shares_bus: bool) -> None:
        self._open_bus, self._shares_bus = open_bus, shares_bus
        self._bus: Bus | None = None

    def opened(self) -> Bus:
        """The bus.

        Raises:
            UnavailableError: It is down.
        """
        self._bus = self._bus or self._open_bus()
        return self._bus

    def shut(self) -> None:
        """Close it, unless others use it."""
        bus, self._bus = self._bus, None
        if bus is not None and not self._shares_bus:
            bus.close()


class _Sender:
    """Sends one batch after the other, for whichever thread has the turn."""

    def __init__(self, outbox: Outbox, door: _Door, instance_id: str, batch: int) -> None:
        self._box, self._door = outbox, door
        self._instance_id, self._batch = instance_id, batch
        self._subject = subject_of(GENERATION, instance_id)
        self._turn, self._reach = threading.Lock(), threading.Lock()
        self._is_closed = False

    def send(self) -> bool:
        """Publish a batch; whether there was one.

        Raises:
            UnavailableError: Bus or ledger is down; some of it may be published.
            NoStreamError: The bus keeps no such messages.
        """
        with self._our_turn():
            return self._send()

    def open(self) -> None:
        """Open the bus, if it is not open.

        Raises:
            UnavailableError: It is down.
        """
        with self._our_turn():
            self._door.opened()

    def close(self, patience: float) -> None:
        """Let nobody reach the outbox any more; who is still sending hangs up after it."""
        if self._turn.acquire(timeout=patience):
            self._turn.release()
        with self._reach:
            self._is_closed = True
        if self._turn.acquire(blocking=False):
            self._door.shut()
            self._turn.release()

    def _send(self) -> bool:
        with self._outbox() as outbox:
            waiting = outbox.pending(self._instance_id, self._batch)
        if not waiting:
            return False
        rows = {each.generation_id: each for each in waiting}
        bus = self._door.opened()
        published = bus.publish_all([self._message(each) for each in waiting])
        self._told(*(rows[each.id] for each in published.stored))
        for each in published.refused:
            self._send_alone(bus, rows[each.id])
        if published.failed:
            raise BusUnavailableError(published.why)
        return True

    def _send_alone(self, bus: Bus, row: Outgoing) -> None:
        """Publish what was refused among others, to learn what is wrong with it itself."""
        try:
            bus.publish(self._message(row))
        except TooLargeError as error:
            _LOG.warning("generation %s cannot be published: %s", row.generation_id, error)
            with self._outbox() as outbox:
                outbox.park(row.sequence, str(error))
        else:
            self._told(row)

    def _message(self, row: Outgoing) -> Message:
        return Message(subject=self._subject, data=row.payload, id=row.generation_id)

    def _told(self, *rows: Outgoing) -> None:
        if rows:
            with self._outbox() as outbox:
                outbox.published(tuple(each.sequence for each in rows))

    @contextmanager
    def _our_turn(self) -> Generator[None]:
        """One thread at a time; who is closed while it has the turn hangs up after it."""
        with self._turn:
            try:
                yield
            finally:
                if self._is_closed:
                    self._door.shut()

    @contextmanager
    def _outbox(self) -> Generator[Outbox]:
        with self._reach:
            if self._is_closed:
                raise _ClosedError
            yield self._box
