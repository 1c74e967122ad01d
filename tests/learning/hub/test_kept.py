"""What the hub has worked out once it knows after a restart, too, and nobody waits for another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from cultivar.learning.defaults.keeping import AFFORDABLE
from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor
from cultivar.learning.hub.intelligence import Intelligence, Question, Request, plain
from cultivar.learning.hub.metrics import Metrics
from cultivar.learning.hub.snapshots import Snapshots
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import decoded
from cultivar.ledger.database import connect
from cultivar.ledger.tallying import Judgement
from cultivar.record import replace
from cultivar.testing.hubs import TEMPLATE, told

REQUEST = Request(action="suggest_defaults", template_id=TEMPLATE, given={"web": True})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HubStore]:
    """A hub's database that more instances have told than can be looked through each time."""
    made = [
        told(
            number,
            instance_id=f"instance-{number % AFFORDABLE}",
            answers={"web": True, "backend": "ets" if number % 3 else "redis"},
            success=number % 3 != 0 or number % 2 == 0,
        )
        for number in range(AFFORDABLE * 20)
    ]
    with closing(HubStore(f"sqlite:///{tmp_path / 'hub.db'}")) as opened:
        opened.ingest([decoded(json.encode(each)) for each in made])
        yield opened


def answered(store: HubStore) -> dict[str, Any]:
    """What a hub answers that has just begun."""
    with closing(Snapshots(0)) as snapshots:
        found = Intelligence(store, snapshots, Metrics()).answer(REQUEST)
        snapshots.renewals.wait()
        return found


def test_a_hub_answers_from_what_is_kept_what_the_counts_say(store: HubStore) -> None:
    expected = default_for(AskedFor(name="backend"), {"web": True}, store.tallies, TEMPLATE)
    assert expected is not None
    for _ in range(2):
        found = answered(store)
        assert found["suggestions"] == {"backend": plain(expected)}
        assert found["suggested_answers"] == {"backend": "ets"}
        assert (found["sample_size"], found["instances"]) == (AFFORDABLE * 20, AFFORDABLE)


def test_a_hub_that_begins_anew_believes_what_was_kept(store: HubStore) -> None:
    answered(store)
    kept = _everything_kept(store)
    body = json.encode({"suggestion": None}).decode()
    for key, judgement in kept.items():
        if "suggestion" in judgement.body:
            store.tallies.keep(
                TEMPLATE, "backend", {key: Judgement(body=body, uses=judgement.uses)}
            )
    assert answered(store)["suggested_answers"] == {}


def test_a_hub_says_for_which_questions_it_had_no_time(store: HubStore) -> None:
    questions = tuple(Question(name=name) for name in ("backend", "web", "ttl"))
    asked = replace(REQUEST, given={}, questions=questions)
    for seconds, not_reached in ((0.0, ["web", "ttl"]), (60.0, list[str]())):
        with closing(Snapshots(0)) as snapshots:
            answers = Intelligence(store, snapshots, Metrics(), longest_work=seconds)
            found = answers.answer(asked)
        assert "backend" in found["suggestions"]
        assert found["not_reached"] == not_reached


def _everything_kept(store: HubStore) -> dict[str, Judgement]:
    with closing(connect(f"sqlite:///{store.name}")) as database, database.read() as connection:
        rows = connection.exec_driver_sql("SELECT key, body, uses FROM judgements").all()
    return {key: Judgement(body=body, uses=uses) for key, body, uses in rows}


def test_who_asks_one_thing_does_not_wait_for_who_asks_another() -> None:
    go = threading.Event()

    def slow() -> str:
        assert go.wait(30)
        return "slow"

    with closing(Snapshots(0)) as snapshots, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(snapshots.get, "t", "slow", slow) for _ in range(2)]
        assert snapshots.get("t", "quick", lambda: "quick") == "quick"
        go.set()
        assert [each.result(30) for each in waiting] == ["slow", "slow"]


def test_what_two_ask_at_once_is_worked_out_once() -> None:
    go, times = threading.Event(), list[int]()

    def work() -> int:
        times.append(1)
        assert go.wait(30)
        return len(times)

    with closing(Snapshots(0)) as snapshots, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(snapshots.get, "t", "q", work) for _ in range(4)]
        go.set()
        assert [each.result(30) for each in waiting] == [1] * 4
