"""Whether as many units got the canary as its share says.

Where they did not, units were lost on one side, and what is left is not alike. The test is that of
Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022): a mixture of
likelihood ratios against the share, which may be looked at after every unit.
"""

from __future__ import annotations

import math
from typing import Final

ERROR: Final = 0.001
"""How likely a share that is as it should be is told to be another."""

_WEIGHT: Final = 50.0
"""How many units the mixture's prior is worth; it looks for shares near to the right one."""


def is_mismatch(canary: int, others: int, share: float) -> bool:
    """Whether the units cannot have come about by that share, at any time but for the error.

    Args:
        canary: How many units got the canary.
        others: How many got the version that is used.
        share: Of the units that should get the canary, between 0 and 1.
    """
    return _log_evidence(canary, others, share) >= -math.log(ERROR)


def looks_like_mismatch(canary: int, others: int, share: float) -> bool:
    """Whether more speaks for another share than for this one, though it may be luck."""
    return _log_evidence(canary, others, share) > 0


def _log_evidence(canary: int, others: int, share: float) -> float:
    ours, theirs = _WEIGHT * share, _WEIGHT * (1 - share)
    mixed = _log_beta(ours + canary, theirs + others) - _log_beta(ours, theirs)
    return mixed - canary * math.log(share) - others * math.log1p(-share)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
