from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from cultivar.testing.covering import Row, Value, covering

VALUES = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)
FACTORS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=5)


@given(factors=FACTORS)
def test_every_two_answers_stand_together_in_a_row(factors: dict[str, list[Value]]) -> None:
    rows = covering(factors)
    for one, other in combinations(factors, 2):
        together = {(row[one], row[other]) for row in rows}
        assert together == {(a, b) for a in factors[one] for b in factors[other]}


def test_there_are_few_rows() -> None:
    factors = {name: (False, True) for name in "abcdefghij"}
    assert len(covering(factors)) <= 12


def test_what_is_not_asked_needs_no_row() -> None:
    def asked(row: Row, name: str) -> bool:
        return name == "cache" or row.get("cache") is not False

    rows = covering({"cache": (False, True), "ttl": (1, 2, 3)}, asked)
    assert {row["ttl"] for row in rows if row["cache"]} == {1, 2, 3}
