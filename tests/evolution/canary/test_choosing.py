from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cultivar.evolution.canary.choosing import receives
from cultivar.lifecycle import Artifact
from cultivar.testing.generations import ANY_TEXT

TEMPLATE = Artifact(kind="template", name="test:greeting")
SHARES = st.floats(min_value=0, max_value=1)


@given(ANY_TEXT, ANY_TEXT, SHARES, SHARES)
def test_who_has_the_canary_with_a_small_share_has_it_with_a_larger_one(
    unit: str, salt: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    if receives(TEMPLATE, unit, low, salt):
        assert receives(TEMPLATE, unit, high, salt)


@given(ANY_TEXT, ANY_TEXT)
def test_nobody_gets_it_with_no_share_and_all_with_the_whole(unit: str, salt: str) -> None:
    assert not receives(TEMPLATE, unit, 0.0, salt)
    assert receives(TEMPLATE, unit, 1.0, salt)


def test_as_many_units_get_it_as_the_share_says() -> None:
    got = sum(receives(TEMPLATE, f"run {number}", 0.2, "tree") for number in range(5000))
    assert 900 < got < 1100


def test_another_canary_goes_to_other_units() -> None:
    units = [f"run {number}" for number in range(1000)]
    one, other = (
        {unit for unit in units if receives(TEMPLATE, unit, 0.5, salt)} for salt in ("one", "other")
    )
    assert 200 < len(one & other) < 300


def test_another_artifact_goes_to_other_units() -> None:
    units = [f"run {number}" for number in range(1000)]
    tool = Artifact(kind="tool", name="test:greeting")
    both = [
        unit
        for unit in units
        if receives(TEMPLATE, unit, 0.5, "tree") and receives(tool, unit, 0.5, "tree")
    ]
    assert 200 < len(both) < 300


def test_the_choice_is_the_same_in_every_version_of_cultivar() -> None:
    got = [number for number in range(20) if receives(TEMPLATE, f"run {number}", 0.3, "tree")]
    assert got == [1, 8, 10, 16, 17, 19]
