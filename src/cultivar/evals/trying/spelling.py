"""Spells what a tool takes and gives as JSON, the same for the same value.

It needs nothing but Python's own library: it runs behind the wall as well. The invariant: equal
values have one canonical text, and what JSON has no word for is marked, never passed off as a text.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

STRANGE: Final = "__python__"
"""The key of the mapping that stands for a value which JSON has not: its type's name."""

CUT: Final = "__cut__"
"""The key of the mapping that stands in a record for a value which is too large: its hash."""

_LARGEST: Final = 1 << 63
_SHOWN: Final = 1000
_DEEPEST: Final = 60
_ADDRESS: Final = re.compile(r"\bat 0x[0-9a-fA-F]+")


def spelled(value: object, depth: int = 0) -> Any:
    """`value` in the types that JSON has; a tuple is a list, and what it has not is marked."""
    whole = value
    if value is None or type(value) is bool or _is_text(value) or _is_plain_number(value):
        return value
    if depth < _DEEPEST and type(value) in (list, tuple):
        return [spelled(each, depth + 1) for each in cast("list[object]", value)]
    if depth < _DEEPEST and isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        if all(_is_text(name) for name in named):
            return {cast("str", name): spelled(each, depth + 1) for name, each in named.items()}
    return _strange(whole)


def _is_text(value: object) -> bool:
    """Whether it is a text that can be written down: half a pair of surrogates cannot."""
    if type(value) is not str:
        return False
    return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)


def _is_plain_number(value: object) -> bool:
    if type(value) is int:
        return -_LARGEST < value < _LARGEST
    return type(value) is float and math.isfinite(value)


def _strange(value: object) -> dict[str, str]:
    kind = type(value)
    text = _ADDRESS.sub("at …", _shown(value))
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    cut = {"sha256": digest(text)} if len(text) > _SHOWN else {}
    return {STRANGE: name, "repr": text[:_SHOWN], **cut}


def _shown(value: object) -> str:
    try:
        if isinstance(value, set | frozenset):
            return str(sorted(map(repr, cast("Iterable[object]", value))))
        # There is a limit to how many digits Python writes in decimals.
        return hex(value) if type(value) is int else repr(value)
    except Exception as error:  # it is somebody's `__repr__`, which may raise anything
        return f"its `__repr__` raises {type(error).__name__}"


def is_whole(value: object) -> bool:
    """Whether a spelled value is all of it, so that it can be used again."""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return not named.keys() & {STRANGE, CUT} and all(map(is_whole, named.values()))
    return all(map(is_whole, cast("list[object]", value))) if isinstance(value, list) else True


def canonical(value: object) -> str:
    """The one text of a spelled value: numbers that are equal are written alike."""
    return json.dumps(_levelled(value), sort_keys=True, separators=(",", ":"))


def _levelled(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    if isinstance(value, list):
        return [_levelled(each) for each in cast("list[object]", value)]
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return {name: _levelled(each) for name, each in named.items()}
    return value


def digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
