"""The hub's database is its own, and what is kept in it is counted once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import GenerationMessage, decoded
from cultivar.ledger.sql import open_ledger
from cultivar.testing.hubs import TEMPLATE, Places, counted, told


def message(number: int) -> GenerationMessage:
    return decoded(json.encode(told(number)))


def test_a_database_of_another_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (n INTEGER)")
    with pytest.raises(StoreUnavailableError, match="`theirs`"):
        HubStore(f"sqlite:///{file}")


def test_a_ledger_is_no_database_of_a_hub(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url).close()
    with pytest.raises(StoreUnavailableError, match="no hub made"):
        HubStore(url)


def test_a_database_of_a_newer_hub_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "hub.db"
    HubStore(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE hub_version SET number = 99")
    with pytest.raises(StoreUnavailableError, match="schema 99"):
        HubStore(f"sqlite:///{file}")


def test_a_batch_counts_what_is_new_in_it(store: HubStore) -> None:
    store.ingest([message(1), message(2)])
    found = store.ingest([message(2), message(3), message(3)])
    assert (found.counted, found.repeated, found.templates) == (1, 2, frozenset({TEMPLATE}))
    assert counted(store) == 3


def test_thousands_are_kept_and_counted_together(store: HubStore) -> None:
    many = [message(number) for number in range(2500)]
    store.ingest(many[:100])
    found = store.ingest(many)
    assert (found.counted, found.repeated) == (2400, 100)
    assert counted(store) == 2500


def test_hubs_that_are_told_the_same_at_once_count_it_once(places: Places) -> None:
    many = [message(number) for number in range(300)]
    with closing(places.store()) as one, closing(places.store()) as other:
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(store.ingest, many) for store in (one, other) * 3]
        assert sum(each.result().counted for each in asked) == counted(one) == 300


def test_what_was_kept_is_there_when_it_is_opened_again(places: Places) -> None:
    with closing(places.store()) as store:
        store.ingest([message(1)])
    with closing(places.store()) as store:
        store.check()
        assert counted(store) == 1


@given(batches=st.lists(st.lists(st.integers(0, 20), max_size=8), max_size=5))
def test_however_often_it_is_told_a_generation_counts_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    file = tmp_path_factory.mktemp("hub") / "hub.db"
    with closing(HubStore(f"sqlite:///{file}")) as store:
        found = [store.ingest([message(n) for n in batch]) for batch in batches]
        told_of = {n for batch in batches for n in batch}
        assert sum(each.counted for each in found) == counted(store) == len(told_of)
