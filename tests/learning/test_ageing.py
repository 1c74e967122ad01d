"""What is kept of defaults grows old with the counts and with time; no instance decides when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TypeAlias

import pytest

from cultivar.learning.defaults.keeping import LONGEST, KeptDefaults
from cultivar.learning.defaults.renewing import Renewals
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.ledger.tallying import Observation, TallyStore
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

Seen: TypeAlias = tuple[Observation, int]
"""A generation, and how many of the kind there were."""

BACKENDS = ("redis", "ets", "none")
BACKEND = AskedFor(name="backend", values=BACKENDS, default="none")


@pytest.fixture
def renewals() -> Iterator[Renewals]:
    with closing(Renewals(share=1.0)) as made:
        yield made


def _counted(seen: Iterable[Seen]) -> MemoryTallies:
    tallies = MemoryTallies()
    for each, times in seen:
        tallies.count(each, times)
    return tallies


def _kept(store: TallyStore, renewals: Renewals) -> KeptDefaults:
    """What keeps all, however little was counted."""
    return KeptDefaults(store, renewals, affordable=0)


def _value(found: Suggestion | None) -> Json:
    return found.value if found else None


def _favour(value: str, number: int) -> list[Seen]:
    """So many who choose it, and a tenth as many who choose each of the others."""
    others = [each for each in BACKENDS if each != value]
    return [
        (observation_of({"backend": value}, True), number),
        *((observation_of({"backend": each}, True), number // 10) for each in others),
    ]


@pytest.mark.parametrize(
    ("more", "at_once", "afterwards"),
    [(100, "redis", "redis"), (900, "redis", "ets"), (1100, "ets", "ets")],
    ids=["fresh", "stale", "too old"],
)
def test_what_is_kept_is_used_while_little_was_added_and_renewed_in_time(
    renewals: Renewals, more: int, at_once: str, afterwards: str
) -> None:
    tallies = _counted(_favour("redis", 10_000))
    defaults = _kept(tallies, renewals)
    assert _value(defaults.find(BACKEND, {}, TEMPLATE_ID)) == "redis"
    renewals.wait()
    # Somebody has changed what was counted, and not only added to it.
    changed = _counted(_favour("ets", 10_000))
    changed.count(observation_of({"backend": "none"}, True), more * 12 // 10)
    for key, judgement in tallies.everything_kept(TEMPLATE_ID, "backend").items():
        changed.keep(TEMPLATE_ID, "backend", {key: judgement})
    moved = _kept(changed, renewals)
    assert _value(moved.find(BACKEND, {}, TEMPLATE_ID)) == at_once
    renewals.wait()
    assert _value(moved.find(BACKEND, {}, TEMPLATE_ID)) == afterwards


def _moved(kept: MemoryTallies, seen: Iterable[Seen]) -> MemoryTallies:
    """Other counts, under what was kept of the first."""
    tallies = _counted(seen)
    tallies.keep(TEMPLATE_ID, "backend", kept.everything_kept(TEMPLATE_ID, "backend"))
    return tallies


def _crowd(value: str, times: int) -> list[Seen]:
    """Twenty instances that are alike."""
    return [
        (observation_of({"backend": each}, True, instance_id=f"honest-{at}"), number)
        for at in range(20)
        for each, number in ((value, 10 * times), ("none", times))
    ]


def _from_one(value: str, times: int) -> Seen:
    return observation_of({"backend": value}, True, instance_id="loud"), times


def test_one_instance_cannot_make_what_is_kept_old(renewals: Renewals) -> None:
    """What it may weigh it weighs already: a million times more are heard no better."""
    tallies = _counted([*_crowd("redis", 100), _from_one("none", 10_000)])
    assert _value(_kept(tallies, renewals).find(BACKEND, {}, TEMPLATE_ID)) == "redis"
    renewals.wait()
    before = tallies.everything_kept(TEMPLATE_ID, "backend")
    louder = _moved(tallies, [*_crowd("redis", 100), _from_one("none", 1_000_000)])
    assert _value(_kept(louder, renewals).find(BACKEND, {}, TEMPLATE_ID)) == "redis"
    renewals.wait()
    assert louder.everything_kept(TEMPLATE_ID, "backend") == before


def test_one_instance_cannot_keep_fresh_what_the_others_have_changed(renewals: Renewals) -> None:
    """A million of its uses, beside which all that the others add would be nothing."""
    flood = _from_one("none", 1_000_000)
    tallies = _counted([*_crowd("redis", 100), flood])
    assert _value(_kept(tallies, renewals).find(BACKEND, {}, TEMPLATE_ID)) == "redis"
    renewals.wait()
    moved = _moved(tallies, [*_crowd("ets", 115), flood])
    assert _value(_kept(moved, renewals).find(BACKEND, {}, TEMPLATE_ID)) == "ets"


def test_what_is_kept_for_long_is_renewed_though_nothing_was_counted(renewals: Renewals) -> None:
    tallies = _counted(_favour("redis", 10_000))
    KeptDefaults(tallies, renewals, affordable=0, now=lambda: 0.0).find(BACKEND, {}, TEMPLATE_ID)
    renewals.wait()
    moved = _moved(tallies, _favour("ets", 10_000))
    for seconds, now, later in ((0.99, "redis", "redis"), (1.01, "redis", "ets")):
        defaults = KeptDefaults(moved, renewals, 0, partial(float, LONGEST * seconds))
        assert _value(defaults.find(BACKEND, {}, TEMPLATE_ID)) == now
        renewals.wait()
        assert _value(defaults.find(BACKEND, {}, TEMPLATE_ID)) == later


def test_what_an_earlier_version_kept_is_read_and_renewed(renewals: Renewals) -> None:
    """It has no stamp, and does not say under what it was judged."""
    tallies = _counted(_favour("redis", 10_000))
    _kept(tallies, renewals).find(BACKEND, {"web": True}, TEMPLATE_ID)
    renewals.wait()
    for key, each in tallies.everything_kept(TEMPLATE_ID, "backend").items():
        body = json.loads(each.body)
        del body["stamp"]
        if body.get("suggestion"):
            del body["suggestion"]["under"]
        old = type(each)(body=json.dumps(body), uses=each.uses)
        tallies.keep(TEMPLATE_ID, "backend", {key: old})
    moved = _moved(tallies, _favour("ets", 10_000))
    for expected in ("redis", "ets"):
        assert _value(_kept(moved, renewals).find(BACKEND, {"web": True}, TEMPLATE_ID)) == expected
        renewals.wait()
