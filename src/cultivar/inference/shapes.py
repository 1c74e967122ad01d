"""The shape of a name: `PascalCase`, `snake_case`, `eu-west-1`; and one shape from another."""

from __future__ import annotations

import re
from typing import Final, Literal

from cultivar.inference.words import split

Style = Literal["", "pascal", "dotted", "camel", "snake", "kebab", "lower", "upper"]
"""How an identifier is written; empty: in no way that has a name."""

_STYLES: Final[tuple[tuple[Style, re.Pattern[str]], ...]] = (
    ("upper", re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")),
    ("pascal", re.compile(r"[A-Z][A-Za-z0-9]*")),
    ("dotted", re.compile(r"[A-Z][A-Za-z0-9]*(?:\.[A-Z][A-Za-z0-9]*)+")),
    ("lower", re.compile(r"[a-z][a-z0-9]*")),
    ("camel", re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")),
    ("snake", re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")),
    ("kebab", re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")),
)
_SPOKEN: Final[tuple[tuple[Style, str], ...]] = (
    ("pascal", "pascalcase"),
    ("camel", "camelcase"),
    ("snake", "snake_case"),
    ("kebab", "kebab-case"),
)
_FITS: Final[dict[Style, frozenset[Style]]] = {
    "pascal": frozenset({"pascal"}),
    "dotted": frozenset({"dotted", "pascal"}),
    "camel": frozenset({"camel", "lower"}),
    "snake": frozenset({"snake", "lower"}),
    "kebab": frozenset({"kebab", "lower"}),
    "lower": frozenset({"lower", "snake", "kebab"}),
    "upper": frozenset({"upper"}),
}
_RUNS: Final = (
    (re.compile(r"[A-Z]?[a-z]+"), "a"),
    (re.compile(r"[A-Z]+"), "A"),
    (re.compile(r"\d+"), "0"),
)


def style_of(name: str) -> Style:
    """How `name` is written."""
    for style, pattern in _STYLES:
        if pattern.fullmatch(name):
            return style
    return ""


def style_wanted(default: object, spoken: str) -> Style:
    """How a name is to be written, by what its question says and by its default."""
    lowered = spoken.lower()
    for style, word in _SPOKEN:
        if word in lowered:
            return style
    return style_of(default) if isinstance(default, str) else ""


def fits(name: str, wanted: Style) -> bool:
    """Whether `name` is written the `wanted` way."""
    return not wanted or style_of(name) in _FITS[wanted]


def in_style(name: str, wanted: Style) -> str:
    """`name` written the `wanted` way."""
    parts = split(name)
    if wanted in ("pascal", "dotted"):
        return "".join(part[:1].upper() + part[1:] for part in parts)
    if wanted == "camel":
        return parts[0].lower() + "".join(part.capitalize() for part in parts[1:])
    joint = {"snake": "_", "kebab": "-", "upper": "_", "lower": ""}.get(wanted)
    if joint is None:
        return name
    joined = joint.join(part.lower() for part in parts)
    return joined.upper() if wanted == "upper" else joined


def outline(text: str) -> str:
    """`text` with its letters and digits made alike: `us-east-1` is `a-a-0`, as `eu-west-3`."""
    for pattern, mark in _RUNS:
        text = pattern.sub(mark, text)
    return text


def is_telling(drawn: str) -> bool:
    """Whether an outline is rare enough in prose to recognise a value by it."""
    joints = sum(not mark.isalnum() for mark in drawn)
    return joints >= 2 and ("0" in drawn or drawn == "a.a.a")
