"""What a loop goes by, without the work: rests, bounds, and what waiting mends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cultivar.application.alone import AtWorkError
from cultivar.application.rounds import (
    Backoff,
    Bounds,
    Going,
    LoopSpentError,
    Round,
    is_mended_by_waiting,
    is_of_its_time,
    trouble_of,
)
from cultivar.errors import (
    BudgetSpentError,
    ChangedError,
    CultivarError,
    NotKnownError,
    SettingsError,
    StoreUnavailableError,
    UnconfinedError,
    WriteError,
)
from cultivar.settings import BudgetSettings, ImproveSettings

DOWN = StoreUnavailableError("It is down.")
TIME = BudgetSpentError("seconds", spent=2, limit=1)
MONEY = BudgetSpentError("money", spent=2, limit=1)


def going(bounds: Bounds, now: list[float] | None = None) -> Going:
    """A loop that goes on, by a clock of ours."""
    clock = now or [0.0]
    return Going(bounds, ImproveSettings(every_seconds=3600), now=lambda: clock[0])


def ended(error: CultivarError | None = None, *, again: bool = False) -> Round:
    """A round, as it ended."""
    trouble = trouble_of(error) if error else None
    return Round(number=1, began_at=datetime.now(UTC), trouble=trouble, again=again)


@given(some.integers(1, 200), some.floats(0, 0.999), some.floats(1, 1e6))
def test_the_rest_after_a_bad_round_grows_and_has_an_end(
    failed: int, dice: float, every: float
) -> None:
    backoff = Backoff(every, dice=lambda: dice)
    rests = [backoff.rest() for _ in range(failed)]
    assert rests == sorted(rests)
    assert 0 < rests[0] <= min(10, every)
    assert rests[-1] <= 1800
    backoff.ended_well()
    assert backoff.rest() == rests[0]


def test_loops_that_failed_together_do_not_come_back_together() -> None:
    assert len({Backoff(3600).rest() for _ in range(20)}) > 1


def test_a_run_that_only_takes_more_time_does_not_wait_longer_each_time() -> None:
    loop = going(Bounds())
    assert max(loop.rest_after(ended(TIME)) for _ in range(9)) <= 10
    assert max(loop.rest_after(ended(DOWN)) for _ in range(9)) > 1000


def test_after_a_run_that_had_been_interrupted_nobody_rests() -> None:
    loop = going(Bounds())
    assert (loop.rest_after(ended()), loop.rest_after(ended(again=True))) == (3600, 0)
    assert going(Bounds(every=7)).rest_after(ended()) == 7


def test_a_run_gets_no_more_than_is_left_of_all() -> None:
    now = [0.0]
    loop = going(Bounds(seconds=100, money=3), now)
    loop.begin_run("begun before", 5.0)
    loop.note_cost("begun before", 6.0)
    loop.note_cost("ours", 1.5)
    now[0] = 40.0
    assert loop.money == 2.5  # what was paid before is no cost of this loop
    assert loop.budget(BudgetSettings(seconds=900, money=1)) == BudgetSettings(
        seconds=60, money=0.5
    )
    assert loop.budget(BudgetSettings(seconds=None, money=None)).seconds == 60
    assert loop.spent() is None
    assert isinstance(loop.spent(rest=60), LoopSpentError)
    loop.note_cost("ours", 2)
    spent = loop.spent()
    assert spent is not None
    assert (spent.kind, spent.exit_code) == ("money", 5)
    assert "--money" in spent.remedy


def test_without_bounds_a_run_gets_what_is_usual() -> None:
    assert going(Bounds()).budget(BudgetSettings()) == BudgetSettings()
    assert going(Bounds()).spent(rest=1e9) is None


def test_a_loop_that_may_pay_nothing_goes_on_where_nothing_costs() -> None:
    assert going(Bounds(money=0)).spent() is None


@pytest.mark.parametrize("error", [DOWN, TIME, WriteError("It is full."), AtWorkError()])
def test_what_waiting_mends_is_waited_for(error: CultivarError) -> None:
    assert is_mended_by_waiting(error)


@pytest.mark.parametrize("error", [MONEY, SettingsError("No."), UnconfinedError("No wall.")])
def test_what_no_waiting_mends_is_not_waited_for(error: CultivarError) -> None:
    assert not is_mended_by_waiting(error)


def test_what_only_a_run_met_ends_the_run_alone() -> None:
    changed, unknown = ChangedError(("a.py",)), NotKnownError("template", "a")
    assert not is_of_its_time(changed)
    for each in (changed, unknown, MONEY):
        each.run_id = "a run"
    assert all(map(is_of_its_time, (changed, unknown, MONEY)))
    wrong = SettingsError("No.")
    wrong.run_id = "a run"
    assert not is_of_its_time(wrong)
