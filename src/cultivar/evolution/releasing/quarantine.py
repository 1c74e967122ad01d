"""Leaves alone for a time what was taken back, longer each time it happens again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from cultivar.lifecycle import Release

FIRST_REST: Final = timedelta(days=1)
LONGEST_REST: Final = timedelta(days=32)


def rests_until(releases: Sequence[Release]) -> datetime | None:
    """Until when nothing of an artifact is released, after releases that had to be taken back.

    A day after the first, and twice as long after each further one without a good one between.

    Args:
        releases: Of one artifact, the newest first.

    Returns:
        The time; None where the last one was good, or is still looked after.
    """
    proven = (each for each in releases if each.experiment)  # not those that went back
    failed = [*takewhile(lambda each: each.status == "rolled_back", proven)]
    if not failed:
        return None
    rest: timedelta = FIRST_REST * 2.0 ** min(len(failed) - 1, 10)
    return failed[0].updated_at + min(rest, LONGEST_REST)
