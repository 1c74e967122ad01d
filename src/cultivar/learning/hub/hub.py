"""The hub: where the outcomes of all instances meet, and from where each learns of the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from cultivar.bus.base import Bus, ConsumePolicy
from cultivar.bus.subjects import GENERATIONS_STREAM, INTELLIGENCE
from cultivar.errors import UnavailableError
from cultivar.learning.hub.endpoint import Endpoint
from cultivar.learning.hub.identity import refused_beside_another
from cultivar.learning.hub.insights import Insights
from cultivar.learning.hub.intelligence import BUSY, Intelligence
from cultivar.learning.hub.limits import Limits
from cultivar.learning.hub.metrics import Metrics
from cultivar.learning.hub.receiving import DURABLE, Receiver
from cultivar.learning.hub.retention import Keeper
from cultivar.learning.hub.snapshots import Snapshots
from cultivar.learning.hub.store import HubStore, Ingested
from cultivar.record import Record


class HubSettings(Record):
    """How the hub works."""

    batch: int = 10_000
    """How many messages are kept in one transaction, at most: as many as wait, if they are fewer.
    The more there are, the fewer rows of the counts each of them changes."""
    consumers: int = 2
    """How many batches are in hand at a time: while the database has one, another is read."""
    lease: float = 30.0
    """Seconds after which what a hub that died had in hand is handed to another."""
    rate: float = 1000.0
    """How many messages of one instance are heard per second, in the long run."""
    burst: float = 100_000.0
    """How many of one instance are heard at once, after a time of silence."""
    renew_seconds: float = 5.0
    """How often an answer is worked out anew, at most, while generations arrive."""
    insights_seconds: float = 300.0
    """How often insights are published."""
    workers: int = 4
    """How many requests are answered at a time."""
    keep_days: int = 0
    """For how many days generations are kept, at least; 0: for ever."""
    keeper_seconds: float = 60.0
    """How often the keeper looks; ten times as much lies between two hubs and what they forget."""
    take_over: bool = False
    """Whether all that the bus keeps is counted here, where another database was behind its hub."""
    http: tuple[str, int] = ("127.0.0.1", 0)
    """Where health and metrics are; port 0 is any that is free."""


class Hub:
    """Consumes, counts, answers and tells, in the background, until it is closed.

    Bus and store stay open when it closes: they are whose they were.

    Args:
        bus: The bus.
        store: The database.
        settings: How it works.
        now: The time, in seconds.

    Raises:
        BusUnavailableError: The bus does not answer.
        SettingsError: The address for health and metrics cannot be listened on.
        UsageError: The hub of this bus has another database.
    """

    def __init__(
        self,
        bus: Bus,
        store: HubStore,
        settings: HubSettings | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._settings = store, settings or HubSettings()
        self.metrics = Metrics()
        """What it has done."""
        with ExitStack() as begun:
            self._begin(bus, begun, now)
            self._begun = begun.pop_all()

    def _begin(self, bus: Bus, begun: ExitStack, now: Callable[[], float]) -> None:
        """Begin all that goes on in the background; what began first ends last."""
        chosen, tallies = self._settings, self._store.tallies
        self._snapshots = begun.enter_context(closing(Snapshots(chosen.renew_seconds, now)))
        insights = Insights(bus, tallies, self.metrics, chosen.insights_seconds, now)
        self._insights = begun.enter_context(closing(insights))
        limits = Limits(chosen.rate, chosen.burst, now)
        self._receiver = Receiver(bus, self._store, limits, self.metrics, self._changed)
        keeper = Keeper(self._store.retention, chosen.keep_days, chosen.keeper_seconds)
        begun.enter_context(closing(keeper))
        answers = Intelligence(self._store, self._snapshots, self.metrics)
        self._responders = [
            begun.enter_context(closing(bus.serve(subject, answers, chosen.workers, BUSY)))
            for subject in (INTELLIGENCE, f"{INTELLIGENCE}.*")
        ]
        policy = ConsumePolicy(
            batch=chosen.batch,
            lease=chosen.lease,
            max_pending=2 * chosen.batch * chosen.consumers,
            owner=self._store.identity,
            takes_over=chosen.take_over,
        )
        with refused_beside_another():
            self._consumers = [
                begun.enter_context(
                    closing(bus.consume(GENERATIONS_STREAM.name, DURABLE, self._receiver, policy))
                )
                for _ in range(chosen.consumers)
            ]
        endpoint = Endpoint(chosen.http, self.health, self.metrics.text)
        self._endpoint = begun.enter_context(closing(endpoint))

    @property
    def url(self) -> str:
        """Where health and metrics are."""
        return self._endpoint.url

    def health(self) -> dict[str, Any]:
        """How it is: of bus and database `ok`, or what is wrong, and how far counting is behind."""
        database = self._database_trouble()
        # Who consumes tells of the database, too.
        consumers = () if database else self._consumers
        bus = next(filter(None, (each.trouble for each in (*self._responders, *consumers))), "")
        return {
            "status": "degraded" if bus or database else "ok",
            "bus": bus or "ok",
            "database": database or "ok",
            "lag_seconds": round(self._receiver.lag(self._settings.batch), 3),
        }

    def close(self) -> None:
        """Count what is in hand, answer what was asked, then end."""
        self._begun.close()

    def _database_trouble(self) -> str:
        try:
            self._store.check()
        except UnavailableError as error:
            return str(error)
        return ""

    def _changed(self, ingested: Ingested) -> None:
        self._snapshots.changed(ingested.templates)
        self._insights.changed(ingested.templates)
