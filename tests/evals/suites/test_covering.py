"""Covering rows: the law, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.suites.covering import Condition, Factors, Row, covering, every_row
from cultivar.model import Json


def named(counts: list[int]) -> dict[str, tuple[Json, ...]]:
    return {f"f{at}": tuple(range(count)) for at, count in enumerate(counts)}


@st.composite
def conditioned(draw: st.DrawFn) -> Factors:
    """Factors, some of which count only under some values of some before them, as questions do."""
    values = named(draw(st.lists(st.integers(1, 3), min_size=1, max_size=5)))
    names, conditions, above = list(values), dict[str, Condition](), dict[str, frozenset[str]]()
    for at, name in enumerate(names):
        above[name] = frozenset()
        if at and draw(st.booleans()):
            parents = draw(st.sets(st.sampled_from(names[:at]), min_size=1, max_size=2))
            taken = {each: draw(st.sets(st.sampled_from(values[each]))) for each in parents}
            above[name] = frozenset(parents).union(*(above[each] for each in parents))
            conditions[name] = Condition(depends=above[name], holds=_holds(taken, conditions))
    return Factors(values=values, conditions=conditions)


def _holds(
    taken: Mapping[str, set[Json]], before: Mapping[str, Condition]
) -> Callable[[Row], bool]:
    known = dict(before)

    def holds(row: Row) -> bool:
        return all(
            row[name] in wanted and (name not in known or known[name].holds(row))
            for name, wanted in taken.items()
        )

    return holds


def pairs_in(rows: Iterator[Row] | tuple[Row, ...]) -> set[frozenset[tuple[str, Json]]]:
    return {
        frozenset(pair)
        for row in rows
        for size in (1, 2)
        for pair in combinations(row.items(), size)
    }


@given(conditioned())
def test_every_pair_that_the_conditions_allow_is_covered_and_no_other(factors: Factors) -> None:
    assert pairs_in(covering(factors)) == pairs_in(every_row(factors))


@given(conditioned())
def test_each_row_is_one_that_the_conditions_allow(factors: Factors) -> None:
    allowed = [dict(row) for row in every_row(factors)]
    assert all(dict(row) in allowed for row in covering(factors))


@given(conditioned())
def test_the_rows_are_the_same_each_time(factors: Factors) -> None:
    assert covering(factors) == covering(factors)


def test_ten_yes_or_no_questions_take_at_most_ten_rows() -> None:
    assert len(covering(Factors(values=named([2] * 10)))) <= 10


def test_thirteen_questions_of_three_answers_take_at_most_twenty_two_rows() -> None:
    rows = covering(Factors(values=named([3] * 13)))
    assert 15 <= len(rows) <= 22


def test_all_combinations_come_once_also_where_a_factor_does_not_count() -> None:
    counts = Condition(depends=frozenset({"f0"}), holds=lambda row: row["f0"] == 1)
    factors = Factors(values=named([2, 3]), conditions={"f1": counts})
    assert list(every_row(factors)) == [{"f0": 0}, *({"f0": 1, "f1": at} for at in range(3))]


def test_a_value_that_may_be_anything_of_json_is_covered() -> None:
    values: dict[str, tuple[Json, ...]] = {"a": ([1], {"b": 2}), "c": (None, "x")}
    rows = covering(Factors(values=values))
    wanted = list(product(values["a"], values["c"]))
    assert [(row["a"], row["c"]) in wanted for row in rows] == [True] * 4
