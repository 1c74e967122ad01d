"""A bus that is no help is no harm: what is generated is recorded, and waits its turn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from cultivar import Cultivar, load_settings
from cultivar.bus.nats import NatsBus
from cultivar.ledger.outgoing import Outbox
from cultivar.settings import BusSettings
from cultivar.testing.buses import Basket
from cultivar.testing.nats import nats_server

Trouble = Callable[[], AbstractContextManager[str]]
"""Gives the address of a bus that is in trouble."""


@contextmanager
def dead() -> Generator[str]:
    """An address where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"nats://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def hanging() -> Generator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"nats://127.0.0.1:{silent.getsockname()[1]}"


@contextmanager
def babbling() -> Generator[str]:
    """A server that says something to each connection and hangs up; it is none of NATS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=babble, args=(server,))
        thread.start()
        yield f"nats://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def babble(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def without_jetstream() -> Generator[str]:
    """A server of NATS that keeps nothing."""
    accounts = "accounts { A { users: [ { user: me, password: right } ] } }"
    with nats_server(accounts) as server:
        yield server.url.replace("nats://", "nats://me:right@")


@pytest.mark.parametrize("trouble", [dead, hanging, babbling, without_jetstream])
def test_what_is_generated_meanwhile_is_told_when_the_bus_is_back(
    trouble: Trouble, workspace: Path, servers: None
) -> None:
    made: list[str] = []
    with trouble() as address:
        settings = load_settings(bus=BusSettings(url=address), instance_id="ours")
        with Cultivar(settings) as cultivar:
            for output in ("one", "two"):
                done = cultivar.generate("greet", template="test:greeting", output=output)
                made.append(done.generation_id)
            waiting = cultivar.services.need(Outbox).pending("ours")
            assert [each.id for each in cultivar.history()] == made[::-1]
    assert [each.generation_id for each in waiting] == made
    with nats_server() as server:
        settings = load_settings(bus=BusSettings(url=server.url), instance_id="ours")
        with Cultivar(settings) as cultivar, closing(NatsBus(settings.bus)) as bus:
            made.append(
                cultivar.generate("greet", template="test:greeting", output="three").generation_id
            )
            basket = Basket()
            bus.consume("GENERATIONS", "test", basket)
            assert basket.holds(3)
    assert basket.ids == made
