"""How alike two lines are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from itertools import islice, product
from typing import Final

from cultivar.upgrade.merging.hunks import Lines

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_WORD: Final = re.compile(r"\w+")
_KEY: Final = re.compile(r"""[\s"'-]*([\w.@/-]+)["']?\s*[:=](?![:=])""")
_ALIKE: Final = 0.6
_MOST_PAIRS: Final = 4000
"""Comparing more lines with one another takes too long."""


def squeezed(line: str) -> str:
    """`line` with one space for any white space, and none around."""
    return " ".join(line.split())


def indent(line: str) -> str:
    """What stands before the first letter or sign; nothing in a blank line."""
    return line[: len(line) - len(line.lstrip())] if line.strip() else ""


def tokens(text: str) -> list[str]:
    """The words and signs of `text`."""
    return _TOKEN.findall(text)


def likeness(one: str, other: str) -> float:
    """The share of words that two texts have in common, in their order."""
    ones, others = words(one), words(other)
    if not ones or not others:
        return float(one == other)
    return SequenceMatcher(None, ones, others, autojunk=False).ratio()


def words(text: str) -> list[str]:
    """The words of `text`, without its signs."""
    return _WORD.findall(text)


def is_form_of(one: str, other: str) -> bool:
    """Whether two lines are one line in two forms: they set the same key, or hardly differ."""
    keys = _KEY.match(one), _KEY.match(other)
    if keys[0] is not None and keys[1] is not None and keys[0][1] == keys[1][1]:
        return True
    return bool(one.strip() and other.strip()) and likeness(one, other) >= _ALIKE


def are_forms_of(ones: Lines, others: Lines) -> bool:
    """Whether each line is a form of the line at the same place."""
    return len(ones) == len(others) and all(map(is_form_of, ones, others))


def have_forms(ones: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a line of the one is a form of a line of the others, or there are too many to say."""
    return _have(ones, others, is_form_of)


def have_alike(ones: Iterable[str], others: Iterable[str]) -> bool:
    """The same, where lines that set the same key need not be one line in two forms."""
    return _have(ones, others, lambda one, other: likeness(one, other) >= _ALIKE)


def _have(ones: Iterable[str], others: Iterable[str], related: Callable[[str, str], bool]) -> bool:
    pairs = list(islice(product(ones, others), _MOST_PAIRS + 1))
    return len(pairs) > _MOST_PAIRS or any(related(*pair) for pair in pairs)


def edits(base: list[str], side: list[str]) -> frozenset[tuple[int, int, tuple[str, ...]]]:
    """What `side` made of `base`: ranges of it, and what stands there instead."""
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    return frozenset(
        (start, end, tuple(side[first:last]))
        for kind, start, end, first, last in matcher.get_opcodes()
        if kind != "equal"
    )
