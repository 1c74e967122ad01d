from __future__ import annotations

from random import Random

import pytest

from cultivar.evolution.canary.ratio import is_mismatch


def _seen_at(luck: Random, share: float, really: float, most: int) -> int:
    """After how many units a mismatch is seen, looked at after each; 0 where it never is."""
    ours = 0
    for number in range(1, most + 1):
        ours += luck.random() < really
        if is_mismatch(ours, number - ours, share):
            return number
    return 0


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_share_that_is_right_is_hardly_ever_doubted_however_often_one_looks(
    share: float,
) -> None:
    luck = Random(2)
    seen = [_seen_at(luck, share, share, 500) for _ in range(100)]
    assert sum(map(bool, seen)) <= 1


def test_forty_in_a_hundred_are_told_from_fifty() -> None:
    luck = Random(3)
    seen = [_seen_at(luck, 0.5, 0.4, 2000) for _ in range(40)]
    assert all(seen)
    assert sorted(seen)[20] <= 500


def test_a_canary_that_nobody_gets_is_seen() -> None:
    luck = Random(4)
    assert 0 < _seen_at(luck, 0.1, 0.0, 500) < 200


def test_without_units_nothing_is_wrong() -> None:
    assert not is_mismatch(0, 0, 0.5)
