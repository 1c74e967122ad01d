"""What instances tell is counted once, and told to all of them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from json import dumps
from typing import Any

import pytest
from msgspec import json

from cultivar.bus.base import Bus, Delivery, Message
from cultivar.bus.subjects import (
    DEAD_LETTERS_STREAM,
    GENERATION,
    INSIGHTS_STREAM,
    subject_of,
)
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.testing.hubs import ask, counted, messages, told, wait_for


def letters_of(bus: Bus) -> list[Delivery]:
    """The dead letters, as they come."""
    found: list[Delivery] = []

    def keep(batch: Sequence[Delivery]) -> None:
        found.extend(batch)

    bus.consume(DEAD_LETTERS_STREAM.name, "reader", keep)
    return found


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def some(number: int, first: int = 0, **said: Any) -> list[Message]:
    return messages([told(n, **said) for n in range(first, first + number)])


def test_what_is_told_is_counted(bus: Bus, hub: Hub, store: HubStore) -> None:
    bus.publish_all(some(50))
    assert wait_for(lambda: counted(store) == 50)


def test_a_generation_that_is_told_of_twice_counts_once(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    again = [Message(subject=each.subject, data=each.data) for each in some(20)]
    bus.publish_all([*some(20), *again])
    assert wait_for(lambda: hub.metrics["duplicates"] == 20)
    assert counted(store) == 20


def test_what_is_told_is_suggested(bus: Bus, hub: Hub, store: HubStore) -> None:
    good = some(60, answers={"use_ets": True})
    bad = some(60, first=60, answers={"use_ets": False}, success=False)
    bus.publish_all([*good, *bad])
    assert wait_for(lambda: counted(store) == 120)
    answer = ask(bus, "suggest_defaults")
    assert answer["suggested_answers"] == {"use_ets": True}
    assert (answer["sample_size"], answer["instances"]) == (120, 1)
    assert answer["confidence"] > 0.9
    assert "100 % succeed against 0 %" in answer["suggestions"]["use_ets"]["why"]


def test_what_one_instance_does_changes_what_another_is_told(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    bus.publish_all(some(10, instance_id="two", answers={"backend": "ets"}))
    assert wait_for(lambda: counted(store) == 10)
    assert ask(bus, "suggest_defaults")["suggested_answers"] == {}
    bus.publish_all(some(80, first=10, instance_id="one", answers={"backend": "redis"}))
    assert wait_for(
        lambda: ask(bus, "suggest_defaults")["suggested_answers"] == {"backend": "redis"}
    )


def test_a_question_is_answered_from_the_values_it_takes(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    bus.publish_all(some(60, answers={"backend": "gone"}))
    bus.publish_all(some(30, first=60, answers={"backend": "ets"}))
    assert wait_for(lambda: counted(store) == 90)
    asked = [{"name": "backend", "values": ["ets", "redis"], "default": "redis"}]
    answer = ask(bus, "suggest_defaults", questions=asked)
    assert answer["suggested_answers"] == {"backend": "ets"}


def test_failures_are_told_in_the_first_systems_words(bus: Bus, hub: Hub, store: HubStore) -> None:
    bus.publish_all(some(90, answers={"use_ets": True, "pool": "none"}))
    bad = some(30, first=90, answers={"use_ets": False, "pool": "none"}, success=False)
    bus.publish_all(bad)
    assert wait_for(lambda: counted(store) == 120)
    answer = ask(bus, "get_failure_patterns")
    assert (answer["total_failures"], answer["failure_rate"]) == (30, 0.25)
    assert answer["failing_answers"][0]["answers"] == {"use_ets": False}
    assert answer["worst_combinations"][0]["answers"] == {"use_ets": False, "pool": "none"}


def test_patterns_of_answers_are_told(bus: Bus, hub: Hub, store: HubStore) -> None:
    assert not bus.publish_all(some(40)).failed
    assert wait_for(lambda: counted(store) == 40)
    patterns = ask(bus, "query_answer_patterns")
    assert patterns["success_rate"] == 1.0
    assert patterns["common_answers"]["use_ets"][0]["share"] == 1.0
    best = ask(bus, "best_combinations")["combinations"]
    assert best[0]["count"] == 40
    assert best[0]["answers"] == {"use_ets": True, "strategy": "one_for_one"}


@pytest.mark.parametrize(
    ("request_data", "why"),
    [
        (b'{"action": "dance", "template_id": "t"}', "'dance'"),
        (b'{"action": "suggest_defaults", "template_id": "t"}', "no template 't'"),
        (b"not json", "none"),
        (b'{"action": "suggest_defaults", "given": 7}', "none"),
        (b"[" * 100_000, "none"),
    ],
)
def test_a_request_that_is_wrong_is_answered_with_what_is_wrong(
    bus: Bus, hub: Hub, request_data: bytes, why: str
) -> None:
    asked = Message(subject="centralcloud.template.intelligence", data=request_data)
    assert why in json.decode(bus.request(asked))["error"]


MALFORMED = [
    b"not json",
    b"[]",
    b'{"answers": {}}',
    b'{"template_id": 7}',
    b'{"template_id": "t", "answers": {"half a pair": "\\ud83d"}}',
    b'{"template_id": "' + b"x" * 300 + b'"}',
    b'{"template_id": "t", "answers": ' + b"[" * 50_000,
    json.encode(told(generated_at="0001-01-01T00:00:00+14:00")),
    json.encode(told(template_id="\U0001f600" * 190, instance_id="\U0001f600" * 190)),
]


def test_malformed_messages_are_set_aside_and_stop_nothing(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    letters = letters_of(bus)
    bus.publish_all([Message(subject=GENERATION, data=each) for each in MALFORMED])
    bus.publish_all(some(10))
    assert wait_for(lambda: counted(store) == 10 and len(letters) == len(MALFORMED))
    assert {each.message.data for each in letters} == set(MALFORMED)
    assert all(each.message.headers["Cultivar-Error"] for each in letters)
    assert hub.metrics["dead_lettered"] == len(MALFORMED)


ODD: list[dict[str, Any]] = [
    {"answers": {"a\0b": "c\0d", "deep": [{"\0": [None]}], "far": 1e308}},
    {"template_version": "\0" * 40, "answers": {"emoji": "\U0001f600"}},
    {"answers": {"huge": 10**40, "\U0001f600" * 30: "\U0001f600" * 500}},
    {"answers": {f"question_{n}": f"value {n}" * 20 for n in range(100)}},
    {"success": None, "quality_score": None, "generated_at": None, "id": "\0"},
]


def test_odd_messages_are_kept_as_they_are(bus: Bus, hub: Hub, store: HubStore) -> None:
    facts = [told(n, **each) for n, each in enumerate(ODD)]
    bus.publish_all([Message(subject=GENERATION, data=dumps(each).encode()) for each in facts])
    assert wait_for(lambda: counted(store) == len(ODD))
    assert hub.metrics["dead_lettered"] == 0


def test_a_message_that_claims_to_be_from_another_is_refused(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    letters = letters_of(bus)
    subject = subject_of(GENERATION, "two")
    bus.publish(Message(subject=subject, data=json.encode(told(1, instance_id="one"))))
    bus.publish(Message(subject=subject, data=json.encode(told(2, instance_id="two"))))
    assert wait_for(lambda: counted(store) == 1 and len(letters) == 1)
    assert hub.metrics["refused"] == 1
    assert "'two' claims to be 'one'" in letters[0].message.headers["Cultivar-Error"]


def test_insights_are_published(bus: Bus, hub: Hub) -> None:
    found: list[dict[str, Any]] = []

    def keep(batch: Sequence[Delivery]) -> None:
        found.extend(json.decode(each.message.data) for each in batch)

    bus.consume(INSIGHTS_STREAM.name, "reader", keep)
    bus.publish_all(some(30))
    assert wait_for(lambda: bool(found) and found[-1]["total"]["uses"] == 30)
    assert found[-1]["questions"][0]["question"] == "strategy"


def test_health_and_metrics_are_served(bus: Bus, hub: Hub, store: HubStore) -> None:
    bus.publish_all(some(30))
    assert wait_for(lambda: hub.metrics["counted"] == 30)
    well = {"status": "ok", "bus": "ok", "database": "ok", "lag_seconds": 0.0}
    status, body = get(f"{hub.url}/health")
    assert (status, json.decode(body)) == (200, well)
    status, body = get(f"{hub.url}/metrics")
    assert (status, b"\ncultivar_hub_counted_total 30\n" in body) == (200, True)
    assert get(f"{hub.url}/other")[0] == 404
