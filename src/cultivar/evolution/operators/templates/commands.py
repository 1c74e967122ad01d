"""The commands of checks, as far as they are steps one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

_BETWEEN: Final = re.compile(r"\s*&&\s*")
_MORE_THAN_STEPS: Final = re.compile(r"[|;<>()`\n\"'\\{}$#]|(?<!&)&(?!&)")
"""What makes more of a command than steps of which each has to pass."""

_IDLE: Final = re.compile(r"sleep\s+[0-9.]+[smhd]?")


def steps_of(command: str) -> tuple[str, ...]:
    """The steps of a command, each of which has to pass; one where it cannot be taken apart."""
    text = command.strip()
    if _MORE_THAN_STEPS.search(text):
        return (text,)
    return tuple(each for each in _BETWEEN.split(text) if each)


def lost(old: str, new: str) -> str:
    """A step of a command that another does not have; empty where only idle or double ones go.

    The steps that are left have their order.
    """
    kept, wanted = list(steps_of(new)), needed(steps_of(old))
    place = 0
    for step in wanted:
        if step not in kept[place:]:
            return step
        place = kept.index(step, place) + 1
    return ""


def needed(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps without those that only wait, and without those that ran right before.

    What runs again after something else may say another thing.
    """
    working = (each for each in steps if not is_idle(each))
    return tuple(step for step, _ in groupby(working))


def is_idle(step: str) -> bool:
    """Whether a step only waits."""
    return bool(_IDLE.fullmatch(step))
