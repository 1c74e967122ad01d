"""What is kept of defaults says what the counts say."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.errors import StoreUnavailableError
from cultivar.learning.defaults.keeping import AFFORDABLE, KeptDefaults, heard_of
from cultivar.learning.defaults.renewing import Renewals
from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database, connect
from cultivar.ledger.schema import prepare
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.sql import open_ledger
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import Observation, TallyStore
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

Seen: TypeAlias = tuple[Observation, int]
"""A generation, and how many of the kind there were."""

BACKENDS = ("redis", "ets", "none")
BACKEND = AskedFor(name="backend", values=BACKENDS, default="none")
TTL = AskedFor(name="ttl")
EARLIER: dict[str, Json] = {"web": True, "docs": False, "ttl": 5}

_answers = st.fixed_dictionaries(
    {
        "web": st.booleans(),
        "docs": st.booleans(),
        "backend": st.sampled_from(BACKENDS),
        "ttl": st.sampled_from([5, 60]),
    }
)
_seen = st.tuples(
    st.builds(
        observation_of,
        _answers,
        st.sampled_from([True, True, False, None]),
        chosen=st.booleans(),
        template_version=st.sampled_from(["1.0.0", "1.1.0"]),
        instance_id=st.sampled_from(["one", "two", "three", "four"]),
    ),
    st.sampled_from([1, 5, 20, 200, 5000]),
)
_worlds = st.lists(_seen, max_size=60)


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


def _found(
    store: TallyStore, renewals: Renewals, asked: AskedFor = BACKEND, **earlier: Json
) -> Suggestion | None:
    """What is suggested where all is kept."""
    defaults = _kept(store, renewals)
    first = defaults.find(asked, earlier, TEMPLATE_ID)
    renewals.wait()
    assert defaults.find(asked, earlier, TEMPLATE_ID) == first
    return first


def _value(found: Suggestion | None) -> Json:
    return found.value if found else None


@settings(max_examples=60, deadline=None)
@given(
    world=_worlds,
    later=_worlds,
    given_before=st.dictionaries(
        st.sampled_from(list(EARLIER)), st.sampled_from([True, False, 5, "x"])
    ),
    asked=st.sampled_from([BACKEND, TTL, AskedFor(name="backend", values=("redis", "ets"))]),
)
def test_on_the_same_counts_what_is_kept_says_what_the_counts_say(
    world: Sequence[Seen],
    later: Sequence[Seen],
    given_before: dict[str, Json],
    asked: AskedFor,
) -> None:
    tallies = _counted(world)
    with closing(Renewals(share=1.0)) as renewals:
        phases: tuple[Sequence[Seen], ...] = ((), later)
        for more in phases:
            before = heard_of(tallies.extent(TEMPLATE_ID))
            for each, times in more:
                tallies.count(each, times)
            defaults = _kept(tallies, renewals)
            defaults.find(asked, given_before, TEMPLATE_ID)
            renewals.wait()  # a few more are renewed, many more are known at once
            direct = default_for(asked, given_before, tallies, TEMPLATE_ID)
            exact = abs(heard_of(tallies.extent(TEMPLATE_ID)) - before) > 0.01 * before
            if exact or not more:
                assert defaults.find(asked, given_before, TEMPLATE_ID) == direct


def _planted(seed: int) -> Iterator[Seen]:
    """Where there is no web, all backends are alike; where there is, one is chosen and one good."""
    random = Random(seed)
    for _ in range(8000):
        web, docs = random.random() < 0.4, random.random() < 0.5
        favourite = random.random() < (0.6 if web else 0.1)
        backend = "none" if favourite else random.choice(BACKENDS)
        good = {"redis": 0.95, "ets": 0.8, "none": 0.6}[backend] if web else 0.85
        answers: dict[str, Json] = {"web": web, "docs": docs, "backend": backend}
        where = f"instance-{random.randrange(5)}"
        yield observation_of(answers, random.random() < good, instance_id=where), 1


@pytest.mark.parametrize("seed", range(3))
def test_what_an_earlier_answer_changes_is_kept_as_it_is(renewals: Renewals, seed: int) -> None:
    tallies = _counted(_planted(seed))
    for web in (True, False):
        earlier: dict[str, Json] = {"docs": True, "web": web}
        expected = default_for(BACKEND, earlier, tallies, TEMPLATE_ID)
        assert _found(tallies, renewals, docs=True, web=web) == expected
    reversed_order = _found(tallies, renewals, web=True, docs=True)
    assert (_value(reversed_order), reversed_order and reversed_order.given) == (
        "redis",
        {"web": True},
    )


def test_questions_that_differ_in_anything_are_kept_apart(renewals: Renewals) -> None:
    """What succeeds more than a template's own default is no default where the other is its own."""
    seen = _versions(("1", "redis", 300, 300), ("1", "ets", 200, 400), ("1", "none", 18, 0))
    defaults = _kept(_counted(seen), renewals)
    known, own = ("redis", "ets"), ("redis", "ets", "none")
    for _ in range(2):
        found = [
            defaults.find(AskedFor(name="backend", values=values, default=default), {}, TEMPLATE_ID)
            for values, default in ((own, "redis"), (own, "none"), (known, "none"), (("ets",), 1))
        ]
        assert list(map(_value, found)) == ["redis", None, "redis", "ets"]
        renewals.wait()


def test_what_one_earlier_answer_changes_is_not_taken_for_what_another_does(
    renewals: Renewals,
) -> None:
    chosen = {"fast": (400, 100), "small": (0, 500), "plain": (400, 600)}
    seen = [
        (observation_of({"mode": mode, "backend": backend}, True), number)
        for mode, numbers in chosen.items()
        for backend, number in zip(("redis", "ets"), numbers, strict=True)
    ]
    defaults = _kept(_counted(seen), renewals)
    for mode, value, under in (("fast", "redis", {"mode": "fast"}), ("plain", "ets", {})):
        found = defaults.find(BACKEND, {"mode": mode}, TEMPLATE_ID)
        renewals.wait()
        assert (_value(found), found and found.given) == (value, under)


def test_where_little_was_counted_nothing_is_kept(renewals: Renewals) -> None:
    tallies = _counted(_instances(10))
    defaults = KeptDefaults(tallies, renewals, AFFORDABLE)
    assert _value(defaults.find(BACKEND, EARLIER, TEMPLATE_ID)) == "ets"
    renewals.wait()
    assert tallies.everything_kept(TEMPLATE_ID, "backend") == {}


def test_nothing_is_kept_of_questions_that_were_never_answered(renewals: Renewals) -> None:
    tallies = _counted(_instances(10))
    for name in ("whatever", "anybody asks"):
        asked = AskedFor(name=name, values=(True, False))
        assert _kept(tallies, renewals).find(asked, {"web": True}, TEMPLATE_ID) is None
        renewals.wait()
        assert tallies.everything_kept(TEMPLATE_ID, name) == {}


def _instances(number: int) -> list[Seen]:
    return [
        (observation_of({"backend": value}, good, instance_id=f"instance-{at}"), times)
        for at in range(number)
        for value, good, times in (("redis", True, 12), ("redis", False, 12), ("ets", True, 24))
    ]


def test_where_many_instances_count_it_is_kept(renewals: Renewals) -> None:
    tallies = _counted(_instances(AFFORDABLE))
    defaults = KeptDefaults(tallies, renewals, AFFORDABLE)
    found = defaults.find(BACKEND, {"web": True}, TEMPLATE_ID)
    assert (_value(found), found and found.reason) == ("ets", "success")
    renewals.wait()
    assert len(tallies.everything_kept(TEMPLATE_ID, "backend")) == 2


def test_what_cannot_be_read_was_not_kept(renewals: Renewals) -> None:
    tallies = _counted(_instances(10))
    defaults = _kept(tallies, renewals)
    expected = defaults.find(BACKEND, {"web": True}, TEMPLATE_ID)
    renewals.wait()
    for body in ("", "{", "[]", "null", '{"suggestion": {"value": 1}}', '{"success": 1}'):
        kept = tallies.everything_kept(TEMPLATE_ID, "backend")
        for key, judgement in kept.items():
            odd = type(judgement)(body=body, uses=judgement.uses)
            tallies.keep(TEMPLATE_ID, "backend", {key: odd})
        assert defaults.find(BACKEND, {"web": True}, TEMPLATE_ID) == expected
        renewals.wait()


def _versions(*counts: tuple[str, Json, int, int]) -> list[Seen]:
    return [
        (observation_of({"backend": value}, outcome, template_version=version), number)
        for version, value, good, bad in counts
        for outcome, number in ((True, good), (False, bad))
    ]


def test_simpsons_paradox_does_not_fool_what_is_kept(renewals: Renewals) -> None:
    """Redis is better in each version, but was used mostly in the one where all is bad."""
    seen = _versions(
        ("1.0.0", "redis", 300, 200),
        ("1.0.0", "ets", 40, 60),
        ("2.0.0", "redis", 99, 1),
        ("2.0.0", "ets", 440, 60),
    )
    found = _found(_counted(seen), renewals)
    assert (_value(found), found and found.reason) == ("redis", "success")


def _honest(redis: tuple[int, int], ets: tuple[int, int]) -> list[Seen]:
    return [
        (
            observation_of({"web": web, "backend": value}, outcome, instance_id=f"honest-{at}"),
            number,
        )
        for at in range(20)
        for web in (True, False)
        for value, (good, bad) in (("redis", redis), ("ets", ets))
        for outcome, number in ((True, good), (False, bad))
    ]


@pytest.mark.parametrize(
    ("value", "outcome"), [("redis", False), ("ets", True), ("impossible", True)]
)
@pytest.mark.parametrize(
    ("redis", "ets", "expected"),
    [((24, 1), (20, 5), "redis"), ((33, 3), (13, 1), "redis"), ((23, 2), (23, 2), None)],
)
def test_one_instance_cannot_move_what_is_kept(
    renewals: Renewals,
    value: str,
    outcome: bool,
    redis: tuple[int, int],
    ets: tuple[int, int],
    expected: str | None,
) -> None:
    poison = observation_of({"web": True, "backend": value}, outcome, instance_id="poison")
    tallies = _counted([*_honest(redis, ets), (poison, 1_000_000)])
    assert _value(_found(tallies, renewals, web=True)) == expected


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A ledger in which many instances were counted."""
    with closing(connect(f"sqlite:///{tmp_path / 'ledger.db'}")) as opened:
        prepare(opened)
        seen = [each for each, times in _instances(AFFORDABLE) for _ in range(times)]
        with opened.write() as connection:
            tally(connection, opened, seen)
        yield opened


def test_many_who_ask_and_renew_at_once_do_each_other_no_harm(database: Database) -> None:
    store = SqlTallies(database)
    expected = default_for(BACKEND, EARLIER, store, TEMPLATE_ID)
    makers = [Renewals(share=1.0) for _ in range(4)]

    def ask(number: int) -> bool:
        defaults = KeptDefaults(store, makers[number % 4])
        return defaults.find(BACKEND, EARLIER, TEMPLATE_ID) == expected

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(80)))
    for each in makers:
        each.close()
    assert expected is not None


def test_a_ledger_that_cannot_be_written_makes_no_default_fail(
    database: Database, renewals: Renewals
) -> None:
    expected = default_for(BACKEND, {}, SqlTallies(database), TEMPLATE_ID)
    name = f"sqlite:///file:{database.name}?mode=ro&uri=true"
    with closing(connect(name)) as unwritable:
        defaults = KeptDefaults(SqlTallies(unwritable), renewals)
        assert defaults.find(BACKEND, {}, TEMPLATE_ID) == expected
        renewals.wait()
        assert defaults.find(BACKEND, {}, TEMPLATE_ID) == expected


def test_a_ledger_that_others_write_makes_no_default_wait(
    database: Database, renewals: Renewals
) -> None:
    with closing(sqlite3.connect(database.name, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        defaults = KeptDefaults(SqlTallies(database), renewals)
        assert defaults.find(BACKEND, {}, TEMPLATE_ID) is not None
        renewals.wait()
        writer.execute("ROLLBACK")
    assert defaults.find(BACKEND, {}, TEMPLATE_ID) is not None


def test_a_ledger_in_another_process_keeps_too(database: Database) -> None:
    with closing(Renewals(share=1.0)) as renewals, closing(LedgerProcess()) as process:
        served = process.open(f"sqlite:///{database.name}")
        defaults = KeptDefaults(served.tallies, renewals)
        found = defaults.find(BACKEND, EARLIER, TEMPLATE_ID)
        renewals.wait()
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM judgements").scalar_one()
    assert (found, rows) == (default_for(BACKEND, EARLIER, SqlTallies(database), TEMPLATE_ID), 3)


def test_who_renews_when_the_ledger_is_closed_is_told_so(tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(file).close()
    process = LedgerProcess()
    tallies = process.open(file).tallies
    assert tallies.extent("t").uses == 0
    process.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        tallies.extent("t")


def test_who_is_answered_meanwhile_is_let_in_sooner_and_only_meanwhile() -> None:
    before, during = sys.getswitchinterval(), list[float]()
    with closing(Renewals(share=1.0)) as one, closing(Renewals(share=1.0)) as other:
        for renewals in (one, other):
            renewals.ask("work", lambda: during.append(sys.getswitchinterval()))
        one.wait()
        other.wait()
    assert len(during) == 2
    assert max(during) < before
    assert sys.getswitchinterval() == before


def test_what_is_asked_for_twice_is_done_once_and_what_fails_ends_nothing() -> None:
    done, go = list[str](), threading.Event()

    def fail() -> None:
        go.wait(30)
        raise StoreUnavailableError("It is down.", "Wait.")

    with closing(Renewals(share=1.0)) as renewals:
        renewals.ask("first", fail)
        for _ in range(3):
            renewals.ask("second", lambda: done.append("second"))
        go.set()
        renewals.wait()
        assert done == ["second"]
        renewals.ask("second", lambda: done.append("again"))
        renewals.wait()
    renewals.ask("third", lambda: done.append("third"))
    renewals.wait()
    assert done == ["second", "again"]
