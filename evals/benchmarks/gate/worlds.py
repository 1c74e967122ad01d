"""Suites of cases with known rates of success, and what comes of trying versions on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal, TypeAlias

from cultivar.lifecycle import TrialCase, TrialResult

CASES: Final = 50
SLICES: Final = 5
ALIKE: Final = 2.0
"""How alike cases are: of a Beta distribution the sum of its parameters."""

UNREST: Final = 0.3
"""How much the logarithm of a time scatters."""

Version = Literal["old", "new"]

Rates: TypeAlias = Sequence[float]
"""Of each case, how often it passes."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A suite, and how often its cases pass with the old version and with each candidate."""

    cases: tuple[TrialCase, ...]
    old: Rates
    new: Rates
    times_as_slow: float = 0.0
    """How long the candidate takes, as times of the old version; 0: time is not measured."""


Scenario: TypeAlias = Callable[[Random], World]
"""Draws a world."""


def moved(base: float, gain: float) -> Scenario:
    """Worlds whose cases differ, pass with `base` on average, and gain so much on average."""

    def draw(random: Random) -> World:
        old = _rates(random, base)
        return _world(old, gained(old, gain))

    return draw


def one_slice_worse(base: float, gain: float, loss: float) -> Scenario:
    """Worlds whose mean rises by `gain` while their first slice falls by `loss`."""

    def draw(random: Random) -> World:
        old = _rates(random, base)
        first, others = old[::SLICES], [rate for i, rate in enumerate(old) if i % SLICES]
        risen = iter(gained(others, (gain * CASES + loss * len(first)) / len(others)))
        fallen = iter(gained(first, -loss))
        new = [next(risen) if i % SLICES else next(fallen) for i in range(CASES)]
        return _world(old, new)

    return draw


def mostly_steady(base: float, flaky: int, mended: int = 0, broken: int = 0) -> Scenario:
    """Worlds whose cases always come out the same, but for a few that nobody knows are flaky.

    Args:
        base: The share of the steady cases that pass.
        flaky: How many are flaky, and equally so with both versions.
        mended: How many that fail the candidate mends.
        broken: How many that pass it breaks.
    """

    def draw(random: Random) -> World:
        steady = [float(i < round(base * (CASES - flaky))) for i in range(CASES - flaky)]
        random.shuffle(steady)
        new = list(steady)
        for index in _some(random, steady, 0.0, mended):
            new[index] = 1.0
        for index in _some(random, steady, 1.0, broken):
            new[index] = 0.0
        unsteady = [random.uniform(0.2, 0.8) for _ in range(flaky)]
        return _world([*steady, *unsteady], [*new, *unsteady])

    return draw


def timed(scenario: Scenario, times_as_slow: float) -> Scenario:
    """The same worlds with time measured, on a machine that is not quiet."""

    def draw(random: Random) -> World:
        return replace(scenario(random), times_as_slow=times_as_slow)

    return draw


def gained(rates: Rates, gain: float) -> list[float]:
    """Rates whose mean is higher by `gain`: what fails is mended, or what passes broken, alike."""
    mean = sum(rates) / len(rates)
    if gain >= 0:
        part = min(1.0, gain / (1 - mean))
        return [rate + (1 - rate) * part for rate in rates]
    return [rate * max(0.0, 1 + gain / mean) for rate in rates]


def tried(random: Random, world: World, index: int, version: Version, repeat: int) -> TrialResult:
    """One trial of a version on a case."""
    rates = world.old if version == "old" else world.new
    slow = 1.0 if version == "old" else world.times_as_slow
    return TrialResult(
        case_id=world.cases[index].id,
        tree_hash=version,
        repeat=repeat,
        verdict="passed" if random.random() < rates[index] else "failed",
        seconds=slow * random.lognormvariate(0, UNREST) if world.times_as_slow else 0.0,
    )


def _rates(random: Random, base: float) -> list[float]:
    return [random.betavariate(ALIKE * base, ALIKE * (1 - base)) for _ in range(CASES)]


def _world(old: Rates, new: Rates) -> World:
    cases = tuple(TrialCase(id=f"{i}", slice=f"slice {i % SLICES}") for i in range(len(old)))
    return World(cases=cases, old=old, new=new)


def _some(random: Random, rates: Rates, like: float, count: int) -> list[int]:
    return random.sample([i for i, rate in enumerate(rates) if rate == like], count)
