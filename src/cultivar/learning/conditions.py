"""What an earlier answer changes: whether this one is to be judged under it, or over all.

Of the given answers the one that changes most is taken, if it credibly changes anything at all.
More than one is not: the ledger counts pairs, and effects that are added up as if answers were
independent count the same thing twice where one question is asked only under another. Without a
credible change all evidence speaks, since it is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final, TypeAlias

from cultivar.learning.comparing import compare
from cultivar.learning.contest import Contest
from cultivar.learning.counts import Counts, Key, numbers_without, summed
from cultivar.learning.ground import Ground
from cultivar.learning.rates import quantile
from cultivar.learning.usage import LEAD
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record

ERROR: Final = 0.01
"""How often an earlier answer may be taken to change something that it does not."""


_REST: Final = 0.05
"""A part that leaves less of the evidence out is all of it."""


Chosen: TypeAlias = Mapping[Key, Mapping[Stratum, float]]
"""How often each value was chosen, by stratum."""


class Change(Record):
    """How much differs under an earlier answer, in standard errors."""

    question: str
    """The earlier one."""
    score: float


def changing_success(whole: Contest, parts: Mapping[str, Counts]) -> str | None:
    """The question whose answer changes most which value succeeds; None where none does.

    The difference of two values under the answer is held against that over all.

    Args:
        whole: All that was counted.
        parts: What was counted of it under each given answer, by its question.
    """
    changes = [
        change for name, part in parts.items() for change in _success_changes(name, part, whole)
    ]
    return _most(changes)


def changing_use(whole: Counts, parts: Mapping[str, Counts], ground: Ground) -> str | None:
    """The question whose answer changes most what is chosen; None where none does.

    The share of a value under the answer is held against that elsewhere.

    Args:
        whole: All that was counted.
        parts: What was counted of it under each given answer, by its question.
        ground: How the evidence lies.
    """
    changes = [
        change
        for name, part in parts.items()
        for change in _use_changes(name, part.chosen, whole.chosen, ground)
    ]
    return _most(changes)


def _most(changes: list[Change]) -> str | None:
    if not changes:
        return None
    most = max(changes, key=lambda each: each.score)
    least = quantile(1 - ERROR / 2 / len(changes))
    return most.question if most.score >= least else None


def _success_changes(question: str, part: Counts, whole: Contest) -> Iterator[Change]:
    """A part against the whole that holds it.

    As that is the better estimate, the variance of what lies between is the part's less the
    whole's (Hausman, Econometrica 46 (1978), 1251-1271): the part's, as far as it is not all.
    """
    here = Contest(cells=part.verified, ground=whole.ground)
    for pair in combinations(here.candidates(), 2):
        one, all_of_it = here.difference(*pair), whole.difference(*pair)
        rest = 1 - one.weight / all_of_it.weight if all_of_it.weight else 0.0
        if rest >= _REST and 0 < one.instances >= whole.ground.witnesses:
            error = one.error * math.sqrt(rest)
            yield Change(question=question, score=abs(one.estimate - all_of_it.estimate) / error)


def _use_changes(question: str, part: Chosen, whole: Chosen, ground: Ground) -> Iterator[Change]:
    under, ever = summed(part.values()), summed(whole.values())
    elsewhere = numbers_without(ever, under)
    if not (ground.holds(under) and ground.holds(elsewhere)):
        return
    for key in _telling(part):
        others = numbers_without(whole.get(key, {}), part[key])
        cells = _choosing(part[key], under), _choosing(others, elsewhere)
        found = compare(*cells, ground.versions)
        speaks = abs(found.estimate) >= LEAD and found.instances >= ground.witnesses
        yield Change(question=question, score=abs(found.score) if speaks else 0.0)


def _telling(part: Chosen) -> list[Key]:
    """The values to look at: of two, one tells all."""
    return list(part)[:1] if len(part) == 2 else list(part)


def _choosing(
    own: Mapping[Stratum, float], choices: Mapping[Stratum, float]
) -> dict[Stratum, tuple[float, float]]:
    """How many chose it, and how many something else, by stratum."""
    return {
        stratum: (chosen := own.get(stratum, 0.0), max(0.0, number - chosen))
        for stratum, number in choices.items()
    }
