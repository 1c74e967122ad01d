"""However many values a question was answered with, few are looked at one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from random import Random

import pytest

from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database, connect
from cultivar.ledger.sql import open_ledger
from cultivar.ledger.tables import answer_stats, combination_stats
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import LOOKED_AT, Observation, Outcomes
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

DISTINCT = 5000


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    open_ledger(url).close()
    with closing(connect(url)) as opened:
        yield opened


def _count(database: Database, seen: Sequence[Observation]) -> SqlTallies:
    with database.write() as connection:
        for table in (answer_stats, combination_stats):
            connection.execute(table.delete())
        tally(connection, database, seen)
    return SqlTallies(database)


def _seen() -> list[Observation]:
    """What one instance makes up, each value a few times, and what two others answer."""
    made_up = [
        observation_of({"web": True, "ttl": number, "tag": f"tag {number}"}, number % 2 == 0)
        for number in range(DISTINCT)
        for _ in range(1 + (number < LOOKED_AT - 1))
    ]
    honest = [
        observation_of({"web": True, "ttl": 60.5, "tag": "honest"}, True, instance_id=name)
        for name in ("one", "two")
    ]
    return [*made_up, *honest]


def _trials(found: Sequence[Outcomes]) -> int:
    return sum(sum(each) for value in found for each in value.verified.values())


@pytest.mark.parametrize("asked", [4321, 4321.0])
def test_of_thousands_of_values_the_most_used_are_looked_at_and_those_that_are_asked_for(
    database: Database, asked: Json
) -> None:
    seen = _seen()
    found = _count(database, seen).outcomes(TEMPLATE_ID, "ttl", [asked])
    values = sorted(json.dumps(each.value) for each in found if not each.is_rest)
    assert values == sorted(map(json.dumps, [60.5, *range(LOOKED_AT - 1), 4321]))
    assert _trials(found) == len(seen)
    assert [each.is_rest for each in found].count(True) == 1


def test_they_are_looked_at_under_an_earlier_answer_too(database: Database) -> None:
    seen = _seen()
    tallies = _count(database, seen)
    among = ["honest", "tag 17", "never said"]
    for name, value in (("web", True), ("ttl", 60.5)):
        found = tallies.outcomes_under(TEMPLATE_ID, "tag", {name: value}, among).get(name, ())
        expected = [None, "honest", "tag 17"] if value is True else list[Json]()
        assert [each.value for each in found] == expected
    found = tallies.outcomes_under(TEMPLATE_ID, "tag", {"web": True}, among)["web"]
    assert _trials(found) == len(seen)
    (rest,) = (each for each in found if each.is_rest)
    assert sum(rest.chosen.values()) == len(seen) - 4


def _drawn(random: Random) -> list[Observation]:
    return [
        observation_of(
            {"web": random.random() < 0.5, "tag": f"tag {random.randrange(70)}"},
            random.choice([True, False, None]),
            chosen=random.random() < 0.5,
            instance_id=random.choice(["one", "two", "three"]),
        )
        for _ in range(random.randrange(60, 200))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_every_store_looks_at_the_same_values(database: Database, seed: int) -> None:
    random = Random(seed)
    seen, asked = _drawn(random), f"tag {random.randrange(75)}"
    kept, plain = _count(database, seen), MemoryTallies(seen)
    for question, other in (("tag", "web"), ("web", "tag")):
        expected = plain.outcomes(TEMPLATE_ID, question, [asked])
        assert _by_value(kept.outcomes(TEMPLATE_ID, question, [asked])) == _by_value(expected)
        among = [each.value for each in expected if not each.is_rest][:3]
        given_now: dict[str, Json] = {other: True if other == "web" else asked}
        found = kept.outcomes_under(TEMPLATE_ID, question, given_now, among)
        expected_under = plain.outcomes_under(TEMPLATE_ID, question, given_now, among)
        assert found.keys() == expected_under.keys()
        for name, each in found.items():
            assert _by_value(each) == _by_value(expected_under[name])


def _by_value(found: Sequence[Outcomes]) -> list[Outcomes]:
    return sorted(found, key=lambda each: str((each.is_rest, each.value)))
