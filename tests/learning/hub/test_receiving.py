"""Messages that come again are heard as if they came for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from cultivar.bus.base import Bus
from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.limits import Limits
from cultivar.learning.hub.store import HubStore, Ingested
from cultivar.learning.telling.messages import GenerationMessage
from cultivar.testing.clock import SteppedClock
from cultivar.testing.hubs import Places, counted, messages, told, wait_for


class Down(HubStore):
    """A database that is down for a while."""

    refusals = 3

    def ingest(self, messages: Sequence[GenerationMessage]) -> Ingested:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailableError("The database is down.")
        return super().ingest(messages)


def test_what_is_given_back_may_be_taken_again() -> None:
    clock = SteppedClock()
    limits = Limits(rate=2, burst=3, now=clock.time.now)
    assert all(limits.allow("one") for _ in range(3))
    limits.give_back({"one": 2, "two": 5})
    assert [limits.allow("one") for _ in range(3)] == [True, True, False]
    assert [limits.allow("two") for _ in range(4)] == [True, True, True, False]


def test_a_database_that_is_down_uses_up_nobodys_limit(places: Places, bus: Bus) -> None:
    with (
        closing(Down(places.database)) as store,
        closing(places.bus()) as hubs,
        closing(Hub(hubs, store, HubSettings(rate=0.001, burst=8))) as hub,
    ):
        bus.publish_all(messages([told(n) for n in range(8)]))
        assert wait_for(lambda: counted(store) == 8)
        assert hub.metrics["limited"] == store.refusals == 0
