from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cultivar.evolution.releasing.standing import WINDOW, Outcome, Standing, standing


def _uses(luck: Random, rate: float, number: int, instances: int = 4) -> list[Outcome]:
    return [
        Outcome(instance=f"i{luck.randrange(instances)}", succeeded=luck.random() < rate)
        for _ in range(number)
    ]


def _looked_at_often(
    before: list[Outcome], after: list[Outcome], every: int = 5
) -> Iterator[Standing]:
    for number in range(every, len(after) + 1, every):
        found = standing(before, after[:number])
        yield found
        if found.state != "open":
            return


def test_a_version_that_drops_by_thirty_points_is_seen_to_be_worse() -> None:
    luck = Random(3)
    seen = [
        [*_looked_at_often(_uses(luck, 0.9, 300), _uses(luck, 0.6, WINDOW))][-1] for _ in range(40)
    ]
    worse = [each.uses for each in seen if each.state == "worse"]
    assert len(worse) >= 36
    assert sorted(worse)[len(worse) // 2] <= 110


def test_a_version_that_is_as_good_is_hardly_ever_called_worse_however_often_one_looks() -> None:
    luck = Random(4)
    seen = [
        [*_looked_at_often(_uses(luck, 0.8, 300), _uses(luck, 0.8, WINDOW))][-1].state
        for _ in range(200)
    ]
    assert seen.count("worse") <= 6


def test_a_version_that_was_not_worse_in_enough_uses_is_kept() -> None:
    luck = Random(5)
    found = standing(_uses(luck, 0.9, 300), _uses(luck, 0.9, WINDOW + 50))
    assert (found.state, found.uses) == ("kept", WINDOW)
    assert found.sentence.startswith("As good in use")


def test_a_version_whose_newest_uses_fail_is_not_kept_for_its_earlier_ones() -> None:
    luck = Random(9)
    before, good = _uses(luck, 0.9, 500), _uses(luck, 1.0, WINDOW)
    broken = _uses(luck, 0.1, 250)
    assert standing(before, good).state == "kept"
    found = standing(before, [*good, *broken[:50]])
    assert found.state == "open"
    assert found.newest is not None
    assert found.newest < 0.2
    assert "of the newest" in found.sentence
    assert standing(before, [*good, *broken]).state == "worse"


def test_a_version_that_is_as_good_is_kept_though_its_newest_uses_are_looked_at() -> None:
    luck = Random(10)
    seen = [standing(_uses(luck, 0.8, 300), _uses(luck, 0.8, 250)).state for _ in range(100)]
    assert seen.count("kept") >= 97


def test_without_uses_nothing_is_decided() -> None:
    assert standing(_uses(Random(1), 0.9, 100), []).state == "open"
    assert standing([], _uses(Random(1), 0.1, 100)).state == "open"


def test_one_instance_that_fails_by_itself_takes_nothing_back() -> None:
    luck = Random(6)
    before = _uses(luck, 0.95, 400, instances=8)
    good = _uses(luck, 0.95, 160, instances=8)
    broken = [Outcome(instance="broken", succeeded=False)] * 1000
    mixed = [use for pair in zip(good, broken, strict=False) for use in pair]
    assert [*_looked_at_often([*before, *good], mixed)][-1].state != "worse"


def test_who_uses_it_more_than_before_makes_no_difference() -> None:
    luck = Random(8)

    def weak(number: int) -> list[Outcome]:
        return [Outcome(instance="weak", succeeded=luck.random() < 0.5) for _ in range(number)]

    def strong(number: int) -> list[Outcome]:
        return [Outcome(instance="strong", succeeded=luck.random() < 0.99) for _ in range(number)]

    before = [*weak(150), *strong(450)]
    after = [*strong(60), *weak(140)]
    luck.shuffle(after)
    assert standing(before, after).state != "worse"


@given(
    st.lists(st.booleans(), max_size=60),
    st.lists(st.booleans(), max_size=60),
    st.integers(min_value=0, max_value=59),
)
def test_a_success_in_place_of_a_failure_never_makes_it_worse(
    before: list[bool], after: list[bool], place: int
) -> None:
    old = [Outcome(instance="a", succeeded=each) for each in before]
    new = [Outcome(instance="a", succeeded=each) for each in after]
    if standing(old, new).state == "worse" or place >= len(new):
        return
    better = [*new[:place], Outcome(instance="a", succeeded=True), *new[place + 1 :]]
    assert standing(old, better).state != "worse"
