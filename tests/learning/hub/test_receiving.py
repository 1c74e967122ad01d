"""Messages that come again are heard as if they came for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from cultivar.bus.base import Bus, BusUnavailableError, Message, Published
from cultivar.bus.local import LocalBus
from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.store import HubStore, Ingested
from cultivar.learning.telling.messages import GenerationMessage
from cultivar.testing.hubs import Places, counted, messages, told, wait_for


class Down(HubStore):
    """A database that is down for a while."""

    refusals = 3

    def ingest(self, messages: Sequence[GenerationMessage]) -> Ingested:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailableError("The database is down.")
        return super().ingest(messages)


class Mute(LocalBus):
    """A bus that takes no dead letters for a while."""

    refusals = 2

    def publish_all(self, messages: Iterable[Message]) -> Published:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailableError("It takes nothing.")
        return super().publish_all(messages)


def test_a_database_that_is_down_uses_up_nobodys_limit(places: Places, bus: Bus) -> None:
    with (
        closing(Down(places.database)) as store,
        closing(places.bus()) as hubs,
        closing(Hub(hubs, store, HubSettings(rate=0.001, burst=8))) as hub,
    ):
        bus.publish_all(messages([told(n) for n in range(8)]))
        assert wait_for(lambda: counted(store) == 8)
        assert hub.metrics["limited"] == store.refusals == 0


def test_what_was_counted_takes_nobody_s_limit_when_it_comes_again(tmp_path: Path) -> None:
    file = tmp_path / "bus.db"
    with (
        closing(HubStore(f"sqlite:///{tmp_path / 'hub.db'}")) as store,
        closing(LocalBus(file)) as bus,
        closing(Mute(file)) as hubs,
        closing(Hub(hubs, store, HubSettings(rate=0.001, burst=5))) as hub,
    ):
        bus.publish_all(messages([told(n) for n in range(8)]))
        assert wait_for(lambda: hub.metrics["dead_lettered"] == 3)
        assert (hub.metrics["limited"], counted(store), hubs.refusals) == (3, 5, 0)
