"""Says why a merged text does not hold: it was whole on either side, and is not any more.

Whatever a side already had wrong is that side's own business: a text is only held to what both
sides keep.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import yaml

from cultivar.templating.rendering.parsing import why_broken
from cultivar.upgrade.merging.base import Texts
from cultivar.yamls import Loader

_MARKER: Final = re.compile(r"(?:<{7}|\|{7}|>{7})(?: .*)?|={7}")
_PYTHON: Final = frozenset({".py", ".pyi"})
_SECTIONED: Final = frozenset({".cfg", ".ini"})
_PAIRS: Final[Mapping[str, str]] = {")": "(", "]": "[", "}": "{"}


def verify(texts: Texts, merged: str) -> str:
    """Why `merged` does not hold where both sides did; empty: it holds.

    Args:
        texts: What was merged.
        merged: What a rung made of it.
    """
    return _marked(texts, merged) or _malformed(texts, merged) or _incoherent(texts, merged)


def lost_lines(texts: Texts, merged: str) -> tuple[str, ...]:
    """The lines that only the person has, and that are not in `merged`, without their indentation.

    Args:
        texts: What was merged.
        merged: What a rung made of it.
    """
    lost = _lines(texts.ours) - _lines(texts.base) - _lines(merged)
    return tuple(lost.elements())


def _lines(text: str) -> Counter[str]:
    return Counter(line for each in text.splitlines() if (line := each.strip()))


def _marked(texts: Texts, merged: str) -> str:
    known = {*texts.ours.splitlines(), *texts.theirs.splitlines()}
    left = (line for line in merged.splitlines() if line not in known and _MARKER.fullmatch(line))
    return next((f"the marker {line!r} is left" for line in left), "")


def _malformed(texts: Texts, merged: str) -> str:
    """What the first checker says that finds fault with the result and with neither side."""
    for check in _checks(texts.path):
        why = check(texts.path, merged)
        if why and not check(texts.path, texts.ours) and not check(texts.path, texts.theirs):
            return why
    return ""


def _checks(path: str) -> Iterator[Callable[[str, str], str]]:
    suffix = PurePosixPath(path).suffix.lower()
    yield why_broken
    if suffix in _TWICE:
        yield _said_twice
    elif suffix in _SECTIONED:
        yield _sections
    elif suffix not in _PYTHON:
        yield _unbalanced


def _incoherent(texts: Texts, merged: str) -> str:
    if PurePosixPath(texts.path).suffix.lower() not in _PYTHON:
        return ""
    # The checks of Python are a module of their own, and most merges need none of them.
    from cultivar.upgrade.merging.code.coherence import incoherence

    return incoherence(texts, merged)


def _said_twice(path: str, text: str) -> str:
    """What a parser takes in silence: one key twice in a mapping."""
    try:
        return _TWICE[PurePosixPath(path).suffix.lower()](text)
    except (ValueError, yaml.YAMLError, RecursionError):
        return ""


def _twice_in_json(text: str) -> str:
    found: list[str] = []

    def pairs(each: list[tuple[str, Any]]) -> None:
        found.extend(key for key, times in Counter(key for key, _ in each).items() if times > 1)

    json.loads(text, object_pairs_hook=pairs)
    return f"the key {found[0]!r} stands twice" if found else ""


def _twice_in_yaml(text: str) -> str:
    for document in yaml.compose_all(text, Loader=Loader):
        for mapping in _mappings(document):
            keys = Counter(key.value for key, _ in mapping.value if isinstance(key.value, str))
            if twice := [key for key, times in keys.items() if times > 1 and key != "<<"]:
                return f"the key {twice[0]!r} stands twice"
    return ""


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _sections(_path: str, text: str) -> str:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return " ".join(str(error).split())
    return ""


def _unbalanced(_path: str, text: str) -> str:
    stack: list[str] = []
    for letter in text:
        if letter in "([{":
            stack.append(letter)
        elif letter in _PAIRS and (not stack or stack.pop() != _PAIRS[letter]):
            return f"{letter!r} closes nothing"
    if stack:
        return f"{stack[-1]!r} is not closed"
    return next((f"a {quote} is not closed" for quote in '"`' if text.count(quote) % 2), "")


_TWICE: Final[Mapping[str, Callable[[str], str]]] = {
    ".json": _twice_in_json,
    ".yaml": _twice_in_yaml,
    ".yml": _twice_in_yaml,
}
