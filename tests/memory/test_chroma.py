"""The index in Chroma: stale, broken, killed, shared."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from cultivar.errors import SettingsError, StoreUnavailableError
from cultivar.ledger.base import PatternStore
from cultivar.ledger.sql import open_ledger
from cultivar.memory.chroma import ChromaIndex
from cultivar.memory.embedding import HashedEmbedder, Weights
from cultivar.memory.index import ExactIndex, encoded
from cultivar.memory.memory import PatternMemory, open_memory
from cultivar.memory.places import FolderPlace, ServerPlace
from cultivar.model import FailurePattern
from cultivar.testing.memories import LONG_LINE, UNDEFINED_NAME, UNUSED_IMPORT, failed
from cultivar.testing.patterns import MemoryPatternStore

EMBEDDER = HashedEmbedder()
QUERY = EMBEDDER.embed(["tool:ruff kind:F401\n`<name>` imported but unused"])[0]
MANY = 1_100
"""Beyond a thousand vectors Chroma writes its graph to files of their own."""


def grown(store: PatternStore, count: int, start: int = 0) -> PatternStore:
    """`store` with more patterns, of texts that are all different."""
    texts = [f"message {i} {chr(97 + i % 26) * (i % 7)} of {i * 37 % 101}" for i in range(count)]
    for number, vector in enumerate(EMBEDDER.embed(texts)):
        pattern = FailurePattern(
            id=f"{start + number:06}",
            signature=texts[number],
            check="lint",
            language="python",
            kind="K",
            example="",
        )
        store.add_pattern(pattern, encoded(vector), EMBEDDER.id)
    return store


def index_of(store: PatternStore, folder: Path) -> ChromaIndex:
    return ChromaIndex(store, EMBEDDER, FolderPlace(folder, patience=0.2))


def scores(index: ChromaIndex | ExactIndex) -> list[float]:
    return [round(near.score, 3) for near in index.nearest(QUERY, "python", 5)]


@pytest.fixture(scope="module")
def many() -> PatternStore:
    return grown(MemoryPatternStore(), MANY)


def test_takes_in_what_the_ledger_got_since(tmp_path: Path) -> None:
    store = grown(MemoryPatternStore(), 5)
    index = index_of(store, tmp_path)
    index.refresh()
    grown(store, 5, start=5)
    index.refresh()
    index.close()
    assert index.size() == 10


def test_an_index_that_stays_open_sees_what_another_process_added(
    store: PatternStore, tmp_path: Path
) -> None:
    mine = index_of(grown(store, 3), tmp_path / "memory")
    mine.refresh()
    _run(_LEARN, tmp_path, UNUSED_IMPORT)
    found = mine.nearest(QUERY, "python", 1)
    mine.close()
    (pattern,) = store.patterns([found[0].id])
    assert pattern.kind == "F401"


def test_a_whole_index_is_not_made_anew(tmp_path: Path, many: PatternStore) -> None:
    made: list[set[str]] = []
    for _ in range(3):
        index = index_of(many, tmp_path)
        index.nearest(QUERY, "python", 3)
        index.close()
        made.append({path.name for path in tmp_path.glob("index-*")})
    assert made[0] == made[1] == made[2]


def _garbage(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(np.random.default_rng(1).bytes(max(size, 64)))


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [_garbage, _half, Path.unlink])
@pytest.mark.parametrize("file", ["chroma.sqlite3", "data_level0.bin", "index_metadata.pickle"])
def test_a_damaged_index_is_made_anew(
    file: str, damage: Callable[[Path], None], tmp_path: Path, many: PatternStore
) -> None:
    index = index_of(many, tmp_path)
    index.refresh()
    index.close()
    damage(next(tmp_path.rglob(file)))
    found = scores(index)
    index.close()
    assert found == scores(ExactIndex(many, EMBEDDER))


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"embedder": "x", "more": 1}'])
def test_an_index_with_a_damaged_stamp_is_made_anew(stamp: str, tmp_path: Path) -> None:
    store = grown(MemoryPatternStore(), 20)
    index = index_of(store, tmp_path)
    index.refresh()
    index.close()
    (tmp_path / "stamp.json").write_text(stamp)
    found = scores(index)
    index.close()
    assert found == scores(ExactIndex(store, EMBEDDER))


def test_an_index_that_ended_a_process_while_it_opened_is_made_anew(tmp_path: Path) -> None:
    store = grown(MemoryPatternStore(), 20)
    index = index_of(store, tmp_path)
    index.refresh()
    index.close()
    before = next(tmp_path.glob("index-*"))
    (tmp_path / "opening").touch()
    index.refresh()
    index.close()
    assert not before.exists()
    assert index.size() == 20


def test_another_embedder_gets_an_index_of_its_own_vectors(tmp_path: Path) -> None:
    store = MemoryPatternStore()
    old = open_memory(store, tmp_path)
    for text in (UNUSED_IMPORT, LONG_LINE, UNDEFINED_NAME):
        old.learn(failed(text), "python")
    old.close()
    embedder = HashedEmbedder(dimensions=384, weights=Weights(words=0.1))
    chroma = ChromaIndex(store, embedder, FolderPlace(tmp_path))
    new = PatternMemory(store, chroma, embedder)
    kinds = [new.recall(t, language="python", limit=1)[0].kind for t in (LONG_LINE, UNUSED_IMPORT)]
    new.close()
    assert kinds == ["E501", "F401"]


def test_an_index_of_another_ledger_is_made_anew(tmp_path: Path) -> None:
    other = index_of(grown(MemoryPatternStore(), 3), tmp_path)
    other.refresh()
    other.close()
    store = MemoryPatternStore()
    chroma = index_of(store, tmp_path)
    memory = PatternMemory(store, ExactIndex(store, EMBEDDER), EMBEDDER)
    for text in (UNUSED_IMPORT, LONG_LINE, UNDEFINED_NAME):
        memory.learn(failed(text), "python")
    served = PatternMemory(store, chroma, EMBEDDER)
    recalled = served.recall(LONG_LINE, language="python", limit=1)
    served.close()
    assert recalled[0].kind == "E501"


def test_while_another_process_uses_it_the_memory_answers_from_the_ledger(tmp_path: Path) -> None:
    store = MemoryPatternStore()
    memory = open_memory(store, tmp_path)
    memory.learn(failed(UNUSED_IMPORT), "python")
    memory.close()
    with FileLock(tmp_path / "lock"):
        assert memory.recall(UNUSED_IMPORT, language="python")


def test_says_who_holds_it_when_it_cannot_be_opened(tmp_path: Path) -> None:
    index = index_of(grown(MemoryPatternStore(), 3), tmp_path)
    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(StoreUnavailableError, match="Another process"),
    ):
        index.refresh()


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file")
    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        index_of(grown(MemoryPatternStore(), 3), tmp_path / "memory").refresh()


def test_what_was_learned_survives_an_index_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file")
    store = MemoryPatternStore()
    memory = open_memory(store, tmp_path / "memory")
    memory.learn(failed(UNUSED_IMPORT), "python")
    assert memory.recall(UNUSED_IMPORT, language="python")[0].kind == "F401"


_PRELUDE = """
import sys
from pathlib import Path
from cultivar.ledger.sql import open_ledger
from cultivar.memory.memory import open_memory
from cultivar.testing.memories import failed
folder = Path(sys.argv[1])
store = open_ledger(f"sqlite:///{folder / 'ledger.db'}").patterns
memory = open_memory(store, folder / "memory")
"""
_LEARN = f"{_PRELUDE}\nmemory.learn(failed(sys.argv[2]), 'python')\nmemory.close()"
_LEARN_MANY = f"""{_PRELUDE}
from cultivar.memory.signature import signature_of
own = int(sys.argv[2])
for number in range(12):
    shared = number % 3 == 0
    code = f"F{{100 + number}}" if shared else f"E{{own}}{{100 + number}}"
    memory.learn(failed(f"a.py:{{number + 1}}:{{own + 1}}: {{code}} `x{{own}}` is wrong"), "python")
    memory.recall(f"a.py:1:1: {{code}} `y` is wrong", language="python")
memory.close()
"""
_LEARN_FOREVER = f"""{_PRELUDE}
print("ready", flush=True)
for number in range(1_000_000):
    memory.learn(failed(f"a.py:1:1: F{{1000 + number % 9000}} `x` is wrong {{number}}"), "python")
"""


def _run(script: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True)


def test_four_processes_at_once_lose_nothing_and_find_everything(tmp_path: Path) -> None:
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    command = [sys.executable, "-c", _LEARN_MANY, str(tmp_path)]
    running = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    index = index_of(ledger.patterns, tmp_path / "memory")
    patterns = ledger.patterns.patterns()
    memory = PatternMemory(ledger.patterns, index, EMBEDDER)
    found = [memory.recall(p.example, language="python", check="lint")[0].id for p in patterns]
    memory.close()
    ledger.close()
    assert len(patterns) == 4 + 4 * 8
    assert len({pattern.signature for pattern in patterns}) == len(patterns)
    assert found == [pattern.id for pattern in patterns]


@pytest.mark.parametrize("after", [0.05, 0.4])
def test_a_process_killed_while_it_learns_leaves_a_memory_that_works(
    after: float, tmp_path: Path
) -> None:
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    with subprocess.Popen(
        [sys.executable, "-c", _LEARN_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        while not (tmp_path / "memory/stamp.json").exists():
            time.sleep(0.01)
        time.sleep(after)
        running.send_signal(signal.SIGKILL)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    index = index_of(ledger.patterns, tmp_path / "memory")
    known = len(ledger.patterns.patterns())
    found = scores(index)
    index.close()
    assert found == scores(ExactIndex(ledger.patterns, EMBEDDER))
    assert index.size() == known
    ledger.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    chroma = Path(sys.executable).parent / "chroma"
    arguments = ["run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)]
    running = subprocess.Popen([str(chroma), *arguments], stdout=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/v2/heartbeat")
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(timeout=10)


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(address)


def test_a_server_gives_the_same_answers(server: str, many: PatternStore) -> None:
    index = ChromaIndex(many, EMBEDDER, ServerPlace(server, "same"))
    found = scores(index)
    index.close()
    assert found == scores(ExactIndex(many, EMBEDDER))


def test_two_clients_of_a_server_see_what_either_learned(server: str) -> None:
    store = grown(MemoryPatternStore(), 5)
    first, second = (ChromaIndex(store, EMBEDDER, ServerPlace(server, "two")) for _ in range(2))
    first.refresh()
    grown(store, 5, start=5)
    second.refresh()
    found = {near.id for near in first.nearest(QUERY, "", 10)}
    first.close()
    second.close()
    assert len(found) == 10


def test_what_a_server_has_of_another_ledger_is_thrown_away(server: str) -> None:
    old = ChromaIndex(grown(MemoryPatternStore(), 9), EMBEDDER, ServerPlace(server, "old"))
    old.refresh()
    old.close()
    index = ChromaIndex(grown(MemoryPatternStore(), 3), EMBEDDER, ServerPlace(server, "old"))
    found = index.nearest(QUERY, "python", 9)
    index.close()
    assert len(found) == 3


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    index = ChromaIndex(grown(MemoryPatternStore(), 3), EMBEDDER, ServerPlace("http://127.0.0.1:9"))
    with pytest.raises(StoreUnavailableError, match="No Chroma server"):
        index.refresh()


def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="chroma_url"):
        ServerPlace("localhost")
