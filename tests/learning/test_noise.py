"""How often noise is taken for truth, and truth found, over many simulated templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.learning.findings.drifting import drift
from cultivar.learning.findings.failing import associated_with_failure
from cultivar.ledger.tallying import HALF_LIFE
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

ASKED = AskedFor(name="backend", values=("redis", "ets"))
TEMPLATES = 500


def _simulated(
    random: Random, rates: Mapping[str, float], number: int, instances: int
) -> MemoryTallies:
    """A template whose answers are chosen alike, and succeed at these rates."""
    seen: Counter[tuple[str, bool, str]] = Counter()
    for _ in range(number):
        value = random.choice(list(rates))
        where = f"instance-{random.randrange(instances)}"
        seen[value, random.random() < rates[value], where] += 1
    tallies = MemoryTallies()
    for (value, outcome, where), times in seen.items():
        tallies.count(observation_of({"backend": value}, outcome, instance_id=where), times)
    return tallies


def _suggested(tallies: MemoryTallies) -> Suggestion | None:
    return default_for(ASKED, {}, tallies, TEMPLATE_ID)


@pytest.mark.parametrize(("number", "instances"), [(400, 1), (300, 8)])
def test_noise_is_not_taken_for_truth(number: int, instances: int) -> None:
    random = Random(7)
    reasons: Counter[str] = Counter()
    for _ in range(TEMPLATES):
        alike = {"redis": 0.85, "ets": 0.85}
        found = _suggested(_simulated(random, alike, number, instances))
        reasons[found.reason if found else "nothing"] += 1
    assert reasons["success"] <= 0.05 * TEMPLATES
    assert reasons["use"] <= 0.05 * TEMPLATES


def test_noise_in_pairs_is_not_taken_for_an_earlier_answer_that_matters() -> None:
    random, told = Random(17), 0
    for _ in range(200):
        tallies = MemoryTallies()
        seen: Counter[tuple[bool, ...]] = Counter()
        for _ in range(400):
            seen[tuple(random.random() < chance for chance in (0.5, 0.5, 0.5, 0.85))] += 1
        for (web, docs, ets, outcome), times in seen.items():
            answers: dict[str, Json] = {"web": web, "docs": docs, "use_ets": ets}
            tallies.count(observation_of(answers, outcome), times)
        asked = AskedFor(name="use_ets", values=(True, False))
        told += default_for(asked, {"web": True, "docs": True}, tallies, TEMPLATE_ID) is not None
    assert told <= 10


def test_ten_points_are_found_in_two_thousand_generations() -> None:
    random = Random(11)
    better = {"redis": 0.85, "ets": 0.75}
    found = [_suggested(_simulated(random, better, 2000, 4)) for _ in range(40)]
    right = sum(each is not None and each.value == "redis" for each in found)
    assert right >= 38


def test_in_noise_no_answer_goes_with_failure_and_nothing_drifts() -> None:
    random, told = Random(13), 0
    for _ in range(60):
        tallies = MemoryTallies()
        for number in range(300):
            answers: dict[str, Json] = {name: random.random() < 0.5 for name in "abc"}
            at = observation_of({}, None).at + HALF_LIFE * (number / 100)
            tallies.count(observation_of(answers, random.random() < 0.8, at=at))
        told += bool(associated_with_failure(tallies, TEMPLATE_ID) or drift(tallies, TEMPLATE_ID))
    assert told <= 6
