"""Tells everybody, every few minutes, what is known of the templates that are in use."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import INSIGHTS
from cultivar.errors import CultivarError
from cultivar.learning.findings.statistics import statistics_of
from cultivar.learning.hub.intelligence import plain
from cultivar.learning.hub.metrics import Metrics
from cultivar.ledger.tallying import TallyStore

_LOG = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.2


class Insights:
    """Publishes what is found, in the background.

    Args:
        bus: Where to.
        tallies: The counts.
        metrics: Where it is counted.
        every: Seconds between two rounds.
        now: The time, in seconds.
    """

    def __init__(
        self,
        bus: Bus,
        tallies: TallyStore,
        metrics: Metrics,
        every: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus, self._tallies, self._metrics = bus, tallies, metrics
        self._every, self._now, self._due = every, now, now() + every
        self._active: set[str] = set()
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-insights", daemon=True)
        self._thread.start()

    def changed(self, templates: Iterable[str]) -> None:
        """These templates are in use."""
        with self._lock:
            self._active.update(templates)

    def close(self) -> None:
        """Publish no more."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            if self._now() >= self._due:
                self._due = self._now() + self._every
                self._publish_all()

    def _publish_all(self) -> None:
        with self._lock:
            active, self._active = sorted(self._active), set()
        for each in active:
            if self._closing.is_set():
                return
            try:
                self._publish(each)
            except CultivarError as error:
                _LOG.warning("no insights into %r: %s", each, error)
                self.changed([each])

    def _publish(self, template_id: str) -> None:
        found = plain(statistics_of(self._tallies, template_id))
        found["generated_at"] = datetime.now(UTC).isoformat()
        self._bus.publish(Message(subject=INSIGHTS, data=json.encode(found), id=str(uuid4())))
        self._metrics.add(insights=1)
