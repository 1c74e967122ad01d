"""Numbers as a person reads them."""

from __future__ import annotations

from typing import Final

_BOUNDS: Final = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def bounded(probability: float) -> str:
    """A probability by the next round one above it, like "under 1 %"."""
    bound = next((bound for bound in _BOUNDS if probability < bound), None)
    return "above 50 %" if bound is None else f"under {bound * 100:g} %"


def percent(share: float) -> str:
    """A share in whole percent, like "37 %"; with a digit where it is small."""
    return f"{share * 100:.{1 if 0 < abs(share) < 0.1 else 0}f} %"


def points(difference: float) -> str:
    """A difference of shares, like "+3.1 points"."""
    return f"{difference * 100:+.1f} points"


def counted(number: int, noun: str) -> str:
    """A number with its noun, like "1 case" or "2 cases"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
