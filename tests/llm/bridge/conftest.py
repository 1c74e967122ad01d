"""Bridges on both kinds of bus, before a service on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cultivar.testing.bridges import Bridges
from cultivar.testing.nats import NatsServer, nats_server
from cultivar.testing.openai_server import OpenAIServer


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def service() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(params=["file", "server"])
def bridges(
    request: pytest.FixtureRequest, tmp_path: Path, service: OpenAIServer, opened: ExitStack
) -> Bridges:
    if request.param == "file":
        return Bridges(tmp_path, service, opened)
    server: NatsServer = request.getfixturevalue("server")
    return Bridges(tmp_path, service, opened, server.url)


@pytest.fixture
def on_a_server(
    server: NatsServer, tmp_path: Path, service: OpenAIServer, opened: ExitStack
) -> Bridges:
    return Bridges(tmp_path, service, opened, server.url)


@pytest.fixture
def on_a_file(tmp_path: Path, service: OpenAIServer, opened: ExitStack) -> Bridges:
    return Bridges(tmp_path, service, opened)
