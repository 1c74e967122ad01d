"""Time, cost and quality of two versions, held against what may be lost of them.

Ratios are compared by their logarithms, so that twice and half as long weigh the same. A single
pair counts as at most four times the margin, so that one stall does not decide.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final, Literal

from cultivar.evals.comparing.betting import Counts, average, between, log_wealth, mirrored
from cultivar.evals.comparing.pairing import Aspect, Compared
from cultivar.record import Record

Standing = Literal["kept", "open", "lost"]
"""Whether it is shown to be no worse than the margin allows, or to be worse; `open`: neither."""

RATIOS: Final = frozenset[Aspect]({"seconds", "money"})
"""What is compared by its ratio."""

SLOWER: Final = 0.2
"""By which share it may usually take longer, or cost more."""

QUALITY_DROP: Final = 0.05
"""By how much the quality may usually be less."""

_REACH: Final = 4
_STEPS: Final = 32
_WIDEST: Final = math.log(4)
_SMALLEST: Final = 0.01


class AspectChange(Record):
    """How an aspect of two versions compares, over the pairs that tell it."""

    aspect: Aspect
    pairs: int
    before: float
    """The mean of the old version."""
    after: float
    change: float
    """Of time and money a typical ratio (the geometric mean) less 1; of quality a difference."""
    low: float
    high: float
    """Where the change credibly lies, at any time."""


def standing(aspect: Aspect, compared: Compared, margin: float, error: float) -> Standing:
    """Where an aspect stands, at any time but for an error of `error` in either direction.

    Args:
        aspect: What is compared.
        compared: What was counted of it.
        margin: The greatest loss that is no loss: a share of time and money, points of quality.
        error: How often it may be told wrongly.
    """
    allowed = max(_SMALLEST, math.log1p(margin) if aspect in RATIOS else margin)
    harm = _scaled(_harms(aspect, compared), _REACH * allowed)
    enough = -math.log(error)
    if log_wealth(harm, 1 / _REACH) >= enough:
        return "lost"
    return "kept" if log_wealth(mirrored(harm), -1 / _REACH) >= enough else "open"


def saved(aspect: Aspect, compared: Compared, least: float) -> Counts:
    """What each pair saves beyond the least, so that a mean of at most 0 means: not enough.

    It is cut off symmetrically, so that noise that is as likely to either side stays without
    effect, however large it is.

    Args:
        aspect: Time or money.
        compared: What was counted of it.
        least: The share by which it must be less to be worth anything.

    Returns:
        Counts for a bet, 1 where a pair saves more by four times the least.
    """
    wanted = max(_SMALLEST, -math.log1p(-least))
    found: Counter[float] = Counter()
    for value, times in compared.values.items():
        share = (-value - wanted) / (_REACH * wanted)
        found[min(1.0, max(-1.0, share))] += times
    return found


def change_of(aspect: Aspect, compared: Compared, error: float) -> AspectChange:
    """How an aspect changed, with the interval in which the change lies at any time.

    Of ratios, what is beyond four times (or a fourth) counts as four times in the interval.

    Args:
        aspect: What is compared.
        compared: What was counted of it.
        error: How often the interval may miss.
    """
    widest = _WIDEST if aspect in RATIOS else 1.0
    interval = between(_scaled(compared.values, widest), error)
    mean = average(compared.values)
    found = (mean, min(mean, interval.low * widest), max(mean, interval.high * widest))
    change, low, high = (math.expm1(each) for each in found) if aspect in RATIOS else found
    return AspectChange(
        aspect=aspect,
        pairs=compared.pairs,
        before=compared.before / compared.pairs,
        after=compared.after / compared.pairs,
        change=change,
        low=low,
        high=high,
    )


def typical_change(aspect: Aspect, compared: Compared) -> float:
    """How an aspect typically changed, as `AspectChange` tells it."""
    mean = average(compared.values)
    return math.expm1(mean) if aspect in RATIOS else mean


def _harms(aspect: Aspect, compared: Compared) -> Counts:
    return compared.values if aspect in RATIOS else mirrored(compared.values)


def _scaled(values: Counts, widest: float) -> Counts:
    """The values as shares of the widest, in steps, so that there are few different ones."""
    scaled: Counter[float] = Counter()
    for value, times in values.items():
        share = min(1.0, max(-1.0, value / widest))
        scaled[round(share * _STEPS) / _STEPS] += times
    return scaled
