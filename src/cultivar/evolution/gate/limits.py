"""What the gate lets pass, and how much error it may spend."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from cultivar.errors import SettingsError
from cultivar.evals.comparing.aspects import QUALITY_DROP, SLOWER
from cultivar.evals.comparing.pairing import Aspect
from cultivar.record import Record
from cultivar.schema import MisfitError, check_made, listed


class GateSettings(Record):
    """How sure the gate has to be, and what a better version may lose."""

    error: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """How likely one campaign may release what is no better, all its candidates together."""
    slower: Annotated[float, Meta(ge=0)] | None = SLOWER
    """By which share it may take longer where both versions pass; None: as much as it likes."""
    costlier: Annotated[float, Meta(ge=0)] | None = SLOWER
    """By which share it may cost more there."""
    quality_drop: Annotated[float, Meta(ge=0, le=1)] | None = QUALITY_DROP
    """By how much the quality may be less."""
    least_saving: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    """By which share what is made to be quicker, or cheaper, must take less of it."""
    success_drop: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    """By how much such a version may succeed less where results vary, for all that is excluded."""
    slice_drop: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    """By how much a slice that was tried enough may be worse, for all that can be excluded."""
    least_gain: Annotated[float, Meta(ge=0, lt=1)] = 0.02
    """The smallest gain of interest; who credibly gains less is not tried any longer."""
    most_pairs: Annotated[int, Meta(ge=1)] = 1500
    """On how many pairs a candidate is tried, at most."""
    most_dropped: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """The share of pairs that may say nothing because a place was down."""

    def __post_init__(self) -> None:
        """Refuse what a setting does not take."""
        try:
            check_made(self)
        except MisfitError as error:
            name, expected = error.misfit.place[-1], listed(error.misfit.expected)
            raise SettingsError(f"`{name}` of the gate: expected is {expected}.") from error

    def margins(self) -> dict[Aspect, float]:
        """What may be lost, of each aspect that is looked at."""
        found: dict[Aspect, float | None] = {
            "seconds": self.slower,
            "money": self.costlier,
            "quality": self.quality_drop,
        }
        return {aspect: margin for aspect, margin in found.items() if margin is not None}


def share_of_error(number: int) -> float:
    """The part of a campaign's error that one of its candidates may spend.

    The parts fall with the square of the number and sum up to 1 (Euler: the sum of 1/i² is π²/6),
    so nobody has to know how many candidates there will be, and the first ones, which are the
    most promising, have the most.

    Args:
        number: Which candidate of the campaign it is, from 1.
    """
    return 6 / (math.pi * number) ** 2
