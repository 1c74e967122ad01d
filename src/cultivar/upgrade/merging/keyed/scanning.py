"""Scans the values of TOML and JSON, which are alike: brackets, commas, strings, bare words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.keyed.brackets import Brackets, Item, margin_of
from cultivar.upgrade.merging.keyed.margins import dedented
from cultivar.upgrade.merging.keyed.nodes import Data, Flow, Key, Node, Scalar, UnclearError

_PART: Final = r"(?:[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
_PART_PATTERN: Final = re.compile(_PART)
KEY_PATTERN: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
"""A bare, quoted or dotted key of TOML."""


class Grammar(Record):
    """In what TOML and JSON differ."""

    trivia: re.Pattern[str]
    """White space and comments."""
    scalar: re.Pattern[str]
    key: re.Pattern[str]
    """A key with what stands between it and its value."""
    parts: Callable[[str], Key]
    """A key's parts."""
    data: Callable[[str], Data]
    """What a scalar means."""


class Scanner(Record):
    """Reads values from one text.

    Raises:
        UnclearError: By every method, where the text is not of the grammar.
    """

    text: str
    grammar: Grammar

    def value(self, start: int, margin: str) -> tuple[Node, int]:
        """The value at `start`, and where it ends.

        Args:
            start: Where it begins.
            margin: The margin of the place where it stands.
        """
        if self.text[start : start + 1] in {"[", "{"}:
            return self._flow(start, margin)
        found = self._match(self.grammar.scalar, start)
        text = found[0].rstrip()
        data = self.grammar.data(text)
        return Scalar(text=dedented(text, margin), data=data), start + len(text)

    def _flow(self, start: int, margin: str) -> tuple[Flow, int]:
        closing = "]" if self.text[start] == "[" else "}"
        first = self._past(start + 1)
        inner = margin_of(self.text, first, margin)
        items: list[Item] = []
        at = first
        while self.text[at : at + 1] != closing:
            items.append(self._item(at, inner, keyed=closing == "}"))
            at = self._past(items[-1].end)
            if self.text[at : at + 1] == ",":
                at = self._past(at + 1)
            elif self.text[at : at + 1] != closing:
                raise UnclearError("a value is followed by something else")
        brackets = Brackets(
            text=self.text,
            kind="map" if closing == "}" else "list",
            start=start,
            inside=start + 1,
            close=at,
            outer=margin,
            inner=inner if items else margin,
        )
        return brackets.flow(items), at + 1

    def _item(self, start: int, margin: str, *, keyed: bool) -> Item:
        label = self._match(self.grammar.key, start)[0] if keyed else ""
        value, end = self.value(start + len(label), margin)
        key = self.grammar.parts(label) if keyed else ()
        return Item(start=start, value_start=start + len(label), end=end, key=key, value=value)

    def _past(self, start: int) -> int:
        """Behind white space and comments."""
        return self._match(self.grammar.trivia, start).end()

    def _match(self, pattern: re.Pattern[str], start: int) -> re.Match[str]:
        found = pattern.match(self.text, start)
        if found is None:
            raise UnclearError("it does not parse")
        return found


def _toml_data(text: str) -> tuple[str, str]:
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except ValueError as error:
        raise UnclearError("it does not parse") from error
    return type(value).__name__, str(value)


def toml_key(text: str) -> Key:
    """The parts of a TOML key.

    Args:
        text: A bare, quoted or dotted key.
    """
    return tuple(_toml_part(part) for part in _PART_PATTERN.findall(text))


def _toml_part(text: str) -> str:
    return _toml_data(text)[1] if text[0] in "\"'" else text


def _json_data(text: str) -> tuple[str, str]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UnclearError("it does not parse") from error
    return type(value).__name__, str(value)


def _json_key(text: str) -> Key:
    return (_json_data(text.rstrip().removesuffix(":").rstrip())[1],)


TOML: Final = Grammar(
    trivia=re.compile(r"(?:\s|#[^\n]*)*"),
    scalar=re.compile(
        r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
        r"|[^\s,#\]\}\"'][^,#\]\}\n]*",
        re.DOTALL,
    ),
    key=re.compile(rf"{KEY_PATTERN}[ \t]*=[ \t]*"),
    parts=lambda label: toml_key(label.rpartition("=")[0]),
    data=_toml_data,
)
"""The values of TOML."""

JSON: Final = Grammar(
    trivia=re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL),
    scalar=re.compile(r'"(?:\\.|[^"\\\n])*"|[\w.+-]+'),
    key=re.compile(r'"(?:\\.|[^"\\\n])*"\s*:\s*'),
    parts=_json_key,
    data=_json_data,
)
"""The values of JSON, with comments and trailing commas."""
