"""Time, cost and quality: a better version must not lose more of them than is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.evals.comparing.aspects import RATIOS, Standing, standing
from cultivar.evals.comparing.betting import average
from cultivar.evals.comparing.pairing import Aspect, Compared, Pairs
from cultivar.evals.comparing.wording import percent, points
from cultivar.evolution.gate.limits import GateSettings

NAMES: Final[Mapping[Aspect, str]] = {
    "seconds": "time",
    "money": "cost",
    "quality": "quality",
}


def standings(pairs: Pairs, settings: GateSettings, *, steady: bool) -> dict[Aspect, Standing]:
    """Where each aspect stands that is looked at and was measured, or can be.

    Args:
        pairs: What both versions did.
        settings: The margins, and the error of each statement.
        steady: Whether results do not vary; then quality and cost do not either.
    """
    return {
        aspect: _plainly(aspect, compared, margin)
        if steady and aspect != "seconds"
        else standing(aspect, compared, margin, settings.error)
        for aspect, margin in settings.margins().items()
        if (compared := pairs.aspects[aspect]).told or (compared.apart and not compared.pairs)
    }


def reason(aspect: Aspect, pairs: Pairs, settings: GateSettings) -> str:
    """What speaks against a version of which an aspect is lost, or may be."""
    margin, compared = settings.margins()[aspect], pairs.aspects[aspect]
    if not compared.pairs:
        return f"{NAMES[aspect]} (not measured side by side yet)"
    before, after = compared.before / compared.pairs, compared.after / compared.pairs
    if aspect not in RATIOS:
        allowed = f"{margin * 100:g} points"
        change = points(after - before)
    else:
        allowed, change = percent(margin), f"{before:.3g} to {after:.3g}"
    return f"{NAMES[aspect]} ({change}; allowed is {allowed} worse)"


def _plainly(aspect: Aspect, compared: Compared, margin: float) -> Standing:
    """Where an aspect stands that is the same each time."""
    if aspect in RATIOS:
        lost = compared.after > compared.before * (1 + margin)
    else:
        lost = average(compared.values) < -margin
    return "lost" if lost else "kept"
