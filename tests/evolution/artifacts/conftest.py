from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.checking.checks import CheckRunner
from cultivar.evolution.artifacts.registry import Registry
from cultivar.ledger.sql import SqlLedger
from cultivar.testing.artifacts import World, world_in
from cultivar.testing.tools import place_for_tools


@pytest.fixture(scope="session")
def runner() -> Iterator[CheckRunner]:
    """What runs tools behind a wall."""
    with place_for_tools(seconds=5.0) as place:
        yield place.runner


@pytest.fixture
def world(tmp_path: Path, runner: CheckRunner) -> World:
    return world_in(tmp_path, lambda: runner)


@pytest.fixture
def ledger(world: World) -> Iterator[SqlLedger]:
    with world.ledger() as opened:
        yield opened


@pytest.fixture
def registry(world: World, ledger: SqlLedger) -> Registry:
    """All of it in the record."""
    made = world.registry(ledger)
    made.sync()
    return made
