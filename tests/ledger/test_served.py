"""The ledger in a process of its own is the same ledger."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.errors import NotKnownError, SettingsError, StoreUnavailableError
from cultivar.ledger.base import Query
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.sql import open_ledger
from cultivar.record import replace
from cultivar.testing.generations import generation_of
from cultivar.tree import Tree, text_entry

TREE = Tree({"a.txt": text_entry("one\n")})
GENERATION = generation_of(TREE.hash, output="/somewhere")
UNKEPT = generation_of(Tree({}).hash).attempts[0]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[LedgerProcess]:
    process = LedgerProcess()
    yield process.open(f"sqlite:///{tmp_path}/ledger.db")
    process.close()
    process.wait()


def test_what_was_handed_over_is_in_the_ledger_once_it_is_flushed(
    served: LedgerProcess, tmp_path: Path
) -> None:
    kept = served.content.put(TREE)
    served.flush()
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.content.tree(kept) == TREE
    assert served.content.tree(kept) == TREE


def test_what_is_asked_comes_after_what_was_handed_over(served: LedgerProcess) -> None:
    assert served.latest_at("/somewhere") is None
    served.content.put(TREE)
    served.record(GENERATION)
    assert served.latest_at("/somewhere") == GENERATION
    assert served.generations(Query()) == (GENERATION,)


def test_what_a_ledger_kept_before_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with open_ledger(url) as ledger:
        ledger.content.put(TREE)
        ledger.record(GENERATION)
    process = LedgerProcess().open(url)
    assert process.latest_at("/somewhere") == GENERATION
    process.close()


def test_what_could_not_be_kept_is_said_by_the_next_call(served: LedgerProcess) -> None:
    served.record(replace(GENERATION, attempts=(UNKEPT,)))
    with pytest.raises(NotKnownError, match="no tree"):
        served.flush()
    served.flush()


def test_what_could_not_be_kept_is_said_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"This is no database, however long it may become." * 99)
    process = LedgerProcess().open(f"sqlite:///{tmp_path}/ledger.db")
    process.content.put(TREE)
    with pytest.raises(StoreUnavailableError, match=r"ledger\.db"):
        process.close()
    process.wait()


def test_calls_of_models_are_looked_up_in_it(served: LedgerProcess) -> None:
    assert served.calls.call("a run", "a request") is None


def test_its_errors_are_those_of_the_ledger(served: LedgerProcess) -> None:
    with pytest.raises(NotKnownError, match="There is no run 'zzz'") as raised:
        served.run("zzz")
    assert (raised.value.kind, raised.value.name) == ("run", "zzz")


def test_an_address_that_is_none_is_said_when_it_is_opened() -> None:
    process = LedgerProcess()
    with pytest.raises(SettingsError, match="cannot be kept"):
        process.open("mysql://nowhere")
    process.close()
    process.wait()


def test_a_process_that_was_killed_is_said(served: LedgerProcess) -> None:
    os.kill(served.pid, signal.SIGKILL)
    with pytest.raises(StoreUnavailableError, match="has ended"):
        served.runs()


def test_nothing_in_the_current_folder_is_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise SystemExit('taken')\n")
    monkeypatch.chdir(tmp_path)
    process = LedgerProcess()
    assert process.open(f"sqlite:///{tmp_path}/ledger.db").runs() == ()
    process.close()
    process.wait()


def test_it_ends_with_whoever_started_it(served: LedgerProcess) -> None:
    served.close()
    served.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(served.pid, 0)
