"""Cases from inputs that nobody has given yet, made of values that somebody has.

The invariant: what is expected of such an input is what the version that is used gives for it, each
time; where that fails or wavers, nothing is expected and there is no case.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.spelling import canonical, is_whole, spelled
from cultivar.evals.trying.tool_uses import Inputs, ToolUses, Use
from cultivar.evals.trying.tools import tool_case
from cultivar.evolution.operators.tools.traits import type_of
from cultivar.lifecycle import Assertion, TrialCase
from cultivar.model import Json
from cultivar.record import replace

MOST_SYNTHETIC: Final = 100
_TIMES: Final = 2
_TRIES: Final = 20


def made_inputs(known: Sequence[Inputs], most: int = MOST_SYNTHETIC) -> tuple[Inputs, ...]:
    """Make inputs by the types of known ones; the same known ones give the same.

    Each has the parameters of a known one, each parameter a value that was seen for it, or one
    next to it or at the edge of its type.

    Args:
        known: Inputs that came, or that cases have.
        most: How many to make.
    """
    pools = _pools(known)
    chosen = random.Random(canonical([spelled(each) for each in known]))
    seen = {canonical(spelled(each)) for each in known}
    made: dict[str, Inputs] = {}
    for _ in range(most * _TRIES if known else 0):
        shape = chosen.choice(known)
        inputs = {name: chosen.choice(pools[name]) for name in shape}
        text = canonical(spelled(inputs))
        if text not in seen:
            made.setdefault(text, inputs)
        if len(made) == most:
            break
    return tuple(made.values())


def synthetic_cases(
    subject: Subject, known: Sequence[Inputs], uses: ToolUses, most: int = MOST_SYNTHETIC
) -> tuple[TrialCase, ...]:
    """Make cases that hold a new version to what the used one does.

    Args:
        subject: The version that is used.
        known: Inputs that came, or that its cases have.
        uses: Uses it, twice on each of the made inputs.
        most: How many to make.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
    """
    made = made_inputs(known, most)
    name = subject.artifact.name
    times = [uses.use(subject.tree, name, made) for _ in range(_TIMES)]
    return tuple(
        _case(inputs, given[0])
        for inputs, given in zip(made, zip(*times, strict=True), strict=True)
        if all(use.succeeded for use in given) and len({use.hash for use in given}) == 1
        if is_whole(given[0].value) and not given[0].message
    )


def _case(inputs: Inputs, use: Use) -> TrialCase:
    case = tool_case(inputs, Assertion(kind="equals", value=use.value), origin="covering")
    return replace(case, name="made up", slice="made up")


def _pools(known: Iterable[Inputs]) -> dict[str, list[Json]]:
    """The values to choose from, by parameter: what was seen, and what is near to that."""
    pools: dict[str, dict[str, Json]] = defaultdict(dict)
    for inputs in known:
        for name, value in inputs.items():
            for each in (value, *_near(value)):
                pools[name].setdefault(canonical(spelled(each)), each)
    return {name: list(values.values()) for name, values in pools.items()}


def _near(value: Json) -> Iterator[Json]:
    """Values of the same type, at its edge or close by."""
    if type_of(value) == "number" and isinstance(value, int | float):
        yield from (0, -value, value + 1)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield from ("", value.upper(), f"{value} ")
    elif isinstance(value, list | tuple):
        yield from ([], list(value)[:1], list(value)[::-1])
