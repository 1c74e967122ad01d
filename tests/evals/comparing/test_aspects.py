from __future__ import annotations

from random import Random

import pytest

from cultivar.evals.comparing.aspects import change_of, standing
from cultivar.evals.comparing.pairing import Aspect, Compared, pair_up
from cultivar.lifecycle import TrialResult
from cultivar.testing.outcomes import tried


def _timed(times_as_slow: float, pairs: int, scatter: float = 0.0, seed: int = 3) -> Compared:
    random = Random(seed)

    def trial(version: str, slow: float, case: int) -> TrialResult:
        seconds = slow * random.lognormvariate(0, scatter)
        (result,) = tried(version, {f"{case}": "P"}, seconds=seconds)
        return result

    old = [trial("old", 1.0, case) for case in range(pairs)]
    new = [trial("new", times_as_slow, case) for case in range(pairs)]
    return pair_up(old, new).aspects["seconds"]


def test_what_takes_twice_as_long_is_lost_soon() -> None:
    assert standing("seconds", _timed(2.0, 16), 0.2, 0.05) == "lost"


def test_what_takes_as_long_is_kept_soon() -> None:
    assert standing("seconds", _timed(1.0, 24), 0.2, 0.05) == "kept"


def test_few_trials_leave_it_open() -> None:
    assert standing("seconds", _timed(1.0, 4), 0.2, 0.05) == "open"


@pytest.mark.parametrize("seed", range(5))
def test_on_a_restless_machine_it_takes_longer_to_tell(seed: int) -> None:
    assert standing("seconds", _timed(1.5, 400, 0.3, seed), 0.2, 0.05) == "lost"
    assert standing("seconds", _timed(1.0, 400, 0.3, seed), 0.2, 0.05) == "kept"


def test_what_is_at_the_margin_is_rarely_called_lost() -> None:
    lost = [standing("seconds", _timed(1.2, 150, 0.3, seed), 0.2, 0.05) for seed in range(100)]
    assert lost.count("lost") <= 12  # 5 of 100 are allowed, and luck


def test_one_stall_does_not_decide() -> None:
    seconds = [1.0] * 39 + [900.0]
    old = [each for i in range(40) for each in tried("old", {f"{i}": "P"}, seconds=1.0)]
    new = [each for i in range(40) for each in tried("new", {f"{i}": "P"}, seconds=seconds[i])]
    assert standing("seconds", pair_up(old, new).aspects["seconds"], 0.2, 0.05) == "kept"


@pytest.mark.parametrize(("after", "expected"), [(0.9, "kept"), (0.7, "lost")])
def test_quality_may_not_fall_by_more_than_is_allowed(after: float, expected: str) -> None:
    names = {f"{i}": "P" for i in range(40)}
    pairs = pair_up(tried("old", names, quality=0.9), tried("new", names, quality=after))
    assert standing("quality", pairs.aspects["quality"], 0.05, 0.05) == expected


def test_a_change_is_told_with_both_means_and_the_interval() -> None:
    found = change_of("seconds", _timed(2.0, 200, 0.1), 0.05)
    assert found.pairs == 200
    assert (found.before, found.after) == pytest.approx((1.0, 2.0), abs=0.1)
    assert found.low < found.change < found.high
    assert found.change == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("aspect", ["seconds", "money"])
def test_what_costs_nothing_with_either_was_not_measured(aspect: Aspect) -> None:
    pairs = pair_up(tried("old", {"a": "P"}), tried("new", {"a": "P"}))
    assert not pairs.aspects[aspect].told
