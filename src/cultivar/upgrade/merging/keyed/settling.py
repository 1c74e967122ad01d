"""Settles what both sides changed, each in its own way, where one answer is certain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from cultivar.upgrade.merging.base import Side
from cultivar.upgrade.merging.code.sequences import regions
from cultivar.upgrade.merging.keyed.headers import Lines
from cultivar.upgrade.merging.keyed.identities import package
from cultivar.upgrade.merging.keyed.nodes import Data, Entry, UnclearError
from cultivar.upgrade.merging.pins import masked, newer_side

_PINS: Final = frozenset({"uses", "rev", "image"})
_PYTHON: Final = frozenset({"requires-python", "python-version", "python_version", "python"})
_UNFINISHED: Final = re.compile(r"\d[.-]?(?:a|b|rc|dev|alpha|beta|pre)\b|\d(?:a|b|rc)\d")
"""A version before its release."""
_PARTS: Final = re.compile(
    r"""
    (?P<open>["'])(?P<name>[A-Za-z][\w.-]*)(?P<extras>\s*\[[^]]*\])?
    (?P<pin>\s*[=<>~!][^;@"']*)?(?P<marker>\s*;.*)?(?P<close>["'])
    """,
    re.VERBOSE,
)
"""A quoted requirement."""
_LATER_ZEROS: Final = re.compile(r"(?<=\d)(?:\.0)+(?![\d.])")


def newer(path: Sequence[str], base: Entry | None, ours: Entry, theirs: Entry) -> Side | None:
    """The side that pins the newer version, if versions are all that differs.

    Args:
        path: The keys that lead to the entry, its own last.
        base: What the old template made; None: both added it.
        ours: The person's.
        theirs: What the new template makes.
    """
    if not _is_pin(path, ours) or _is_lowered(base, ours):
        return None
    one, other = ours.body, theirs.body
    if bool(_UNFINISHED.search(one)) != bool(_UNFINISHED.search(other)):
        return None
    if _LATER_ZEROS.sub("", one) == _LATER_ZEROS.sub("", other):
        return "theirs"
    return newer_side(one, other)


def bumped_only(base: Entry, theirs: Entry) -> bool:
    """Whether the template changed nothing of a value, or a list of values, but versions.

    Args:
        base: What the old template made.
        theirs: What the new template makes.
    """
    return (
        _is_plain(base.value.data)
        and _is_plain(theirs.value.data)
        and masked(base.body) == masked(theirs.body)
    )


def merged_lines(base: Lines, ours: Lines, theirs: Lines) -> Lines:
    """The comments and blank lines of both sides.

    Args:
        base: What the old template made.
        ours: The person's.
        theirs: What the new template makes.

    Raises:
        UnclearError: Both changed one place, each in its own way.
    """
    if ours == theirs or theirs == base:
        return ours
    if ours == base or _said(ours) in (_said(base), _said(theirs)):
        return theirs
    if _said(theirs) == _said(base):
        return ours
    return _merged_by_region(base, ours, theirs)


def merged_text(base: str, ours: str, theirs: str) -> str:
    """A value of several lines, or a requirement, with the changes of both sides.

    Args:
        base: What the old template made.
        ours: The person's.
        theirs: What the new template makes.

    Raises:
        UnclearError: Both changed one place, each in its own way.
    """
    versions = [tuple(text.split("\n")) for text in (base, ours, theirs)]
    if any(len(lines) < 2 for lines in versions):
        return _merged_requirement(base, ours, theirs)
    return "\n".join(_merged_by_region(*versions))


def _merged_requirement(base: str, ours: str, theirs: str) -> str:
    """A requirement whose extras, version and marker were each changed by one side."""
    found = [_PARTS.fullmatch(text) for text in (base, ours, theirs)]
    old, one, other = (match.groupdict("") if match else {} for match in found)
    if (
        not old
        or not one
        or not other
        or old["name"] != one["name"]
        or old["name"] != other["name"]
    ):
        raise UnclearError("both changed one value")
    merged = one | {part: other[part] for part in one if one[part] == old[part]}
    if any(merged[part] != other[part] != old[part] for part in merged):
        raise UnclearError("both changed one part of a requirement")
    return "".join(merged.values())


def holds(data: Data, other: Data) -> bool:
    """Whether all that `other` says is said by `data` too.

    Args:
        data: What may say more.
        other: What may say less.
    """
    if isinstance(data, dict) and isinstance(other, dict):
        return all(key in data and holds(data[key], value) for key, value in other.items())
    return data == other


def _is_plain(data: Data) -> bool:
    return all(isinstance(each, tuple) for each in (data if isinstance(data, list) else [data]))


def _is_pin(path: Sequence[str], entry: Entry) -> bool:
    key = path[-1] if path else ""
    if key in _PINS | _PYTHON or any("dependencies" in part.lower() for part in path[-2:-1]):
        return True
    value = entry.value.data
    return not entry.key and isinstance(value, tuple) and bool(package(value[1]))


def _is_lowered(base: Entry | None, ours: Entry) -> bool:
    """Whether the person went back to an older version, and so has a reason for it."""
    if base is None or masked(base.body) != masked(ours.body):
        return False
    return newer_side(ours.body, base.body) != "ours"


def _merged_by_region(base: Lines, ours: Lines, theirs: Lines) -> Lines:
    merged: list[str] = []
    at = 0
    for region in regions(base, ours, theirs):
        if region.settled is None:
            raise UnclearError("both changed the same lines")
        merged += [*base[at : region.start], *region.settled]
        at = region.end
    return (*merged, *base[at:])


def _said(lines: Lines) -> Counter[str]:
    return Counter(line.strip(" \t\0") for line in lines if line.strip(" \t\0"))
