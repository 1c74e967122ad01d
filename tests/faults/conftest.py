"""A crowd that has recorded much, and servers that may be killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.testing.crowds import Crowd, crowd
from cultivar.testing.nats import NatsServer, nats_server
from cultivar.testing.postgres import PostgresServer
from cultivar.testing.victims import PostgresVictim, postgres_victim


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Five instances that have 20,000 generations to tell of."""
    return crowd(tmp_path_factory.mktemp("crowd"), members=5, generations=20_000, seed=1)


@pytest.fixture
def telling(recorded: Crowd, tmp_path: Path) -> Crowd:
    """The same with ledgers that may be used up."""
    return recorded.copied_to(tmp_path)


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[PostgresVictim]:
    """A server of our own, where one can be had at all."""
    with postgres_victim() as started:
        yield started
