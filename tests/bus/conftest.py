"""A bus of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cultivar.bus.base import Bus
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.settings import BusSettings
from cultivar.testing.buses import WORK, OpenBus
from cultivar.testing.nats import NatsServer, nats_server


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    """A server that anybody may use."""
    with nats_server() as started:
        yield started


@pytest.fixture(params=["local", "nats"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBus:
    """Opens the same bus as often as one likes, as several processes would."""
    if request.param == "local":
        return lambda: LocalBus(tmp_path / "bus.db", (WORK,))
    server: NatsServer = request.getfixturevalue("server")
    return lambda: NatsBus(BusSettings(url=server.url), (WORK,))


@pytest.fixture
def open_bus(connect: OpenBus) -> Iterator[OpenBus]:
    """Opens the bus, and closes it at the end."""
    with ExitStack() as opened:

        def open_one() -> Bus:
            bus = connect()
            opened.callback(bus.close)
            return bus

        yield open_one


@pytest.fixture
def bus(open_bus: OpenBus) -> Bus:
    return open_bus()
