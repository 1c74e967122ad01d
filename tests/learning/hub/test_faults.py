"""Counts are exact, whoever dies in between."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cultivar.bus.base import Bus, Message
from cultivar.bus.nats import NatsBus
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.store import HubStore
from cultivar.settings import BusSettings
from cultivar.testing.hubs import Places, counted, messages, told, wait_for
from cultivar.testing.nats import NatsServer
from cultivar.testing.postgres import PostgresServer
from cultivar.testing.victims import PostgresVictim, postgres_victim

PROGRAM = Path(__file__).parent / "programs" / "hub.py"

MANY = 3000


@contextmanager
def running(*arguments: str) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def is_counted(store: HubStore, least: int) -> bool:
    return counted(store) >= least


def many(number: int = MANY) -> list[Message]:
    return messages([told(n, instance_id=f"instance-{n % 7}") for n in range(number)])


def test_a_hub_that_is_killed_counts_each_generation_once(
    places: Places, bus: Bus, store: HubStore
) -> None:
    bus.publish_all(many())
    for least in (200, 1000):
        with running(str(PROGRAM), places.address, places.database):
            assert wait_for(partial(is_counted, store, least))
    before = counted(store)
    with running(str(PROGRAM), places.address, places.database):
        assert wait_for(lambda: counted(store) >= MANY, 60)
        bus.publish_all(messages([told(MANY)]))
        assert wait_for(lambda: counted(store) >= MANY + 1)
    assert before < MANY
    assert counted(store) == MANY + 1


def test_a_bus_that_is_killed_loses_and_repeats_no_count(
    server: NatsServer, store_on_postgres: HubStore
) -> None:
    settings = BusSettings(url=server.url, timeout=1)
    with (
        closing(NatsBus(settings)) as bus,
        closing(Hub(bus, store_on_postgres, HubSettings(batch=50))),
    ):
        for part in range(0, MANY, 1000):
            published = bus.publish_all(many()[part : part + 1000])
            assert not published.failed
            server.kill()
            server.start()
        assert wait_for(lambda: counted(store_on_postgres) >= MANY, 60)
    assert counted(store_on_postgres) == MANY


@pytest.fixture
def store_on_postgres(postgres: PostgresServer) -> Iterator[HubStore]:
    with postgres.database() as url, closing(HubStore(url)) as store:
        yield store


@pytest.fixture
def mortal(postgres: PostgresServer) -> Iterator[PostgresVictim]:
    """A server of our own, where one can be had at all."""
    with postgres_victim() as server:
        yield server


def test_a_database_that_is_killed_loses_and_repeats_no_count(
    server: NatsServer, mortal: PostgresVictim
) -> None:
    with ExitStack() as opened:
        store = opened.enter_context(closing(HubStore(mortal.url)))
        bus = opened.enter_context(closing(NatsBus(BusSettings(url=server.url))))
        hub = opened.enter_context(closing(Hub(bus, store, HubSettings(batch=20))))
        publisher = threading.Thread(target=bus.publish_all, args=(many(),))
        publisher.start()
        for least in (100, 1000):
            assert wait_for(partial(is_counted, store, least))
            mortal.kill()
            assert wait_for(lambda: hub.health()["database"] != "ok")
            assert hub.health()["status"] == "degraded"
            mortal.start()
        publisher.join()
        assert wait_for(partial(is_counted, store, MANY), 60)
        assert wait_for(lambda: hub.health()["status"] == "ok")
        assert counted(store) == MANY
