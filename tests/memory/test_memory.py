"""The memory over each index."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cultivar.ledger.base import PatternStore
from cultivar.memory.base import Memory
from cultivar.memory.chroma import ChromaIndex
from cultivar.memory.embedding import HashedEmbedder
from cultivar.memory.index import ExactIndex, TieredIndex
from cultivar.memory.memory import JOINS_FROM, PatternMemory, open_memory
from cultivar.memory.places import FolderPlace
from cultivar.model import CheckResult
from cultivar.testing.memories import UNUSED_IMPORT, MemoryContract, failed
from cultivar.testing.patterns import MemoryPatternStore

EMBEDDER = HashedEmbedder()


class TestExact(MemoryContract):
    """Over the ledger's own vectors."""

    @pytest.fixture
    def store(self) -> PatternStore:
        return MemoryPatternStore()

    @pytest.fixture
    def memory(self, store: PatternStore) -> Memory:
        return PatternMemory(store, ExactIndex(store, EMBEDDER), EMBEDDER)


class TestChroma(MemoryContract):
    """In Chroma, from the first pattern on."""

    @pytest.fixture
    def memory(self, store: PatternStore, tmp_path: Path) -> Iterator[Memory]:
        chroma = ChromaIndex(store, EMBEDDER, FolderPlace(tmp_path / "memory"))
        memory = PatternMemory(store, chroma, EMBEDDER)
        yield memory
        memory.close()


class TestAsWired(MemoryContract):
    """As users have it."""

    @pytest.fixture
    def memory(self, store: PatternStore, tmp_path: Path) -> Iterator[Memory]:
        memory = open_memory(store, tmp_path / "memory")
        yield memory
        memory.close()


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A memory that has learned all real failures."""

    store: PatternStore
    folder: Path


@pytest.fixture(scope="module")
def learned(
    tmp_path_factory: pytest.TempPathFactory, failures: list[tuple[CheckResult, str]]
) -> Learned:
    folder = tmp_path_factory.mktemp("memory")
    store = MemoryPatternStore()
    memory = open_memory(store, folder)
    for failure, language in failures:
        memory.learn(failure, language)
    memory.close()
    return Learned(store=store, folder=folder)


def test_chroma_and_the_exact_index_give_the_same_answers(
    learned: Learned, failures: list[tuple[CheckResult, str]]
) -> None:
    chroma = ChromaIndex(learned.store, EMBEDDER, FolderPlace(learned.folder))
    exact = ExactIndex(learned.store, EMBEDDER)
    memories = [PatternMemory(learned.store, index, EMBEDDER) for index in (chroma, exact)]
    answers = [
        [[p.id for p in memory.recall(failure.output, language=language)] for memory in memories]
        for failure, language in failures
    ]
    chroma.close()
    assert [first for first, _ in answers] == [second for _, second in answers]


def test_every_learned_failure_is_near_to_a_pattern_of_its_kind(
    learned: Learned, failures: list[tuple[CheckResult, str]]
) -> None:
    memory = open_memory(learned.store, learned.folder)
    nearest = [
        memory.recall(failure.output, language=language, check=failure.check)[0]
        for failure, language in failures
    ]
    memory.close()
    assert min(pattern.score for pattern in nearest) >= JOINS_FROM - 0.0001


def test_many_patterns_are_found_in_chroma(
    learned: Learned, failures: list[tuple[CheckResult, str]]
) -> None:
    chroma = ChromaIndex(learned.store, EMBEDDER, FolderPlace(learned.folder))
    large = TieredIndex(_Unusable(), chroma, exact_below=10)
    failure, language = failures[0]
    memory = PatternMemory(learned.store, large, EMBEDDER)
    recalled = memory.recall(failure.output, language=language)
    memory.close()
    assert recalled


def test_nothing_heavy_is_imported_before_there_is_a_pattern(tmp_path: Path) -> None:
    assert not _modules_after("", tmp_path) & {"chromadb", "numpy"}


def test_chroma_is_not_imported_to_recall_among_few_patterns(
    store: PatternStore, tmp_path: Path
) -> None:
    memory = open_memory(store, tmp_path / "memory")
    memory.learn(failed(UNUSED_IMPORT), "python")
    memory.close()
    assert "chromadb" not in _modules_after("assert found", tmp_path)


_RECALL = """
import sys
from pathlib import Path
from cultivar.ledger.sql import open_ledger
from cultivar.memory.memory import open_memory
folder = Path(sys.argv[1])
ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}")
memory = open_memory(ledger.patterns, folder / "memory")
found = memory.recall("x.py:1:1: F401 `os` imported but unused", language="python")
"""


def _modules_after(then: str, folder: Path) -> set[str]:
    """The modules of a new process that recalls something, and then does `then`."""
    script = f"{_RECALL}\n{then}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


class _Unusable(ExactIndex):
    """An index that must not be asked."""

    def __init__(self) -> None:
        super().__init__(MemoryPatternStore(), EMBEDDER)

    def refresh(self) -> None:
        raise AssertionError("the exact index was asked")
