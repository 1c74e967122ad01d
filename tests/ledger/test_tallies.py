"""What is counted as generations arrive: the same in any order, in any batches, and anew."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from cultivar.errors import StoreUnavailableError
from cultivar.ledger import improvement_tables
from cultivar.ledger.counting import LONGEST, LONGEST_COMBINATION, tally
from cultivar.ledger.database import Database, connect
from cultivar.ledger.judgements import MOST_KEPT
from cultivar.ledger.schema import VERSION_TABLE
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.ledger.tables import answer_stats, combination_stats, judgements, metadata
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import PAIRED, Judgement, Observation, Observed, observation_of
from cultivar.model import Generation, Json
from cultivar.record import replace
from cultivar.testing.generations import (
    TEMPLATE,
    TREE,
    alike_generations,
    answer_of,
    generation_of,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATS = (answer_stats, combination_stats)
IMPROVEMENTS = frozenset(improvement_tables.__all__)
_KEYS = 5

_law = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_drawn = st.lists(alike_generations(TREE.hash), max_size=12, unique_by=lambda each: each.id)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The database of an empty ledger that keeps one tree."""
    with open_ledger(url) as ledger:
        ledger.content.put(TREE)
    with closing(connect(url)) as opened:
        yield opened


@pytest.fixture
def tallies(database: Database) -> SqlTallies:
    return SqlTallies(database)


@_law
@given(made=_drawn, chance=st.randoms(use_true_random=False))
def test_neither_order_nor_batches_make_a_difference(
    database: Database, made: Sequence[Generation], chance: random.Random
) -> None:
    _forget(database)
    _count(database, *made)
    at_once = _counts(database)
    _forget(database)
    for each in chance.sample(made, len(made)):
        _count(database, each)
    assert _counts(database) == _about(at_once)


@_law
@given(made=_drawn, batch=st.integers(min_value=1, max_value=5))
def test_what_is_counted_anew_is_what_was_counted(
    database: Database, ledger: SqlLedger, made: Sequence[Generation], batch: int
) -> None:
    _forget(database)
    for each in made:
        ledger.record(each)
    as_they_came = _counts(database)
    _forget(database, "answer_stats")
    SqlTallies(database).rebuild(batch)
    assert _counts(database) == _about(as_they_came)
    assert sum(each[0] for key, each in as_they_came.items() if key[0] == "[]") == len(made)


def test_what_was_made_of_the_counts_is_forgotten_when_they_are_made_anew(
    database: Database, tallies: SqlTallies
) -> None:
    tallies.keep("t", "q", {"one": Judgement(body="{}", uses=1)})
    assert tallies.judgements("t", "q", ["one"])
    tallies.rebuild()
    assert tallies.judgements("t", "q", ["one"]) == {}


def test_so_much_is_kept_of_a_question_that_nobody_can_fill_the_disk(
    database: Database, tallies: SqlTallies
) -> None:
    keys = [f"{number:04}" for number in range(MOST_KEPT + 20)]
    for at in (0, 20):
        made = {key: Judgement(body="{}", uses=at) for key in keys[at : at + MOST_KEPT]}
        tallies.keep("t", "q", made)
    assert sorted(tallies.judgements("t", "q", keys)) == keys[20:]


def test_who_finds_the_ledger_busy_keeps_nothing_and_goes_on(
    database: Database, tallies: SqlTallies
) -> None:
    judgement = Judgement(body="{}", uses=1)
    with database.write() as connection:
        connection.execute(judgements.insert().values(_row_of("t", "q", "one", judgement)))
        began = time.monotonic()
        tallies.keep("t", "q", {"one": replace(judgement, uses=2), "other": judgement})
        assert time.monotonic() - began < 5
    assert tallies.judgements("t", "q", ["one", "other"]) == {"one": judgement}
    tallies.keep("t", "q", {"one": replace(judgement, uses=3)})
    assert tallies.judgements("t", "q", ["one"])["one"].uses == 3


def _row_of(template_id: str, question: str, key: str, judgement: Judgement) -> dict[str, Any]:
    named = {"template_id": template_id, "question": question, "key": key}
    return {**named, "body": judgement.body, "uses": judgement.uses}


def test_what_many_keep_at_once_is_kept_whole(database: Database, tallies: SqlTallies) -> None:
    keys = [f"{number:02}" for number in range(40)]

    def keep(uses: int) -> None:
        tallies.keep("t", "q", {key: Judgement(body=str(uses), uses=uses) for key in keys})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, range(40)))
    found = tallies.judgements("t", "q", keys)
    assert len({(each.body, each.uses) for each in found.values()}) == 1
    assert {each.body == str(each.uses) for each in found.values()} == {True}


def test_any_text_comes_back_as_it_was_kept(tallies: SqlTallies) -> None:
    made = {"one": Judgement(body="\0 \ud800 %s {}", uses=1)}
    tallies.keep("\0t", "q\udfff", made)
    assert tallies.judgements("\0t", "q\udfff", ["one"]) == made


def test_a_ledger_from_before_there_were_counts_is_counted(
    url: str, database: Database, ledger: SqlLedger
) -> None:
    for number in range(3):
        ledger.record(_choosing(number))
    as_they_came = _counts(database)
    with database.write() as connection:
        tables = reversed(metadata.sorted_tables)
        newer = [each.name for each in tables if each.name in IMPROVEMENTS]
        for name in (*(each.name for each in STATS), "outbox", "judgements", *newer):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0002'"))
    open_ledger(url).close()
    assert _counts(database) == _about(as_they_came)


def test_who_records_while_it_is_counted_anew_is_counted_once(
    database: Database, ledger: SqlLedger
) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [generation_of(TREE.hash, instance_id=str(number)) for number in range(80)]
        recording = [pool.submit(ledger.record, each) for each in made]
        while not all(each.done() for each in recording):
            SqlTallies(database).rebuild(batch=2)
            time.sleep(0.02)  # else a file's one lock may be taken again before anybody gets it
    for each in recording:
        each.result()
    counted = ledger.tallies.totals()[TEMPLATE.id]
    assert {each.instance_id: found.uses for each, found in counted.items()} == {
        each.instance_id: 1 for each in made
    }


def test_writers_that_count_many_at_once_do_not_stop_each_other(database: Database) -> None:
    made = [observation_of(_choosing(number)) for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        orders = [random.Random(seed).sample(made, len(made)) for seed in range(12)]
        list(pool.map(partial(_count_observations, database), orders))
    (total,) = SqlTallies(database).totals()[TEMPLATE.id].values()
    assert total.uses == 12 * 50


def _choosing(number: int) -> Generation:
    answers = [answer_of(f"q{each}", bool(number >> each & 1)) for each in range(6)]
    return generation_of(TREE.hash, answers=tuple(answers))


def test_a_count_that_is_taken_back_leaves_nothing(database: Database) -> None:
    def break_off() -> None:
        with database.write() as connection:
            tally(connection, database, [observation_of(generation_of(TREE.hash))])
            connection.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(StoreUnavailableError):
        break_off()
    assert _counts(database) == {}


def test_pairs_are_counted_of_the_first_choices(database: Database, tallies: SqlTallies) -> None:
    answers = [answer_of(f"q{number:02}", True) for number in range(PAIRED + 1)]
    _count(database, generation_of(TREE.hash, answers=tuple(answers)))
    given_all = {each.name: each.value for each in answers}
    assert len(tallies.outcomes_under(TEMPLATE.id, "q00", given_all)) == PAIRED - 1
    assert tallies.outcomes_under(TEMPLATE.id, f"q{PAIRED:02}", given_all) == {}
    assert len(tallies.combinations(TEMPLATE.id)[0].answers) == PAIRED + 1


@pytest.mark.parametrize(
    "value",
    ["x" * LONGEST, float("nan"), float("inf"), 10**5000],
    ids=["long", "no number", "infinite", "huge"],
)
def test_what_is_too_long_or_no_number_is_not_counted(
    database: Database, tallies: SqlTallies, value: Json
) -> None:
    _count(database, generation_of(TREE.hash, answers=(answer_of("q", value),)))
    assert tallies.answers(TEMPLATE.id) == ()
    assert tallies.combinations(TEMPLATE.id) == ()
    assert len(tallies.totals()) == 1


def test_a_combination_is_counted_as_long_as_an_index_takes_it(
    database: Database, tallies: SqlTallies
) -> None:
    noise = random.Random(1)
    answers = tuple(
        answer_of(f"q{number}", "".join(noise.choices("abcdefghijklmnop", k=LONGEST - 2)))
        for number in range(LONGEST_COMBINATION // LONGEST + 1)
    )
    _count(database, generation_of(TREE.hash, answers=answers))
    _count(database, generation_of(TREE.hash, answers=answers[:-2]))
    assert [len(each.answers) for each in tallies.combinations(TEMPLATE.id)] == [len(answers) - 2]
    assert len(tallies.answers(TEMPLATE.id)) == len(answers)


def test_a_question_that_is_answered_twice_is_counted_once(
    database: Database, tallies: SqlTallies
) -> None:
    twice = (Observed(question="q", value=True, chosen=True),) * 2
    observation = replace(observation_of(generation_of(TREE.hash)), answers=twice)
    _count_observations(database, [observation])
    assert [each.tally.uses for each in tallies.answers(TEMPLATE.id)] == [1]


def test_yes_and_one_are_not_the_same(database: Database, tallies: SqlTallies) -> None:
    for value in (True, 1, 1.0, "1", "true"):
        _count(database, generation_of(TREE.hash, answers=(answer_of("q", value),)))
    found = [repr(each.value) for each in tallies.answers(TEMPLATE.id)]
    assert sorted(found) == ["'1'", "'true'", "1", "1.0", "True"]


@pytest.mark.parametrize("years", [1, 100, 7000])
def test_a_time_that_is_far_away_is_no_trouble(
    database: Database, tallies: SqlTallies, years: int
) -> None:
    far = NOON + timedelta(days=365 * years)
    for at in (NOON, far, NOON, *(far - timedelta(days=each) for each in range(0, 99, 9))):
        _count(database, generation_of(TREE.hash, generated_at=at))
    (total,) = tallies.totals()[TEMPLATE.id].values()
    assert (total.uses, total.recent_at) == (14, far)
    assert 11 > total.recent_uses > 4


def test_what_succeeded_long_ago_fades_to_nothing(database: Database, tallies: SqlTallies) -> None:
    _count(database, generation_of(TREE.hash, generated_at=NOON))
    for century in range(1, 60):
        at = NOON + timedelta(days=36525 * century)
        observation = replace(observation_of(generation_of(TREE.hash)), success=False, at=at)
        _count_observations(database, [observation])
    (total,) = tallies.totals()[TEMPLATE.id].values()
    assert total.succeeded == 1
    assert 0.0 <= total.recent_succeeded < 1e-90


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("answers", ["t"]),
        ("answers", ["t", "q"]),
        ("outcomes", ["t", "q"]),
        ("outcomes_under", ["t", "q", {"a": True, "z": "ets"}]),
        ("questions", ["t"]),
        ("extent", ["t"]),
        ("known", ["t", "q", ["one", "other"]]),
        ("judgements", ["t", "q", ["one", "other"]]),
        ("combinations", ["t"]),
        ("totals", ["t"]),
        ("totals", []),
    ],
)
def test_what_is_asked_is_one_range_of_an_index(
    database: Database, method: str, asked: list[Any]
) -> None:
    for number in range(50):
        _count(database, _choosing(number))
    plans = _plans_of(database, lambda: getattr(SqlTallies(database), method)(*asked))
    assert plans
    ranges = ("SEARCH", "Index Cond")
    assert all(any(each in plan for each in ranges) for plan in plans)
    assert not any(re.search("SCAN .*_stats|SCAN judgements|Seq Scan", plan) for plan in plans)


def _plans_of(database: Database, ask: Callable[[], object]) -> list[str]:
    """How the database goes about each statement."""
    seen: list[tuple[str, Any]] = []

    def look(_: object, __: object, statement: str, values: Any, *rest: object) -> None:
        seen.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", look)
    ask()
    event.remove(database.engine, "before_cursor_execute", look)
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.read() as connection:
        if not database.is_sqlite:  # of a small table it would read all
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked = [(f"{explain} {said}", values) for said, values in seen if said != "BEGIN"]
        found = [connection.exec_driver_sql(*each).all() for each in asked]
    return ["\n".join(str(row[-1]) for row in rows) for rows in found]


def _count(database: Database, *made: Generation) -> None:
    _count_observations(database, [observation_of(each) for each in made])


def _count_observations(database: Database, observations: Sequence[Observation]) -> None:
    with database.write() as connection:
        tally(connection, database, observations)


def _forget(database: Database, *tables: str) -> None:
    recorded = ("check_results", "attempts", "template_generations")
    with database.write() as connection:
        for table in tables or (*recorded, *(each.name for each in STATS)):
            connection.execute(text(f"DELETE FROM {table}"))


def _counts(database: Database) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """All rows, by their keys: what was counted, when last, and the recents."""
    with database.read() as connection:
        rows = [tuple(row) for each in STATS for row in connection.execute(each.select())]
    return {row[:_KEYS]: (*row[_KEYS : _KEYS + 4], row[-1], row[_KEYS + 4 : -1]) for row in rows}


def _about(counts: dict[tuple[Any, ...], tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """The same counts, as exact as doubles are."""
    return {key: (*row[:-1], pytest.approx(row[-1])) for key, row in counts.items()}
