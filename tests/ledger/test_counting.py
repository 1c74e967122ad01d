"""A batch is added up before it is written, and nothing in it is taken for something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import compress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, select

from cultivar.ledger.counting import (
    EPOCH,
    MICROSECOND,
    TOTAL,
    WHOLE,
    Combinations,
    Sums,
    canonical,
    tally,
)
from cultivar.ledger.database import Database, connect
from cultivar.ledger.sql import open_ledger
from cultivar.ledger.tables import answer_stats, combination_stats
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import AnswerTally, Observation, Seen, seen
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MANY = 5000


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The database of an empty ledger."""
    open_ledger(url).close()
    with closing(connect(url)) as opened:
        yield opened


def counted(database: Database, batch: Sequence[Observation]) -> tuple[AnswerTally, ...]:
    """What is known of the answers when a batch was counted."""
    with database.write() as connection:
        tally(connection, database, batch)
    return SqlTallies(database).answers(TEMPLATE_ID)


def test_thousands_of_different_answers_are_counted_together(database: Database) -> None:
    batch = [observation_of({"q": number, "yes": True}, True) for number in range(MANY)]
    for times in (1, 2):
        found = counted(database, batch)
        assert found[0].tally.uses == times * MANY
        assert len(found) == 1 + MANY
        assert {each.tally.uses for each in found[1:]} == {times}


def test_yes_and_one_are_not_the_same_in_one_batch(database: Database) -> None:
    values: list[Json] = [True, 1, 1.0, "1", "true", False, 0, 0.0, None, "", "null"]
    found = counted(database, [observation_of({"q": each}, True) for each in values])
    assert sorted(repr(each.value) for each in found) == sorted(map(repr, values))


def test_what_is_ticked_in_another_order_is_the_same_in_one_batch(database: Database) -> None:
    values: list[Json] = [["a", "b"], ("b", "a"), ["b", "a"]]
    (found,) = counted(database, [observation_of({"q": each}, True) for each in values])
    assert (found.value, found.tally.uses) == (["a", "b"], 3)


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_time_that_is_far_from_the_rest_of_its_batch_is_no_trouble(
    database: Database, year: int
) -> None:
    far = datetime(year, 1, 1, tzinfo=UTC)
    batch = [observation_of({"q": at == far}, True, at=at) for at in (far, NOON, far)]
    found = {each.value: each.tally for each in counted(database, batch)}
    assert (found[True].recent_uses, found[True].recent_at) == (2.0, far)
    assert (found[False].recent_uses, found[False].recent_at) == (1.0, NOON)


_observations = st.builds(
    observation_of,
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([True, False, "x", 1]), max_size=4),
    st.sampled_from([True, False, None]),
    chosen=st.booleans(),
    at=st.integers(0, 90).map(lambda days: NOON - timedelta(days=days)),
    template_version=st.sampled_from(["1.0.0", "2.0.0"]),
    instance_id=st.sampled_from(["one", "two"]),
)


@given(batch=st.lists(_observations, max_size=30))
def test_a_batch_adds_what_its_generations_add_one_by_one(batch: list[Observation]) -> None:
    found = {
        row[1:5]: (*row[5:9], row[9:12], row[12]) for row in Sums(map(seen, batch)).answers.rows()
    }
    assert found == dict(map(_row_of, MemoryTallies(batch).answers(TEMPLATE_ID)))


def _row_of(each: AnswerTally) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The key of a row, and what it adds, as exact as doubles are."""
    where, tally = each.stratum, each.tally
    recent = (tally.recent_uses, tally.recent_succeeded, tally.recent_failed)
    at = ((tally.recent_at or NOON) - EPOCH) // MICROSECOND
    return (each.question, canonical(each.value), where.template_version, where.instance_id), (
        *(tally.uses, tally.chosen, tally.succeeded, tally.failed),
        pytest.approx(recent),
        at,
    )


def crowd(number: int, seed: int) -> list[Observation]:
    """What so many generations of a few instances show, in any order of their times."""
    random = Random(seed)
    return [
        observation_of(
            {name: random.choice([True, False, "x", 1]) for name in random.sample("abcdefgh", 5)},
            random.choice([True, False, None]),
            chosen=random.random() < 0.5,
            at=NOON - timedelta(days=random.randrange(200)),
            template_version=random.choice(["1.0.0", "2.0.0"]),
            instance_id=random.choice(["one", "two"]),
        )
        for _ in range(number)
    ]


def test_many_at_once_add_what_they_add_a_few_at_a_time(tmp_path: Path) -> None:
    batch = crowd(1200, seed=1)
    with ExitStack() as stack:
        together, apart = (
            stack.enter_context(closing(connect(f"sqlite:///{tmp_path / name}"))) for name in "ab"
        )
        for database in (together, apart):
            answer_stats.create(database.engine)
            combination_stats.create(database.engine)
        for database, size in ((together, len(batch)), (apart, 100)):
            for start in range(0, len(batch), size):
                with database.write() as connection:
                    tally(connection, database, batch[start : start + size])
        for table in (answer_stats, combination_stats):
            assert everything(together, table) == [
                (*row[:9], *map(pytest.approx, row[9:12]), row[12])
                for row in everything(apart, table)
            ]


def everything(database: Database, table: Table[Any]) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [tuple(row) for row in rows]


@given(batches=st.lists(st.lists(_observations, max_size=10), max_size=4))
def test_what_was_met_before_makes_no_difference(batches: list[list[Observation]]) -> None:
    met = Combinations()
    for batch in batches:
        found, wanted = Sums(map(seen, batch), met), Sums(map(seen, batch))
        assert list(found.answers.rows()) == list(wanted.answers.rows())
        assert list(found.combinations.rows()) == list(wanted.combinations.rows())


def test_of_one_combination_any_choice_is_told_from_any_other() -> None:
    answers, at = dict.fromkeys("abcdefg", True), NOON
    where = {"template_id": "t", "template_version": "1", "instance_id": "one"}
    choices = [tuple(compress("abcdefg", map(int, f"{each:07b}"))) for each in range(128)]
    batch = [
        Seen(**where, answers=answers, chosen=chosen, success=True, at=at)
        for chosen in [*choices, *choices]
    ]
    sums = Sums(batch)
    assert {row[6] for row in sums.answers.rows()} == {128}
    chosen = {row[0]: row[6] for row in sums.combinations.rows()}
    assert (chosen.pop(TOTAL), chosen.pop(WHOLE)) == (254, 2)
    assert set(chosen.values()) == {64}


def test_who_invents_new_answers_does_not_fill_the_memory() -> None:
    met = Combinations()
    for start in range(4):
        names = [f"q{start}-{number}" for number in range(12)]
        Sums(_inventions(names), met)
    assert len(met.things) < 300_000
    row = next(Sums(_inventions(["last"]), met).answers.rows())
    assert row[:3] == ("t", "last", '"0"')


def _inventions(names: Sequence[str]) -> Iterator[Seen]:
    where = {"template_id": "t", "template_version": "1", "instance_id": "one"}
    for number in range(1500):
        answers = {each: str(number) for each in names}
        yield Seen(**where, answers=answers, chosen=(), success=True, at=NOON)
