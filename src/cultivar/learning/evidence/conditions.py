"""What an earlier answer changes: whether this one is to be judged under it, or over all.

Of the given answers the one that changes most is taken, if it credibly changes anything at all.
More than one is not: the ledger counts pairs, and effects that are added up as if answers were
independent count the same thing twice where one question is asked only under another. Without a
credible change all evidence speaks, since it is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from cultivar.learning.evidence.comparing import Cells, compare
from cultivar.learning.evidence.contest import Contest
from cultivar.learning.evidence.counts import (
    REST,
    Counts,
    Key,
    numbers_without,
    summed,
    together,
    trials,
)
from cultivar.learning.evidence.ground import Ground, ground_of
from cultivar.learning.evidence.rates import quantile
from cultivar.learning.evidence.usage import LEAD
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record

ERROR: Final = 0.01
"""How often an earlier answer may be taken to change something that it does not."""


_REST: Final = 0.05
"""A part that leaves less of the evidence out is all of it."""


class Whole(Record):
    """All that was counted of a question, and how it lies."""

    counts: Counts
    contest: Contest
    """Over all that was verified."""
    choices: Ground
    """How it lies what was chosen."""
    chosen: Mapping[Stratum, float]
    """How often anything was chosen."""


class Changes(Record):
    """How much differs under an earlier answer, of several things that might."""

    number: int = 0
    """How many were looked at."""
    score: float = 0.0
    """The greatest difference, in standard errors."""


class Effect(Record):
    """What an earlier answer changes."""

    success: Changes
    use: Changes


class Under(Record):
    """The earlier questions under whose answers this one is judged; None: over all."""

    success: str | None
    """That which changes most which value succeeds."""
    use: str | None
    """That which changes most what is chosen."""


def whole_of(counts: Counts) -> Whole:
    """All that was counted of a question, and how it lies."""
    outcomes = ground_of(trials(together(counts.verified.values())))
    chosen = summed(counts.chosen.values())
    return Whole(
        counts=counts,
        contest=Contest(cells=counts.verified, ground=outcomes),
        choices=ground_of(chosen),
        chosen=chosen,
    )


def effect_of(part: Counts, whole: Whole) -> Effect:
    """What an earlier answer changes.

    Of success, the difference of two values under the answer is held against that over all; of use,
    the share of a value under it against that elsewhere.

    Args:
        part: What was counted under the answer.
        whole: All that was counted.
    """
    return Effect(
        success=_greatest(_success_changes(part, whole.contest)),
        use=_greatest(_use_changes(part, whole)),
    )


def under_of(effects: Mapping[str, Effect]) -> Under:
    """Under what a question is to be judged.

    Args:
        effects: What each earlier answer changes, by its question.
    """
    return Under(
        success=_most({name: each.success for name, each in effects.items()}),
        use=_most({name: each.use for name, each in effects.items()}),
    )


def _greatest(scores: Iterable[float]) -> Changes:
    found = list(scores)
    return Changes(number=len(found), score=max(found)) if found else Changes()


def _most(changes: Mapping[str, Changes]) -> str | None:
    """The question that changes most, if not by chance: any of all that was looked at might."""
    number = sum(each.number for each in changes.values())
    if not number:
        return None
    most = max(changes, key=lambda name: changes[name].score)
    return most if changes[most].score >= quantile(1 - ERROR / 2 / number) else None


def _success_changes(part: Counts, whole: Contest) -> Iterator[float]:
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
            yield abs(one.estimate - all_of_it.estimate) / error


def _use_changes(part: Counts, whole: Whole) -> Iterator[float]:
    """The shares under the answer against those elsewhere; 0 where the difference is no matter."""
    if not part.chosen:
        return
    under, ground = summed(part.chosen.values()), whole.choices
    elsewhere = numbers_without(whole.chosen, under)
    if not (ground.holds(under) and ground.holds(elsewhere)):
        return
    for key in _telling(part.chosen):
        others = numbers_without(whole.counts.chosen.get(key, {}), part.chosen[key])
        cells = _choosing(part.chosen[key], under), _choosing(others, elsewhere)
        found = compare(*cells, ground.versions)
        speaks = abs(found.estimate) >= LEAD and found.instances >= ground.witnesses
        yield abs(found.score) if speaks else 0.0


def _telling(part: Mapping[Key, Mapping[Stratum, float]]) -> list[Key]:
    """The values to look at: of two, one tells all."""
    return list(part)[:1] if len(part) == 2 else [key for key in part if key != REST]


def _choosing(own: Mapping[Stratum, float], choices: Mapping[Stratum, float]) -> Cells:
    """How many chose it, and how many something else, by stratum."""
    return {
        stratum: (chosen := own.get(stratum, 0.0), max(0.0, number - chosen))
        for stratum, number in choices.items()
    }
