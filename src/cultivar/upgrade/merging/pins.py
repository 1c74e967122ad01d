"""Versions in a line of text: which of two lines pins the newer ones.

Numbers count as a version only where they look like one, so that a length, a port or a threshold
is never taken for one.
"""

from __future__ import annotations

import re
from typing import Final

from cultivar.upgrade.merging.alike import indent, squeezed
from cultivar.upgrade.merging.base import Side
from cultivar.upgrade.merging.hunks import Lines

NEWER: Final = "the newer of two versions"

_END: Final = r"(?:[-.]?(?:a|b|rc|post|dev|alpha|beta)\.?\d*)*(?![\w.]*\w)"
_VERSION: Final = re.compile(
    rf"""
      \b[0-9a-f]{{40}}\b                                    # a commit, by which actions are pinned
    | (?<![\w.])v?\d+(?:\.\d+){{2,}}{_END}
    | (?<![\w.])(?<!=\ )v?\d+\.\d+{_END}                   # not the number after `x = `
    | (?<![\w.])v\d+{_END}
    | (?<=[=<>~!]=)\d+{_END}
    | (?<=[\^~<>])\d+{_END}
    """,
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"\s*-?\s*[\w-]+\s*:\s*\d+\.\d+\s*,?\s*(?:#.*)?")
"""A setting whose value is a number; of a version it can be told by its key only."""
_VERSION_KEY: Final = re.compile(r"rev|version|tag|ref|release|image", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"python|node|ruby|\bgo\b|rust|java|php|perl|\bpy\d", re.IGNORECASE)
_CAP: Final = re.compile(r"<|!=")


def masked(line: str) -> str:
    """`line` without the numbers of its versions, and with one space for any white space."""
    if _NUMBER.fullmatch(line) and not _VERSION_KEY.search(line):
        return squeezed(line)
    return squeezed(_VERSION.sub("\N{BULLET}", line))


def newer_side(ours: str, theirs: str) -> Side | None:
    """The line of which no version is older than the other's; None where that is not certain.

    Which versions of a language a project supports is the project's own decision, so that a line
    about one is never newer for a higher version of the template's. Nor is a higher bound on what
    is taken: who sets one has a reason.
    """
    one, other = _versions(ours), _versions(theirs)
    if masked(ours) != masked(theirs) or len(one) != len(other) or _CAP.search(ours):
        return None
    pairs = list(zip(one, other, strict=True))
    if all(left <= right for left, right in pairs) and not _LANGUAGE.search(ours):
        return "theirs" if pairs else None
    return "ours" if all(left >= right for left, right in pairs) and one != other else None


def merged_line(base: str, ours: str, theirs: str) -> str | None:
    """One line of which each side has its own form; None where neither is plainly right.

    What stands before the first letter is merged apart, so that a line that was moved in or out
    takes the other side's change.
    """
    margin = _merged(indent(base), indent(ours), indent(theirs))
    text = _merged(squeezed(base), squeezed(ours), squeezed(theirs))
    if text is None and newer_side(base, ours) != "ours":
        sides = {"ours": ours, "theirs": theirs, None: None}
        text = sides[newer_side(ours, theirs)]
    if margin is None or text is None:
        return None
    whole = next(each for each in (ours, theirs, base) if squeezed(each) == squeezed(text))
    return f"{margin}{whole.lstrip()}" if whole.strip() else whole


def repinned(base: Lines, side: Lines) -> bool:
    """Whether a side raised versions, and did nothing else to the lines."""
    pairs = [(one, other) for one, other in zip(base, side, strict=False) if one != other]
    return len(base) == len(side) and all(
        newer_side(*pair) == "theirs" or newer_side(*reversed(pair)) == "ours" for pair in pairs
    )


def _versions(line: str) -> list[tuple[int, ...]]:
    found = (each for each in _VERSION.findall(line) if len(each) < 40)
    return [_numbers(each) for each in found]


def _numbers(version: str) -> tuple[int, ...]:
    """What is compared; a pre-release is older than its release."""
    release = re.match(r"v?([\d.]+)", version)
    numbers = tuple(int(each) for each in re.findall(r"\d+", release[1] if release else ""))
    return (*(numbers + (0,) * 8)[:8], 0 if re.search(r"a|b|rc|dev", version) else 1)


def _merged(base: str, ours: str, theirs: str) -> str | None:
    if ours in (base, theirs):
        return theirs
    return ours if theirs == base else None
