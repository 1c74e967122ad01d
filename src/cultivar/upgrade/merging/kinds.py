"""Kinds of files in which more is known about lines than in any text.

In an ignore file and in a list of requirements, lines are a set. Sections of Markdown and
of configuration stand on their own. What both sides added at one place is then no conflict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from cultivar.upgrade.merging.hunks import Hunk, Lines

_TITLE: Final = re.compile(r"#{1,6} +\S")
_TABLE: Final = re.compile(r"\[\[?[A-Za-z_][^\]]*\]\]?\s*$")
_HEADINGS: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys((".md", ".markdown", ".qmd"), _TITLE),
    **dict.fromkeys((".cfg", ".ini", ".toml"), _TABLE),
}
_BLANK: Final = ("\n",)
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][\w.-]*")


def union_of_lines(hunk: Hunk, path: str) -> Lines | None:
    """The lines of both sides, without those that either took away; None where order matters."""
    if not (_is_ignore_file(path, hunk) or _is_requirements_file(path, hunk)):
        return None
    gone = set(hunk.base) - (set(hunk.ours) & set(hunk.theirs))
    more = [line for line in hunk.theirs if line not in hunk.base and line not in hunk.ours]
    own = [line for line in hunk.ours if line not in hunk.base]
    kept = [line for line in hunk.base if line not in gone]
    return (*kept, *own, *more)


def _is_ignore_file(path: str, hunk: Hunk) -> bool:
    lines = hunk.base + hunk.ours + hunk.theirs
    return path.endswith("ignore") and not any(line.startswith("!") for line in lines)


def _is_requirements_file(path: str, hunk: Hunk) -> bool:
    """Whether the hunk lists requirements, and both sides changed different ones."""
    place = PurePosixPath(path)
    named = any(part.startswith("requirements") for part in place.parts)
    if place.suffix not in {".txt", ".in"} or not named:
        return False
    if not all(_REQUIREMENT.match(line) for line in hunk.base + hunk.ours + hunk.theirs):
        return False
    return not _changed(hunk.base, hunk.ours) & _changed(hunk.base, hunk.theirs)


def _changed(base: Lines, side: Lines) -> set[str]:
    """The names of the requirements that a side added, took away or changed."""
    found = (_REQUIREMENT.match(line) for line in set(base) ^ set(side))
    return {match[0].lower() for match in found if match}


def both_sections(hunk: Hunk, path: str) -> Lines | None:
    """The sections that both sides added, the person's first; None where they are not whole.

    Lines without a heading belong to the section above, so that they go before.
    """
    heading = _HEADINGS.get(PurePosixPath(path).suffix)
    if heading is None or any(line.strip() for line in hunk.base):
        return None
    ours, theirs = _stripped(hunk.ours), _stripped(hunk.theirs)
    if not ours or not theirs:
        return None
    first, last = (ours, theirs) if heading.match(theirs[0]) else (theirs, ours)
    titles = [{line for line in lines if heading.match(line)} for lines in (first, last)]
    whole = bool(heading.match(first[0])) or not titles[0]
    if not heading.match(last[0]) or not whole or titles[0] & titles[1]:
        return None
    before = _BLANK if titles[0] and not hunk.ours[0].strip() else ()
    after = _BLANK if not hunk.ours[-1].strip() else ()
    return before + first + _BLANK + last + after


def _stripped(lines: Lines) -> Lines:
    text = [bool(line.strip()) for line in lines]
    if True not in text:
        return ()
    return lines[text.index(True) : len(lines) - text[::-1].index(True)]
