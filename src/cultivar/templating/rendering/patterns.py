"""Copier's path patterns: a gitignore file's, the last that matches decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final
from unicodedata import normalize

_PART: Final = r"(?:[\w.~+@=-]|\*(?!\*)|\?|\[\w+\])+"
_SIMPLE: Final = re.compile(rf"/?{_PART}(?:/{_PART})*/?", re.ASCII)
"""Of names, wildcards and sets of letters only: as nearly all templates write their patterns."""
_EVERYTHING: Final = re.compile(r"(?:^|/)\*(?:/|$)")
_PIECE: Final = re.compile(r"\[\w+\]|.")


def matcher_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path is matched by `patterns`."""
    lines = [line for each in patterns if (line := normalize("NFD", each)).strip()]
    if all(_SIMPLE.fullmatch(line) and not _EVERYTHING.search(line) for line in lines):
        return _matcher(lines)
    from pathspec import PathSpec

    return PathSpec.from_lines("gitignore", lines).match_file


def _matcher(lines: list[str]) -> Callable[[str], bool]:
    """What pathspec makes of simple patterns, without the time that it takes to load."""
    matches = [re.compile(_regex(line)).match for line in lines]
    return lambda path: any(match(path.removeprefix("/")) for match in matches)


def _regex(line: str) -> str:
    """The regular expression of a simple pattern."""
    anchored = "/" in line.rstrip("/")
    wild = {"*": "[^/]*", "?": "[^/]"}
    pieces = _PIECE.findall(line.strip("/"))
    body = "".join(wild.get(p) or (p if len(p) > 1 else re.escape(p)) for p in pieces)
    return f"{'' if anchored else '(?:.+/)?'}{body}{'/' if line.endswith('/') else '(?:/|$)'}"
