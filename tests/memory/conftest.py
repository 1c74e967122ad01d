"""Ledgers, and real failures to remember."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.ledger.base import PatternStore
from cultivar.ledger.sql import open_ledger
from cultivar.model import CheckResult

CORPUS = Path(__file__).parents[2] / "evals/failures/corpus.jsonl"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PatternStore]:
    """The failure patterns of an empty SQLite ledger."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger.patterns
    ledger.close()


@pytest.fixture(scope="session")
def failures() -> list[tuple[CheckResult, str]]:
    """Real failures of the development part of the corpus, each with its language."""
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    return [(_failed(line), line["language"]) for line in lines if line["part"] == "development"]


def _failed(line: dict[str, str]) -> CheckResult:
    return CheckResult(
        check=line["check"], verdict="failed", required=True, weight=1.0, output=line["output"]
    )
