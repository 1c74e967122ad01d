"""An empty ledger in a file, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.testing.projects import Story


@pytest.fixture(scope="session")
def empty_ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy."""
    file = tmp_path_factory.mktemp("empty") / "ledger.db"
    open_ledger(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def ledger(empty_ledger_file: Path, tmp_path: Path) -> Iterator[SqlLedger]:
    """An empty ledger."""
    file = tmp_path / "ledger.db"
    shutil.copy(empty_ledger_file, file)
    with open_ledger(f"sqlite:///{file}") as opened:
        yield opened


@pytest.fixture
def story(empty_ledger_file: Path, tmp_path: Path) -> Iterator[Story]:
    """A template without a version yet, and no project."""
    told = Story.told_in(tmp_path, empty_ledger_file)
    with told.cultivar:
        yield told
