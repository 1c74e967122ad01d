"""What is true of a template in a simulated world: which answers succeed, and which are liked.

The invariant: what most choose hides what succeeds, in the question that matters most; so who only
counts uses learns the wrong thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Final

from cultivar.errors import UsageError
from cultivar.evals.ways import Fork, Way, Ways
from cultivar.model import Json
from cultivar.record import Record

BEST: Final = 3.5
"""Log-odds of success of the best combination, in an average instance with the newest version."""

_OTHERS: Final = 2.2
"""The same of what differs from it in nothing that matters."""

_COSTS: Final = (1.2, 0.7)
"""What the log-odds lose by another answer than the best, to the questions that matter."""

_DRIFT: Final = 1.5
"""What they lose by the answer that ceases to work."""

_LAST: Final = 3 / 4
"""The part of the time after which it ceases."""


class Effect(Record):
    """An answer that is better than its rivals, or worse."""

    question: str
    value: Json
    success: float
    """In an average instance, with the newest version and all else right that matters."""
    otherwise: float
    """The same with another answer."""


class Truth(Record):
    """What is true of a template."""

    seed: int
    best: Mapping[str, Json]
    """The combination that succeeds most."""
    costs: Mapping[str, float]
    """What another answer costs, by the questions that matter, the first most."""
    hidden: str
    """The question to which most give another answer than the best."""
    ceasing: tuple[str, Json] | None
    """Question and answer that fail more at last; it is the one that most give."""

    def favourite(self, fork: Fork) -> Json:
        """What most choose."""
        values = fork.values
        if self.ceasing is not None and self.ceasing[0] == fork.question:
            values = tuple(each for each in values if each == self.ceasing[1]) or values
        elif fork.question == self.hidden:
            values = _others(fork, self.best[fork.question])
        return Random(f"{self.seed} {fork.question}").choice(values)

    def log_odds(self, values: Mapping[str, Json], passed: float) -> float:
        """Of success in an average instance with the newest version.

        Args:
            values: All closed answers.
            passed: Which part of the time is over.
        """
        if all(values.get(name) == value for name, value in self.best.items()):
            return BEST
        costs = self.costs.items()
        odds = _OTHERS - sum(cost for name, cost in costs if values.get(name) != self.best[name])
        if passed > _LAST and self.ceasing is not None:
            name, value = self.ceasing
            odds -= _DRIFT if name in values and values[name] == value else 0
        return odds

    def matters(self) -> tuple[Effect, ...]:
        """The answers that succeed more than their rivals."""
        right = probability(_OTHERS)
        return tuple(
            Effect(
                question=name,
                value=self.best[name],
                success=right,
                otherwise=probability(_OTHERS - cost),
            )
            for name, cost in self.costs.items()
        )

    def ceases(self) -> Effect | None:
        """The answer that fails more at last."""
        if self.ceasing is None:
            return None
        question, value = self.ceasing
        right, wrong = probability(_OTHERS), probability(_OTHERS - _DRIFT)
        return Effect(question=question, value=value, success=wrong, otherwise=right)


def plant(ways: Ways, seed: int, template_id: str) -> tuple[Truth, tuple[Fork, ...]]:
    """A truth, and the forks on the way of its best combination.

    Raises:
        UsageError: The template asks nothing that is yes or no, or a choice.
    """
    random = Random(f"{seed} {template_id}")
    found = _any_way(ways.begin, random)
    if not found:
        raise UsageError(
            f"The template {template_id!r} asks nothing that is yes or no, or a choice: there is "
            "nothing to learn.",
            "Name another template; `cultivar templates` lists them.",
        )
    best = {name: value for name, (_, value) in found.items()}
    drawn = random.sample(sorted(best), len(best))
    mattering, rest = drawn[: len(_COSTS)], drawn[len(_COSTS) :]
    ceasing = [(name, random.choice(_others(*found[name]))) for name in rest[:1]]
    truth = Truth(
        seed=seed,
        best=best,
        costs=dict(zip(mattering, _COSTS, strict=False)),
        hidden=mattering[0],
        ceasing=ceasing[0] if ceasing else None,
    )
    return truth, tuple(fork for fork, _ in found.values())


def probability(log_odds: float) -> float:
    """What is as likely as the odds of that logarithm say."""
    return 1 / (1 + math.exp(-log_odds))


def _any_way(way: Way, random: Random) -> dict[str, tuple[Fork, Json]]:
    """One way to the end; of its forks those that are choices, each with the value taken."""
    found: dict[str, tuple[Fork, Json]] = {}
    while (fork := way.fork) is not None:
        option = random.randrange(len(fork.options))
        if fork.is_choice:
            found[fork.question] = (fork, fork.values[option])
        way = way.taking(option)
    return found


def _others(fork: Fork, value: Json) -> tuple[Json, ...]:
    """The other values of a fork; all, where there is no other."""
    return tuple(each for each in fork.values if each != value) or fork.values
