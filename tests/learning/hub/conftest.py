"""Hubs on real servers, and on the files of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cultivar.bus.base import Bus
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.testing.hubs import QUICK, Places
from cultivar.testing.nats import NatsServer, nats_server


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture(params=["files", "servers"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    if request.param == "files":
        yield Places(address=str(tmp_path / "bus.db"), database=f"sqlite:///{tmp_path / 'hub.db'}")
        return
    server: NatsServer = request.getfixturevalue("server")
    with request.getfixturevalue("postgres").database() as url:
        yield Places(address=server.url, database=url)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def store(places: Places, opened: ExitStack) -> HubStore:
    store = places.store()
    opened.callback(store.close)
    return store


@pytest.fixture
def bus(places: Places, opened: ExitStack) -> Bus:
    """The bus of an instance."""
    bus = places.bus()
    opened.callback(bus.close)
    return bus


@pytest.fixture
def hub(places: Places, store: HubStore, opened: ExitStack) -> Hub:
    hubs_bus = places.bus()
    opened.callback(hubs_bus.close)
    hub = Hub(hubs_bus, store, QUICK)
    opened.callback(hub.close)
    return hub
