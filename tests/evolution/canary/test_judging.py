from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.evidence import Unit
from cultivar.evolution.canary.judging import (
    LEAST,
    LONGEST,
    QUIET,
    CanaryReport,
    CanaryVerdict,
    judge_canary,
    report,
)
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import Artifact, Release
from cultivar.record import Record

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
LIMITS = GateSettings()


class Life(Record):
    """How versions really do."""

    old: float = 0.8
    """Success rates."""
    new: float = 0.8
    share: float = 0.5
    slower: float = 1.0
    """How many times as long the canary takes."""
    poorer: float = 0.0
    """By how much its quality is less."""
    lost: float = 0.0
    """The share of its uses that nobody hears of."""


def _release(name: str, share: float) -> Release:
    return Release(
        id=name,
        experiment="experiment",
        artifact=Artifact(kind="template", name="test:greeting"),
        before="old",
        after=f"new {name}",
        status="canary",
        share=share,
        released_at=BEGAN,
        updated_at=BEGAN,
    )


def _units(luck: Random, life: Life, release: Release, runs: int) -> Iterator[Unit]:
    for number in range(runs):
        unit = f"run {number}"
        ours = receives(release.artifact, unit, release.share, release.after)
        at = BEGAN + timedelta(minutes=number)
        if not (ours and luck.random() < life.lost):
            yield Unit(
                id=unit,
                instance=f"i{luck.randrange(4)}",
                canary=ours,
                first=at,
                last=at,
                whole=at,
                success=float(luck.random() < (life.new if ours else life.old)),
                seconds=luck.lognormvariate(0, 0.5) * (life.slower if ours else 1),
                quality=0.9 + luck.uniform(-0.1, 0.1) - (life.poorer if ours else 0),
            )


def _ended(name: str, luck: Random, life: Life, every: int = 100) -> tuple[CanaryVerdict, int]:
    """What a canary comes to, looked at after every so many units, and after how many."""
    release = _release(name, life.share)
    units = [*_units(luck, life, release, 4000)]
    for number in range(every, len(units), every):
        found = judge_canary(release, units[:number], LIMITS, units[number - 1].first)
        if found.state != "running":
            return found, number
    raise AssertionError(f"Not decided in {len(units)} runs.")


def _ends(seed: int, canaries: int, life: Life) -> list[tuple[CanaryVerdict, int]]:
    luck = Random(seed)
    return [_ended(str(number), luck, life) for number in range(canaries)]


def _states(ends: Sequence[tuple[CanaryVerdict, int]]) -> list[str]:
    return [found.state for found, _ in ends]


@pytest.mark.parametrize("life", [Life(), Life(old=0.95, new=0.95, share=0.2)])
def test_a_canary_that_is_as_good_is_hardly_ever_stopped(life: Life) -> None:
    ends = _ends(1, 60, life)
    assert _states(ends).count("good") >= 57


def test_a_drop_of_twenty_points_is_stopped() -> None:
    ends = _ends(2, 40, Life(old=0.9, new=0.7))
    assert _states(ends).count("worse") >= 38
    uses = sorted(number for _, number in ends)
    assert uses[len(uses) // 2] <= 500
    assert uses[-4] <= 1000


def test_a_drop_of_twenty_points_is_stopped_with_a_small_share() -> None:
    ends = _ends(3, 20, Life(old=0.9, new=0.7, share=0.1))
    assert _states(ends).count("worse") >= 18


def test_a_share_that_is_really_another_is_stopped_and_its_numbers_are_not_trusted() -> None:
    ends = _ends(4, 40, Life(lost=1 / 3))
    assert _states(ends).count("mismatch") >= 36
    assert any("cannot be trusted" in found.sentence for found, _ in ends)


def test_a_canary_that_mends_much_is_soon_given_to_all() -> None:
    ends = _ends(5, 20, Life(old=0.6, new=0.95))
    assert _states(ends) == ["good"] * 20
    assert sorted(number for _, number in ends)[10] <= 200


@pytest.mark.parametrize(
    ("life", "word"), [(Life(slower=2), "time"), (Life(poorer=0.2), "quality")]
)
def test_a_canary_that_is_as_good_and_slower_or_poorer_is_stopped(life: Life, word: str) -> None:
    ends = _ends(6, 10, life)
    assert _states(ends) == ["worse"] * 10
    assert all(word in found.sentence for found, _ in ends)


def test_a_burst_of_failures_that_meets_both_versions_says_nothing() -> None:
    release = _release("burst", 0.5)
    units = [*_units(Random(7), Life(old=0, new=0), release, 600)]
    assert report(release, units, LIMITS, units[-1].first).state in {"running", "good"}


def test_one_bad_instance_of_many_decides_nothing_alone() -> None:
    release, luck = _release("instance", 0.5), Random(8)
    good = [*_units(luck, Life(old=0.95, new=0.95), release, 300)]
    bad = [
        Unit(
            id=each.id,
            instance="broken",
            canary=each.canary,
            first=each.first,
            last=each.last,
            whole=each.whole,
            success=0.0 if each.canary else 1.0,
        )
        for each in _units(luck, Life(), release, 300)
    ]
    mixed = sorted([*good, *bad], key=lambda each: each.first)
    assert report(release, mixed, LIMITS, mixed[-1].first).state != "worse"


def test_one_session_with_many_uses_is_one_unit() -> None:
    release = _release("session", 0.5)
    units = [*_units(Random(9), Life(old=1, new=1), release, 40)]
    units[0] = Unit(
        id=units[0].id,
        instance="i0",
        canary=True,
        first=BEGAN,
        last=BEGAN,
        whole=BEGAN,
        success=0.0,  # of however many uses
    )
    assert report(release, units, LIMITS, units[-1].first).state == "running"


def _quiet(after: timedelta, runs: int = 0) -> CanaryReport:
    release = _release("quiet", 0.5)
    units = [*_units(Random(10), Life(), release, runs)]
    return report(release, units, LIMITS, BEGAN + after)


def test_a_canary_that_nobody_used_is_stopped_and_never_given_to_all() -> None:
    assert _quiet(QUIET - timedelta(minutes=1)).state == "running"
    found = _quiet(QUIET)
    assert (found.state, found.recommendation) == ("unused", "roll_back")
    assert found.sentence == "Nobody used it: not once in 24 hours."


def test_a_canary_that_nobody_uses_any_more_is_stopped() -> None:
    assert _quiet(QUIET, runs=20).state == "running"
    found = _quiet(QUIET + timedelta(hours=1), runs=20)
    assert (found.state, found.units_after > 0) == ("unused", True)
    assert "any more" in found.sentence


def test_a_canary_that_too_few_used_is_stopped_at_the_end_of_its_time() -> None:
    release = _release("few", 0.5)
    units = [
        Unit(
            id=each.id,
            instance="i0",
            canary=each.canary,
            first=(at := BEGAN + timedelta(hours=12 * number)),
            last=at,
            whole=at,
            success=1.0,
        )
        for number, each in enumerate(_units(Random(11), Life(), release, 28))
    ]
    at_last = report(release, units, LIMITS, BEGAN + LONGEST)
    assert at_last.pairs < LEAST
    assert at_last.state == "unused"
    assert at_last.sentence.startswith("Too few used it")


def test_a_clock_that_goes_back_stops_nothing() -> None:
    assert _quiet(-timedelta(days=30)).state == "running"


def test_what_to_do_follows_from_how_it_stands() -> None:
    release = _release("advice", 0.5)
    units = [*_units(Random(13), Life(old=0.6, new=0.95), release, 2000)]
    seen = [report(release, units[:n], LIMITS, units[n].first) for n in range(20, 2000, 60)]
    assert (seen[0].state, seen[0].recommendation) == ("running", "continue_testing")
    assert (seen[-1].state, seen[-1].recommendation) == ("good", "deploy")


def test_what_is_known_is_told_with_how_sure_it_is() -> None:
    release = _release("told", 0.5)
    units = [*_units(Random(12), Life(old=0.6, new=0.95), release, 300)]
    found = report(release, units, LIMITS, units[-1].first)
    assert 0.5 < found.before < 0.7
    assert 0.9 < found.after <= 1
    assert 0 < found.low < found.after - found.before < found.high
    assert found.confidence > 0.99
    assert {each.aspect for each in found.aspects} == {"seconds", "quality"}
    assert found.units_before + found.units_after == 300
