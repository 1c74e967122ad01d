"""A sender that asks without pause costs the others no more than a moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import pytest
from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import INTELLIGENCE, subject_of
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.intelligence import BUSY
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import decoded
from cultivar.testing.hubs import TEMPLATE, Places, told

BOUND = 5.0
"""Seconds within which each answer to the polite one comes; alone, it takes some milliseconds."""


@pytest.fixture(autouse=True)
def known(store: HubStore) -> None:
    """The hub knows enough for a question to cost it something."""
    facts = [
        told(n, instance_id=f"i{n % 6}", answers={f"q{k}": n % (k + 2) for k in range(6)})
        for n in range(300)
    ]
    store.ingest([decoded(json.encode(each)) for each in facts])


def question(sender: str, number: int) -> Message:
    """A question that was not asked before."""
    asked = {"action": "suggest_defaults", "template_id": TEMPLATE, "given": {"q0": number}}
    return Message(subject=subject_of(INTELLIGENCE, sender), data=json.encode(asked))


def longest_wait(bus: Bus) -> float:
    """How long the polite one waits for an answer, at most."""
    times: list[float] = []
    for number in range(5):
        began = time.monotonic()
        answer = json.decode(bus.request(question("polite", -number), 20), type=dict[str, object])
        assert "suggestions" in answer
        times.append(time.monotonic() - began)
    return max(times)


def test_who_asks_without_pause_starves_nobody(bus: Bus, places: Places, hub: Hub) -> None:
    numbers, is_over = count(), threading.Event()

    def ask_on(greedy: Bus) -> None:
        while not is_over.is_set():
            greedy.request(question("greedy", next(numbers)), 20)

    with closing(places.bus()) as greedy, ThreadPoolExecutor(12) as pool:
        asking = [pool.submit(ask_on, greedy) for _ in range(12)]
        time.sleep(0.3)
        took = longest_wait(bus)
        is_over.set()
        assert not any(each.exception() for each in asking)
    assert took < BOUND


def test_who_awaits_no_answers_fills_no_line_of_others(places: Places, hub: Hub, bus: Bus) -> None:
    with closing(places.bus()) as greedy:
        for number in range(2000):
            greedy.send(question("greedy", number))
        assert longest_wait(bus) < BOUND


def test_who_asks_for_too_much_is_told_so() -> None:
    assert json.decode(BUSY) == {
        "error": "The hub has too many requests of yours waiting. Ask later.",
        "kind": "BusyError",
    }
