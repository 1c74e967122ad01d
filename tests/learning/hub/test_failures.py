"""What goes wrong with a template is told in texts, and nobody alone decides what is on top."""

from __future__ import annotations

from typing import Any

from msgspec import json

from cultivar.bus.base import Bus
from cultivar.learning.hub.failures import MOST_TOLD, CommonFailure
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import GenerationMessage, decoded
from cultivar.learning.telling.sieve import LONGEST, signature_of
from cultivar.learning.telling.signature import FailureSignature
from cultivar.learning.telling.vocabulary import WORDS
from cultivar.ledger.outgoing import SeenPattern
from cultivar.record import to_builtins
from cultivar.testing.hubs import TEMPLATE, ask, counted, messages, told, wait_for

LATE = 'language:python check:tests tool:pytest kind:KeyError\n"acme"'
UNUSED = "language:python check:lint tool:ruff kind:F401\n`acme` imported but unused"


def failure(text: str, check: str = "tests") -> FailureSignature:
    """As an instance tells it."""
    return signature_of(SeenPattern(id="", signature=text, check=check, language="python"))


def failing(number: int, *failures: FailureSignature, **said: Any) -> dict[str, Any]:
    """What an instance tells of a generation that showed these failures."""
    return told(
        number,
        success=False,
        failures=[each.id for each in failures],
        signatures=[to_builtins(each) for each in failures],
        **said,
    )


def read(*facts: dict[str, Any]) -> list[GenerationMessage]:
    return [decoded(json.encode(each)) for each in facts]


def common(store: HubStore) -> tuple[CommonFailure, ...]:
    return store.failures.common(TEMPLATE)


def test_common_failures_are_told_in_texts_with_their_numbers(
    bus: Bus, hub: Hub, store: HubStore
) -> None:
    late, unused = failure(LATE), failure(UNUSED, "lint")
    facts = [failing(n, late, instance_id=f"instance-{n % 3}") for n in range(9)]
    facts += [failing(9, late, unused), told(10, failures=[unused.id], success=True)]
    bus.publish_all(messages(facts))
    assert wait_for(lambda: counted(store) == 11)
    answer = ask(bus, "get_failure_patterns")
    first, second = answer["common_failures"]
    assert first["signature"] == late.signature
    assert (first["check"], first["language"]) == ("tests", "python")
    assert (first["count"], first["failed"], first["instances"]) == (10, 10, 4)
    assert (second["count"], second["failed"], second["instances"]) == (2, 1, 1)
    assert first["share"] == 10 / 12
    assert answer["total_failures"] == 10
    assert set(answer) >= {"worst_combinations", "failure_rate", "failing_answers"}


def test_a_generation_that_is_told_of_twice_counts_its_failures_once(store: HubStore) -> None:
    batch = read(failing(1, failure(LATE)), failing(2, failure(LATE)))
    store.ingest(batch)
    store.ingest(batch)
    (found,) = common(store)
    assert (found.count, found.failed) == (2, 2)


def test_a_failure_that_a_message_names_twice_counts_once(store: HubStore) -> None:
    store.ingest(read(failing(1, failure(LATE), failure(LATE))))
    (found,) = common(store)
    assert found.count == 1


def test_who_tells_only_ids_is_counted_too(store: HubStore) -> None:
    store.ingest(read(told(1, failures=["f" * 32, "\0odd"], success=False)))
    assert [(each.signature, each.count) for each in common(store)] == [("", 1), ("", 1)]


def test_a_text_that_comes_after_its_id_is_told(store: HubStore) -> None:
    store.ingest(read(told(1, failures=[failure(LATE).id], success=False)))
    store.ingest(read(failing(2, failure(LATE))))
    (found,) = common(store)
    assert (found.signature, found.count) == (failure(LATE).signature, 2)


def test_a_text_under_the_id_of_another_changes_nothing_of_it(store: HubStore) -> None:
    store.ingest(read(failing(1, failure(LATE))))
    stolen = FailureSignature(id=failure(LATE).id, signature="warning unused", check="lint")
    store.ingest(read(failing(2, stolen, instance_id="thief")))
    found = {each.signature: each.count for each in common(store)}
    assert found == {failure(LATE).signature: 1, "warning unused": 1}


HOSTILE = "<script>alert(1)</script>\x1b[31m\0" + "[bold]unused imported[/bold]\n" * 50


def test_a_hostile_text_is_told_in_harmless_words(bus: Bus, hub: Hub, store: HubStore) -> None:
    odd = FailureSignature(id="\0" * 200, signature=HOSTILE, check="<b>" * 90, language="\x1b[0m")
    bus.publish_all(messages([failing(1, odd)]))
    assert wait_for(lambda: counted(store) == 1)
    (found,) = ask(bus, "get_failure_patterns")["common_failures"]
    assert found["signature"].startswith("<name>")
    assert len(found["signature"]) <= LONGEST
    assert not set("\x1b\0[]/()") & set(found["signature"] + found["check"] + found["language"])


def test_a_text_that_is_far_too_long_is_not_read(store: HubStore) -> None:
    odd = FailureSignature(id="f" * 32, signature="unused " * 100_000)
    store.ingest(read(failing(1, odd), failing(2, failure(LATE))))
    assert {each.signature: each.count for each in common(store)} == {
        "": 1,
        failure(LATE).signature: 1,
    }


def test_one_instance_cannot_fill_the_list(store: HubStore) -> None:
    words = sorted(WORDS)
    honest = [failure(f"check:tests\n{each} missing") for each in words[:15]]
    lies = [failure(f"check:tests\n{each} unexpected") for each in words[:400]]
    facts = [
        failing(n, honest[n % 15], honest[n % 4], instance_id=f"instance-{n % 5}")
        for n in range(100)
    ]
    facts += [
        failing(n, *lies[n % 400 : n % 400 + 20], instance_id="liar") for n in range(1000, 9000)
    ]
    store.ingest(read(*facts))
    found = [each.signature for each in common(store)]
    assert len(found) == MOST_TOLD
    assert {each.signature for each in honest} <= set(found)
    assert found[0] in {each.signature for each in honest[:4]}


def test_one_failure_told_a_million_times_is_no_more_than_one_vote(store: HubStore) -> None:
    facts = [failing(n, failure(LATE), instance_id=f"instance-{n % 6}") for n in range(600)]
    lie = failure(UNUSED)
    facts += [failing(n, lie, instance_id="liar") for n in range(1000, 9000)]
    store.ingest(read(*facts))
    assert common(store)[0].signature == failure(LATE).signature


def test_of_a_template_that_never_failed_no_failures_are_told(store: HubStore) -> None:
    store.ingest(read(told(1)))
    assert common(store) == ()
