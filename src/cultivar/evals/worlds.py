"""Worlds in which a template is used, and in which it is known what the truth is.

The invariant: the same world, seed included, always gives the same generations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

from cultivar.errors import UsageError
from cultivar.evals.truths import BEST, Effect, plant, probability
from cultivar.evals.ways import Fork, Way, Ways
from cultivar.learning.evidence.weighing import by_version
from cultivar.ledger.tallying import Observation, Observed
from cultivar.model import Json, Source
from cultivar.record import Record, field
from cultivar.templating.template import Template

_OLDER: Final = 0.2
"""What they lose with each version before the newest."""

_INSTANCES: Final = 0.3
"""The standard deviation of what they differ by between instances."""

_COPIED: Final = 0.1
"""The share of generations that use the best combination as it is."""

_FAVOURED: Final = 0.6
"""The share of those who choose freely that the favourite answer has."""

_BEHIND: Final = 0.2
"""The share of generations that use an older version than they could."""

_UNVERIFIED: Final = 0.05
"""The share of generations that nobody verified."""

_SOURCES: Final[tuple[tuple[Source, float], ...]] = (("user", 0.5), ("task", 0.8), ("model", 1.0))
"""Who answers, and up to which part of all answers."""

_OLD_VERSIONS: Final = ("0.8.0", "0.9.0")
"""Of a template that is said to have no others than its own."""

_TAKEN: Final = 0.5
"""How often the template's own default, where it is the answer, was not chosen by anybody."""


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Scenario(Record):
    """What a world is made from."""

    template: Template
    generations: int
    instances: int = 10
    days: int = 90
    versions: tuple[str, ...] = ()
    """Those in use, each from a day of its own; empty: two older ones and the template's own."""
    seed: int = 1
    until: datetime = field(default_factory=_today)
    """When the last of the days ends."""

    def __post_init__(self) -> None:
        for name in ("generations", "instances", "days"):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"A simulation with {getattr(self, name)} {name} is none.",
                    f"Say how many {name}: at least one.",
                )


class Planted(Record):
    """The truth of a world: what learning should find."""

    template_id: str
    best: Mapping[str, Json]
    """The combination that succeeds most."""
    success: float
    """How often it succeeds."""
    matters: tuple[Effect, ...]
    """Answers that succeed more; most choose another than the first of them."""
    ceases: Effect | None
    """An answer that fails more in the last quarter of the time."""
    favourites: Mapping[str, Json]
    """What most choose."""
    versions: tuple[str, ...]
    instances: int
    since: datetime
    until: datetime


class Draw(Record):
    """One generation, as fate has it."""

    number: int
    way: Way
    sources: tuple[Source, ...]
    """Who answered at each fork."""
    instance_id: str
    version: str
    success: bool | None
    at: datetime


class World:
    """A template in use by many instances.

    Args:
        scenario: What it is made from.

    Raises:
        UsageError: The template asks nothing that is yes or no, or a choice.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._ways = Ways(scenario.template)
        name = scenario.template.ref.id
        self._truth, self._forks = plant(self._ways, scenario.seed, name)
        self._favourites: dict[tuple[str, tuple[Json, ...]], int] = {}
        self._versions = _versions(scenario)
        self._names = _instances(scenario.instances)
        random = Random(f"{scenario.seed} instances")
        self._skills = {name: random.gauss(0, _INSTANCES) for name in self._names}
        busy = (1 / math.sqrt(rank + 1) for rank in range(scenario.instances))
        self._shares = tuple(accumulate(busy))

    @property
    def planted(self) -> Planted:
        """What is true in it."""
        scenario, truth = self.scenario, self._truth
        return Planted(
            template_id=scenario.template.ref.id,
            best=truth.best,
            success=probability(BEST),
            matters=truth.matters(),
            ceases=truth.ceases(),
            favourites={each.question: truth.favourite(each) for each in self._forks},
            versions=self._versions,
            instances=scenario.instances,
            since=scenario.until - timedelta(days=scenario.days),
            until=scenario.until,
        )

    def draws(self) -> Iterator[Draw]:
        """Its generations, the oldest first."""
        random = Random(f"{self.scenario.seed} draws {self.scenario.template.ref.id}")
        for number in range(self.scenario.generations):
            yield self._draw(number, random)

    def _draw(self, number: int, random: Random) -> Draw:
        scenario = self.scenario
        passed = (number + random.random()) / scenario.generations
        way, sources = self._walk(random)
        instance = random.choices(self._names, cum_weights=self._shares)[0]
        version = self._version(passed, random)
        odds = self._truth.log_odds(way.values, passed) + self._skills[instance]
        odds -= _OLDER * (len(self._versions) - 1 - version)
        verified, success = random.random() >= _UNVERIFIED, random.random() < probability(odds)
        return Draw(
            number=number,
            way=way,
            sources=sources,
            instance_id=instance,
            version=self._versions[version],
            success=success if verified else None,
            at=scenario.until - timedelta(days=scenario.days) * (1 - passed),
        )

    def _walk(self, random: Random) -> tuple[Way, tuple[Source, ...]]:
        """A way to its end, with who answered at each fork."""
        way, sources = self._ways.begin, list[Source]()
        copied = random.random() < _COPIED
        while (fork := way.fork) is not None:
            option = self._option(fork, random, copied=copied)
            sources.append(_source(fork.values[option], fork.default, random))
            way = way.taking(option)
        return way, tuple(sources)

    def _option(self, fork: Fork, random: Random, *, copied: bool) -> int:
        values, best = fork.values, self._truth.best
        if copied and fork.question in best and best[fork.question] in values:
            return values.index(best[fork.question])
        favourite = self._favourite(fork)
        if random.random() < _FAVOURED:
            return favourite
        other = random.randrange(len(values) - 1)
        return other + (other >= favourite)

    def _favourite(self, fork: Fork) -> int:
        """The option that most choose."""
        key = fork.question, fork.values
        found = self._favourites.get(key)
        if found is None:
            found = self._favourites[key] = fork.values.index(self._truth.favourite(fork))
        return found

    def _version(self, passed: float, random: Random) -> int:
        # The newest has been there long enough for something to change under it.
        newest = min(int(passed * (len(self._versions) + 1)), len(self._versions) - 1)
        return random.randrange(newest) if newest and random.random() < _BEHIND else newest


def observation_of(draw: Draw, template_id: str) -> Observation:
    """What is counted of a draw: the same as of its generation."""
    sources = dict(zip(draw.way.forks, draw.sources, strict=True))
    return Observation(
        template_id=template_id,
        template_version=draw.version,
        instance_id=draw.instance_id,
        answers=tuple(
            Observed(
                question=each.question,
                value=each.value,
                chosen=sources.get(each.question, "default") != "default",
            )
            for each in draw.way.seen
        ),
        success=draw.success,
        at=draw.at,
    )


def _source(value: Json, default: Json, random: Random) -> Source:
    """Who gave an answer."""
    if value == default and random.random() < _TAKEN:
        return "default"
    said = random.random()
    return next(source for source, until in _SOURCES if said < until)


def _versions(scenario: Scenario) -> tuple[str, ...]:
    """Those in use, the oldest first."""
    given = scenario.versions or (*_OLD_VERSIONS, scenario.template.ref.version)
    return tuple(sorted(dict.fromkeys(given), key=by_version))


def _instances(count: int) -> tuple[str, ...]:
    """Their ids, which say what they are wherever they turn up."""
    width = len(str(count))
    return tuple(f"simulated-{number:0{width}}" for number in range(1, count + 1))
