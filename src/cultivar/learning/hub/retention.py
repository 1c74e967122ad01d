"""Forgets generations that are older than what is kept; what was counted of them stays counted.

The invariant: what is forgotten is heard no more, by any hub. So how far back is kept is announced
in the database first, and nothing is deleted before every hub has had the time to read it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select, text, update

from cultivar.bus.subjects import GENERATIONS_STREAM
from cultivar.errors import CultivarError
from cultivar.learning.hub.partitions import REST, TABLE, add, drop, missing, outdated, take_turn
from cultivar.learning.hub.tables import horizon, moment
from cultivar.learning.telling.messages import UNTIMED, GenerationMessage, made_at
from cultivar.ledger.database import Database
from cultivar.record import Record

_LOG = logging.getLogger(__name__)

_AT_ONCE: Final = 2000
"""Rows deleted in one transaction: what arrives meanwhile waits some ten milliseconds."""

_NOTICE: Final = 10
"""How many looks lie between an announcement and what follows from it."""

_PAUSE: Final = 0.05
"""Seconds between two of them, in which what arrives has its turn."""

_REPEATED: Final = timedelta(seconds=2 * GENERATIONS_STREAM.max_age)
"""How long the bus may say something again; a message without a time of its own cannot be refused
for its age, so it is known that long."""

_OLD: Final = (
    "received_at < :horizon AND "
    "(generated_at > :untimed AND generated_at < :horizon OR received_at < :repeated)"
)
"""What says no time, or one that was still to come, goes by when it was received."""

_SQLITE: Final = (
    f"DELETE FROM {TABLE} WHERE rowid IN (SELECT rowid FROM {TABLE} WHERE {_OLD} LIMIT {_AT_ONCE})"
)
_POSTGRESQL: Final = (
    f"DELETE FROM {REST} WHERE ctid = ANY (ARRAY"
    f"(SELECT ctid FROM {REST} WHERE {_OLD} LIMIT {_AT_ONCE}))"
)


class _Announced(Record):
    forgotten_before: datetime
    announced_at: datetime


class Retention:
    """How far back generations are kept, and the room that this leaves.

    Args:
        database: The hub's.

    Raises:
        StoreUnavailableError: The database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._announced = self._read()

    @property
    def forgotten_before(self) -> datetime:
        """Generations that were made before it are heard no more."""
        return self._announced.forgotten_before

    def has_forgotten(self, message: GenerationMessage) -> bool:
        """Whether a message is of a time of which nobody knows any more what was counted."""
        return UNTIMED < made_at(message) < self._announced.forgotten_before

    def refresh(self) -> None:
        """Read what any hub has announced.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        self._announced = self._read()

    def now(self) -> datetime:
        """The server's time, since a hub whose clock is wrong would forget too much; or ours.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        if self._database.is_sqlite:
            return datetime.now(UTC)
        with self._database.read() as connection:
            found: datetime = connection.execute(text("SELECT now()")).scalar_one()
        return found.astimezone(UTC)

    def announce(self, keep_days: int, now: datetime) -> None:
        """Announce that generations are kept for so many days; no hub takes that back.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = midnight - timedelta(days=keep_days)
        if wanted > self._announced.forgotten_before:
            changed = update(horizon).where(horizon.c.forgotten_before < wanted)
            with self._database.write() as connection:
                connection.execute(changed.values(forgotten_before=wanted, announced_at=now))
            self.refresh()

    def make_room(self, now: datetime) -> None:
        """Make the partitions of the months to come, where there are partitions.

        Raises:
            StoreUnavailableError: The database does not answer, or is too busy.
        """
        if self._database.is_sqlite:
            return
        with self._database.read() as connection:
            wanted = missing(connection, now)
        for month in wanted:
            with self._database.write() as connection:
                if take_turn(connection) and month in missing(connection, now):
                    add(connection, month)

    def is_known_to_all(self, now: datetime, notice: timedelta) -> bool:
        """Whether every hub has read the announcement by now."""
        return now - self._announced.announced_at >= notice

    def forget(self, now: datetime, pause: Callable[[float], bool]) -> None:
        """Delete what is older than announced: whole partitions, and rows in small batches.

        Args:
            now: The time.
            pause: Waits so many seconds; tells whether to stop.

        Raises:
            StoreUnavailableError: The database does not answer, or is too busy.
        """
        if not self._database.is_sqlite:
            self._drop()
        while self._delete(now) == _AT_ONCE:
            if pause(_PAUSE):
                return

    def _read(self) -> _Announced:
        wanted = select(horizon.c.forgotten_before, horizon.c.announced_at)
        with self._database.read() as connection:
            row = connection.execute(wanted).one()
        return _Announced(forgotten_before=row[0], announced_at=row[1])

    def _drop(self) -> None:
        before = self._announced.forgotten_before
        with self._database.read() as connection:
            old = outdated(connection, before)
        for name in old:
            with self._database.write() as connection:
                if take_turn(connection) and name in outdated(connection, before):
                    drop(connection, name)

    def _delete(self, now: datetime) -> int:
        before = self._announced.forgotten_before
        moments = {"horizon": before, "untimed": UNTIMED, "repeated": min(before, now - _REPEATED)}
        with self._database.write() as connection:
            if self._database.is_sqlite:
                said = {name: moment(at) for name, at in moments.items()}
                return connection.execute(text(_SQLITE), said).rowcount
            return connection.execute(text(_POSTGRESQL), moments).rowcount


class Keeper:
    """Looks after the retention in the background, until it is closed.

    Args:
        retention: Of the hub's database.
        keep_days: For how many days generations are kept; 0: for ever.
        every: Seconds between two looks.
    """

    def __init__(self, retention: Retention, keep_days: int, every: float) -> None:
        self._retention, self._keep_days, self._every = retention, keep_days, every
        self._forgotten = UNTIMED
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except CultivarError as error:
                _LOG.warning("old generations stay for now: %s", error)
            if self._closing.wait(self._every):
                return

    def _look(self) -> None:
        now = self._retention.now()
        self._retention.refresh()
        self._retention.make_room(now)
        if self._keep_days:
            self._retention.announce(self._keep_days, now)
        before = self._retention.forgotten_before
        notice = timedelta(seconds=_NOTICE * self._every)
        if before > self._forgotten and self._retention.is_known_to_all(now, notice):
            self._retention.forget(now, self._closing.wait)
            self._forgotten = UNTIMED if self._closing.is_set() else before
