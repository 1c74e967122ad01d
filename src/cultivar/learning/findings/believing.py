"""Which of many findings to believe.

The invariant: of all findings that are reported, no more than `FALSE` are expected to be luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

FALSE: Final = 0.05
"""The share of what is reported that may be luck."""


def q_values(chances: Sequence[float]) -> list[float]:
    """For each finding the least false discovery rate at which it would be reported.

    By Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995), 289-300.

    Args:
        chances: How probable each finding is by luck alone: its p-value. All that was looked at
            must be among them, not only what looks well.
    """
    ranked = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    found = [1.0] * len(chances)
    least = 1.0
    for above, place in enumerate(ranked):
        least = min(least, chances[place] * (len(chances) / (len(chances) - above)))
        found[place] = least
    return found
