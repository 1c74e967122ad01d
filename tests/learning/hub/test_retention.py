"""The hub's generations have their places, and are forgotten when they are older than is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import GENERATION
from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import GenerationMessage, decoded
from cultivar.ledger.database import connect
from cultivar.record import replace
from cultivar.testing.hubs import QUICK, Places, counted, messages, told, wait_for
from cultivar.testing.postgres import PostgresServer

NOW = datetime.now(UTC)
SOON = timedelta(seconds=1)


def message(number: int, at: datetime | None = None, **said: Any) -> GenerationMessage:
    when = None if at is None else at.isoformat()
    return decoded(json.encode(told(number, generated_at=when, **said)))


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def kept(places: Places) -> list[str]:
    """The ids of the generations that are there."""
    with closing(connect(places.database)) as database, database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id FROM template_generations_global ORDER BY id")
        return list(rows.scalars())


def forget(store: HubStore, keep_days: int, now: datetime = NOW) -> None:
    store.retention.announce(keep_days, now)
    store.retention.forget(now, lambda seconds: False)


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as address:
        yield address


@pytest.fixture
def partitioned(url: str) -> Iterator[HubStore]:
    with closing(HubStore(url)) as store:
        yield store


def places_of(url: str) -> dict[str, str]:
    """The partition of each generation."""
    asked = b"SELECT id, tableoid::regclass::text FROM template_generations_global"
    with psycopg.connect(url) as connection:
        return dict(connection.execute(asked).fetchall())


def month(at: datetime) -> str:
    return f"template_generations_global_y{at:%Ym%m}"


def test_each_generation_lies_with_those_of_its_month(partitioned: HubStore, url: str) -> None:
    last = NOW.replace(day=1) - timedelta(days=1)
    partitioned.ingest([message(1, NOW), message(2, last), message(3, ago(900)), message(4)])
    assert places_of(url) == {
        "generation-1": month(NOW),
        "generation-2": month(last),
        "generation-3": "template_generations_global_rest",
        "generation-4": "template_generations_global_rest",
    }


def test_what_waits_for_its_month_moves_there_when_the_month_is_near(
    partitioned: HubStore, url: str
) -> None:
    later = NOW + timedelta(days=200)
    partitioned.ingest([message(1, later), message(2, NOW + timedelta(days=900))])
    partitioned.retention.make_room(later)
    assert places_of(url) == {
        "generation-1": month(later),
        "generation-2": "template_generations_global_rest",
    }
    assert partitioned.ingest([message(1, later)]).repeated == 1


def together(url: str, work: Callable[[HubStore], None]) -> None:
    """Let four hubs do the same at once; none may fail."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with closing(HubStore(url)) as store:
                work(store)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []


def test_hubs_that_make_room_at_once_do_not_fail(url: str) -> None:
    later = NOW + timedelta(days=400)
    together(url, lambda store: store.retention.make_room(later))
    with closing(HubStore(url)) as store:
        store.retention.make_room(later)  # who was not let in looks again
        store.ingest([message(1, later)])
    assert places_of(url) == {"generation-1": month(later)}


def test_hubs_that_forget_at_once_do_not_fail(url: str) -> None:
    with closing(HubStore(url)) as store:
        store.ingest([message(n, ago(n % 60)) for n in range(300)])
    later = NOW + timedelta(days=120)
    together(url, lambda store: forget(store, 30, later))
    with closing(HubStore(url)) as store:
        forget(store, 30, later)  # who was not let in looks again
        assert counted(store) == 300
    assert places_of(url) == {}


@pytest.mark.parametrize(
    "at", [None, NOW + timedelta(hours=1), datetime(9999, 12, 31, 23, tzinfo=UTC)]
)
def test_a_message_whose_time_says_nothing_counts_once_all_the_same(
    store: HubStore, at: datetime | None
) -> None:
    found = [store.ingest([message(1, at)]) for _ in range(3)]
    assert [each.counted for each in found] == [1, 0, 0]
    assert counted(store) == 1


def test_what_is_older_than_is_kept_goes_and_its_counts_stay(
    places: Places, store: HubStore
) -> None:
    batch = [message(n, ago(days)) for n, days in enumerate([1, 20, 70, 400])]
    store.ingest(batch)
    forget(store, 30, NOW + timedelta(days=80))
    assert kept(places) == []
    assert counted(store) == 4


def test_what_is_younger_is_kept(places: Places, store: HubStore) -> None:
    store.ingest([message(1, ago(1)), message(2, ago(29))])
    forget(store, 30)
    assert kept(places) == ["generation-1", "generation-2"]


def test_what_says_no_time_is_known_as_long_as_the_bus_may_repeat_it(
    places: Places, store: HubStore
) -> None:
    store.ingest([message(1), message(2, NOW + timedelta(days=3000))])
    forget(store, 7, NOW + timedelta(days=40))
    assert kept(places) == ["generation-1", "generation-2"]
    forget(store, 7, NOW + timedelta(days=70))
    assert kept(places) == []


def test_many_go_in_small_batches_between_which_others_have_their_turn(
    places: Places, store: HubStore
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    store.ingest([replace(message(1, ago(400)), id=str(n)) for n in range(5000)])
    later = NOW + timedelta(days=400)
    store.retention.announce(30, later)
    store.retention.forget(later, pause)
    assert kept(places) == []
    assert len(pauses) == 2


def test_no_partition_goes_while_somebody_writes_and_nobody_waits_long(
    partitioned: HubStore, url: str
) -> None:
    partitioned.ingest([message(1, NOW)])
    later = NOW + timedelta(days=100)
    with psycopg.connect(url) as writer:
        writer.execute(b"UPDATE template_generations_global SET success = false")
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            forget(partitioned, 30, later)
    forget(partitioned, 30, later)
    assert places_of(url) == {}


def test_what_was_announced_by_one_hub_holds_for_all(places: Places, store: HubStore) -> None:
    with closing(places.store()) as other:
        other.retention.announce(10, NOW)
    store.retention.refresh()
    store.retention.announce(20, NOW)
    assert store.retention.has_forgotten(message(1, ago(15)))
    assert not store.retention.has_forgotten(message(2, ago(5)))
    assert not store.retention.has_forgotten(message(3))


def test_a_hub_that_starts_knows_what_was_announced(places: Places, store: HubStore) -> None:
    store.retention.announce(10, NOW)
    with closing(places.store()) as started:
        assert started.retention.has_forgotten(message(1, ago(15)))


def test_nothing_is_deleted_before_every_hub_has_heard_of_it(store: HubStore) -> None:
    store.retention.announce(10, NOW)
    assert not store.retention.is_known_to_all(NOW + SOON, timedelta(minutes=10))
    assert store.retention.is_known_to_all(NOW + timedelta(minutes=11), timedelta(minutes=10))


def test_a_hub_forgets_by_itself_and_hears_no_more_of_what_it_forgot(
    places: Places, bus: Bus, store: HubStore
) -> None:
    store.ingest([message(1, ago(100)), message(2, ago(1))])
    rows = "UPDATE template_generations_global SET received_at = generated_at"
    with closing(connect(places.database)) as database, database.write() as connection:
        connection.exec_driver_sql(rows)
    settings = replace(QUICK, keep_days=30, keeper_seconds=0.02)
    with closing(places.bus()) as hubs_bus, closing(Hub(hubs_bus, store, settings)) as hub:
        assert wait_for(lambda: kept(places) == ["generation-2"])
        again = told(1, generated_at=ago(100).isoformat())
        bus.publish(Message(subject=GENERATION, data=json.encode(again)))
        bus.publish_all(messages([told(3, generated_at=NOW.isoformat())]))
        assert wait_for(lambda: counted(store) == 3)
        assert wait_for(lambda: hub.metrics["too_old"] == 1)
        assert hub.metrics["dead_lettered"] == 1
