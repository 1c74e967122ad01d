"""Ordeals: a crowd tells a hub all that it recorded, and whoever is on the way dies at times."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import (
    DEAD_LETTER,
    DEAD_LETTERS_STREAM,
    GENERATION,
    GENERATIONS_STREAM,
    sender_of,
    subject_of,
)
from cultivar.errors import UnavailableError
from cultivar.learning.hub.receiving import DURABLE
from cultivar.learning.hub.store import HubStore
from cultivar.testing.buses import Basket
from cultivar.testing.crowds import Crowd
from cultivar.testing.generations import TEMPLATE
from cultivar.testing.hubs import Places, counted, wait_for
from cultivar.testing.victims import Program, Victim, kill_amid

PATIENCE: Final = 90.0
"""Seconds that any part of an ordeal may take."""

_TOLD_TWICE: Final = 200
"""How many generations of each member are on the bus twice."""


class Ordeal:
    """A crowd that tells, a hub that counts, each a process of its own; `ordeal` begins it.

    Args:
        crowd: Who tells.
        places: Where bus and database are.
        store: The hub's database, to look into.
        hub: The process that counts.
        publisher: The process that tells for the whole crowd.
    """

    def __init__(
        self, crowd: Crowd, places: Places, store: HubStore, hub: Program, publisher: Program
    ) -> None:
        self.crowd, self.hub, self.publisher = crowd, hub, publisher
        self._places, self._store = places, store
        self._counted = 0

    def progress(self) -> int:
        """How many generations are counted, as far as is known; who has ended is started again."""
        self.hub.start()  # it gives up where a server is down just when it starts
        self.publisher.start()
        try:
            self._counted = counted(self._store, TEMPLATE.id)
        except UnavailableError:
            return self._counted
        return self._counted

    def endure(self, schedule: Sequence[tuple[int, Victim]]) -> list[int]:
        """Kill one after the other, then wait until all is told and counted.

        Returns:
            How much was counted when each was killed.
        """
        found = kill_amid(self.progress, schedule, PATIENCE)
        assert wait_for(lambda: self.progress() >= self.crowd.size, PATIENCE), self._story()
        assert wait_for(self._nothing_left, PATIENCE), self._story()
        return found

    def told(self) -> dict[str, list[str]]:
        """The ids that the bus keeps by instance, in its order; what has none is left out."""
        found = defaultdict[str, list[str]](list)
        with closing(self._places.bus()) as bus:
            twice = _TOLD_TWICE * len(self.crowd.members)
            for each in _all_of(bus, GENERATIONS_STREAM.name, self.crowd.size + twice):
                if each.id:
                    found[sender_of(GENERATION, each.subject)].append(each.id)
        return dict(found)

    def dead_letters(self) -> int:
        """How many messages were set aside."""
        with closing(self._places.bus()) as bus:
            last = Message(subject=f"{DEAD_LETTER}.test", data=b"", id="the last")
            bus.publish(last)
            letters = _all_of(bus, DEAD_LETTERS_STREAM.name, 1)
        return sum(each.id != last.id for each in letters)

    def untold(self) -> int:
        """How many rows are in the outboxes."""
        number = 0
        for member in self.crowd.members:
            with member.outbox() as outbox:
                number += len(outbox.pending(member.instance_id, self.crowd.size))
                number += len(outbox.parked(member.instance_id))
        return number

    def _nothing_left(self) -> bool:
        return not self.untold() and not _unfinished(self._places.address)

    def _story(self) -> str:
        return f"{self._counted} counted\n{self.hub.said()}\n{self.publisher.said()}"


@contextmanager
def ordeal(
    crowd: Crowd, places: Places, programs: Path, folder: Path, *, command: bool = False
) -> Generator[Ordeal]:
    """Begin an ordeal, which ends with the block, and its processes too.

    Args:
        crowd: Who tells; their ledgers are used up.
        places: Where bus and database are.
        programs: The folder of `hub.py` and `publish.py`.
        folder: Where the processes write.
        command: Whether the hub is `cultivar hub` as it is; `hub.py` waits less for the dead.
    """
    members = [f"{each.instance_id}={each.ledger}" for each in crowd.members]
    telling = [sys.executable, str(programs / "publish.py"), places.address, *members]
    counting = [sys.executable, str(programs / "hub.py"), places.address, places.database]
    if command:
        counting = _command(places)
    hub, publisher = Program(counting, folder / "hub.log"), Program(telling, folder / "told.log")
    with closing(places.store()) as store:
        try:
            _tell_beforehand(crowd, places)
            hub.start()
            publisher.start()
            yield Ordeal(crowd, places, store, hub, publisher)
        finally:
            publisher.kill()
            hub.kill()


def _tell_beforehand(crowd: Crowd, places: Places) -> None:
    """Publish some of it by no id, so that the bus keeps it twice, and the hub has to notice."""
    with closing(places.bus()) as bus:
        for member in crowd.members:
            with member.outbox() as outbox:
                rows = outbox.pending(member.instance_id, _TOLD_TWICE)
            subject = subject_of(GENERATION, member.instance_id)
            assert not bus.publish_all(
                Message(subject=subject, data=each.payload) for each in rows
            ).failed


def _command(places: Places) -> list[str]:
    where = ["--bus-url", places.address, "--database-url", places.database]
    return [sys.executable, "-m", "cultivar", "hub", *where, "--http", "127.0.0.1:0"]


def _all_of(bus: Bus, stream: str, least: int) -> list[Message]:
    """All messages of a stream, once it holds so many."""
    basket = Basket()
    with closing(bus.consume(stream, "reader", basket)):
        assert basket.holds(least, PATIENCE)
    return [each.message for each in sorted(basket.deliveries, key=lambda each: each.sequence)]


def _unfinished(address: str) -> int:
    """How many messages the hub was not handed, or has not said that it is done with."""
    if address.startswith("nats:"):
        return asyncio.run(_unfinished_on(address))
    with closing(sqlite3.connect(address)) as connection:
        number: int = connection.execute(
            "SELECT (SELECT count(*) FROM deliveries WHERE durable = ?1) + (SELECT count(*)"
            " FROM messages JOIN consumers USING (stream) WHERE durable = ?1"
            " AND sequence > position)",
            (DURABLE,),
        ).fetchone()[0]
        return number


async def _unfinished_on(address: str) -> int:
    plain: Any = Client()  # its own types are partly unknown
    await plain.connect(address)
    try:
        found = await plain.jetstream().consumer_info(GENERATIONS_STREAM.name, DURABLE)
        return int(found.num_pending + found.num_ack_pending)
    finally:
        await plain.close()
