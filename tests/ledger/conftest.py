"""A ledger on each database that Cultivar supports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.ledger.base import CallRecord, ContentStore, PatternStore, VerdictCache
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.ledger.tallying import TallyStore
from cultivar.testing.postgres import TEMPLATE, PostgresServer


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy."""
    file = tmp_path_factory.mktemp("empty") / "ledger.db"
    open_ledger(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty ledger, on each database."""
    if request.param == "sqlite":
        file = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("empty_file"), file)
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database(TEMPLATE) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table, on each database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as address:
        yield address


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    """An empty ledger, on each database."""
    with open_ledger(url) as opened:
        yield opened


@pytest.fixture
def content(ledger: SqlLedger) -> ContentStore:
    return ledger.content


@pytest.fixture
def verdicts(ledger: SqlLedger) -> VerdictCache:
    return ledger.verdicts


@pytest.fixture
def patterns(ledger: SqlLedger) -> PatternStore:
    return ledger.patterns


@pytest.fixture
def calls(ledger: SqlLedger) -> CallRecord:
    return ledger.calls


@pytest.fixture
def tallies(ledger: SqlLedger) -> TallyStore:
    return ledger.tallies


@pytest.fixture
def postgres_address(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database without a table, on PostgreSQL."""
    with postgres.database() as address:
        yield address
