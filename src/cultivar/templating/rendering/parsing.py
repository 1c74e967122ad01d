"""Says whether a text still is what its file's name promises: Python, JSON, TOML, YAML, or closed.

Languages without a parser here are judged by their brackets, their texts and, in Elixir, by `do`
and `end`.
"""

from __future__ import annotations

import json
import re
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final

import yaml

from cultivar.yamls import Loader

_ELIXIR: Final = frozenset({".ex", ".exs"})
_WITH_CHARS: Final = frozenset(
    {".c", ".cc", ".cpp", ".cs", ".go", ".h", ".hpp", ".java", ".kt", ".rs", ".scala", ".swift"}
)
"""Where `'` holds one character."""

_WITH_QUOTES: Final = frozenset(
    {".css", ".dart", ".gleam", ".js", ".jsx", ".mjs", ".php", ".scss", ".ts", ".tsx"}
)
"""Where `'` holds a text."""

_PAIRS: Final[Mapping[str, str]] = {")": "(", "]": "[", "}": "{"}
_HASH_COMMENTS: Final = r"#[^\n]*"
_SLASH_COMMENTS: Final = r"//[^\n]*|/\*.*?\*/"
_TEXTS: Final = r'"(?:\\.|[^"\\\n])*"'
_QUOTED: Final = r"'(?:\\.|[^'\\\n])*'"
_CHAR: Final = r"'(?:\\[^\n']{1,9}|\\'|[^'\\\n])'"
_LONG: Final = r'"""(?:\\.|[^\\])*?"""' + r"|'''(?:\\.|[^\\])*?'''"
_ELIXIR_SKIPPED = re.compile(
    rf"{_LONG}|{_TEXTS}|{_QUOTED}|(?<!\w)\?\\?.|{_HASH_COMMENTS}", re.DOTALL
)
_QUOTES_SKIPPED = re.compile(rf"{_SLASH_COMMENTS}|{_TEXTS}|{_QUOTED}|`(?:\\.|[^`\\])*`", re.DOTALL)
_CHARS_SKIPPED = re.compile(rf"{_SLASH_COMMENTS}|{_TEXTS}|{_CHAR}|`[^`]*`", re.DOTALL)
_KEYWORDS = re.compile(r"(?<![\w:.@])(?:do|fn|end)(?![\w:?!])")


def why_broken(path: str, text: str) -> str:
    """Why `text` is not what the file at `path` has to hold; empty: it is."""
    suffix = PurePosixPath(path).suffix.lower()
    parser = _PARSERS.get(suffix)
    if parser is not None:
        return _parsed(parser, text)
    if suffix in _ELIXIR:
        skipped = _ELIXIR_SKIPPED.sub(" ", text)
        return _unclosed(skipped, quotes='"') or _without_end(skipped)
    if suffix in _WITH_QUOTES:
        return _unclosed(_QUOTES_SKIPPED.sub(" ", text), quotes='"')
    if suffix in _WITH_CHARS:
        # A lone `'` is a lifetime of Rust's.
        return _unclosed(_CHARS_SKIPPED.sub(" ", text), quotes='"')
    return ""


def _parsed(parser: Callable[[str], object], text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an odd escape, which parses
            parser(text)
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    except (RecursionError, MemoryError):
        return "it is nested too deeply"
    return ""


def _python(text: str) -> None:
    """Compile, and do not run: the grammar alone takes `*0` for a statement."""
    compile(text, "<slot>", "exec", dont_inherit=True)


def _yaml(text: str) -> None:
    for _ in yaml.parse(text, Loader=Loader):
        pass


def _unclosed(text: str, *, quotes: str) -> str:
    stack: list[str] = []
    for letter in text:
        if letter in quotes:
            return "a text is not closed"
        if letter in "([{":
            stack.append(letter)
        elif letter in _PAIRS and (not stack or stack.pop() != _PAIRS[letter]):
            return f"{letter!r} closes nothing"
    return f"{stack[-1]!r} is not closed" if stack else ""


def _without_end(text: str) -> str:
    depth = 0
    for word in _KEYWORDS.findall(text):
        depth += -1 if word == "end" else 1
        if depth < 0:
            return "an `end` closes nothing"
    return "a `do` or `fn` has no `end`" if depth else ""


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    ".json": json.loads,
    ".py": _python,
    ".pyi": _python,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
