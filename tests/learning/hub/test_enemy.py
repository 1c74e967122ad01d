"""What an instance sends that means harm: it is set aside, and the others are heard as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import GENERATION, subject_of
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.store import HubStore
from cultivar.record import replace
from cultivar.testing.hubs import QUICK, TEMPLATE, Places, ask, counted, told, wait_for

HEARD = 300


@pytest.fixture
def strict_hub(places: Places, store: HubStore) -> Iterator[Hub]:
    """A hub that hears little of each instance."""
    settings: HubSettings = replace(QUICK, rate=0.001, burst=HEARD)
    with closing(places.bus()) as bus, closing(Hub(bus, store, settings)) as hub:
        yield hub


def by(sender: str, number: int, **said: Any) -> Message:
    """A message that an instance sends under its own subject."""
    facts = told(number, **{"id": f"{sender} {number}", "instance_id": sender, **said})
    subject = subject_of(GENERATION, sender)
    return Message(subject=subject, data=json.encode(facts), id=facts["id"])


def honest(number: int) -> list[Message]:
    """What six instances tell: one answer succeeds more than the other."""
    return [
        by(
            f"instance-{each % 6}",
            each,
            answers={"backend": "ets" if each // 6 % 3 else "redis"},
            success=each // 6 % 3 != 0 or each // 18 % 2 == 0,
        )
        for each in range(number)
    ]


def uses_of(store: HubStore, instance_id: str) -> int:
    totals = store.tallies.totals(TEMPLATE).get(TEMPLATE, {})
    return sum(each.uses for stratum, each in totals.items() if stratum.instance_id == instance_id)


def test_one_answer_ever_and_ever_again_is_heard_so_often_and_drowns_nobody(
    bus: Bus, strict_hub: Hub, store: HubStore
) -> None:
    flood = [by("liar", n, answers={"backend": "redis"}, success=True) for n in range(3000)]
    words = honest(600)
    mixed = [each for n in range(600) for each in (*flood[n * 5 : n * 5 + 5], words[n])]
    assert not bus.publish_all(mixed).failed
    assert wait_for(lambda: strict_hub.metrics["limited"] == 3000 - HEARD)
    assert wait_for(lambda: counted(store) == 600 + HEARD)
    assert uses_of(store, "liar") == HEARD
    assert ask(bus, "suggest_defaults")["suggested_answers"] == {"backend": "ets"}


@pytest.mark.parametrize(
    "lie",
    [
        {"answers": {"backend": "ets"}, "success": False, "generated_at": "2999-01-01T00:00:00Z"},
        {"answers": {"backend": ["redis"]}, "success": True},
        {"answers": {"backend": {"redis": None}}, "success": True},
        {"answers": {"backend": 1e308}, "success": True},
        {"answers": {"backend": "x" * 5000}, "success": True},
        {"answers": {"backend": "<b>redis</b>\u0007\u202e"}, "success": True},
        {"answers": {"backend": "redis"}, "success": True, "quality_score": 1e308},
        {"answers": {"backend": "redis"}, "success": True, "chosen": ["backend"] * 1000},
    ],
)
def test_what_cannot_be_moves_no_default(
    bus: Bus, hub: Hub, store: HubStore, lie: dict[str, Any]
) -> None:
    assert not bus.publish_all(honest(600)).failed
    assert wait_for(lambda: counted(store) == 600)
    before = ask(bus, "suggest_defaults")["suggested_answers"]
    assert not bus.publish_all([by("liar", n, **lie) for n in range(1000)]).failed
    assert wait_for(lambda: counted(store) + hub.metrics["dead_lettered"] == 1600)
    assert wait_for(lambda: ask(bus, "suggest_defaults")["sample_size"] == counted(store))
    assert before == ask(bus, "suggest_defaults")["suggested_answers"] == {"backend": "ets"}


def test_a_time_in_the_future_counts_as_now(bus: Bus, hub: Hub, store: HubStore) -> None:
    bus.publish_all([by("liar", 1, generated_at="2999-01-01T00:00:00Z")])
    assert wait_for(lambda: counted(store) == 1)
    (found,) = store.tallies.totals(TEMPLATE)[TEMPLATE].values()
    assert found.recent_at is not None
    assert found.recent_at <= datetime.now(UTC)


HUGE: list[dict[str, Any]] = [
    {"id": "x" * 100_000},
    {"instance_id": "liar" * 10_000},
    {"template_id": "x" * 100_000},
    {"template_version": "9" * 100_000},
    {"answers": {"x" * 100_000: True}},
    {"answers": {f"question_{n}": True for n in range(10_000)}},
    {"success": "yes"},
    {"generated_at": "once upon a time"},
    {"quality_score": "1e999"},
    {"chosen": "all"},
]


def test_what_is_huge_or_no_sense_is_set_aside_and_the_rest_is_counted(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    # The bus itself takes no id of such length.
    bad = [replace(by("liar", n, **each), id="") for n, each in enumerate(HUGE)]
    published = bus.publish_all([*bad, *honest(60)])
    assert (published.failed, published.refused) == ((), ())
    assert wait_for(lambda: counted(store) == 60 and hub.metrics["dead_lettered"] == len(HUGE))
    assert uses_of(store, "liar") == 0


def test_another_instances_generation_cannot_be_told_again_with_another_end(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    bus.publish_all([by("one", 1, id="the same", success=True)])
    assert wait_for(lambda: counted(store) == 1)
    bus.publish_all([replace(by("liar", 1, id="the same", success=False), id="another")])
    assert wait_for(lambda: hub.metrics["duplicates"] == 1)
    (found,) = store.tallies.totals(TEMPLATE)[TEMPLATE].values()
    assert (found.succeeded, found.failed) == (1, 0)


def test_a_request_that_is_too_long_or_holds_more_than_plain_values_is_refused(
    places: Places, store: HubStore
) -> None:
    with closing(places.bus()) as bus, closing(Hub(bus, store, QUICK)):
        long = ask(bus, "suggest_defaults", questions=[{"name": "x" * 150_000}])
        assert "too long" in long["error"]
        deep = ask(bus, "suggest_defaults", questions=[{"name": "q", "values": [[1] * 10]}])
        assert "error" in deep
