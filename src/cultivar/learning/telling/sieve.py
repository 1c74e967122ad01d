"""Failure patterns as they travel: what went wrong in the words of tools, and in no others.

The invariant: what is sayable consists of the words, names and codes of `vocabulary`, of
placeholders and of a few operators. So no path, name, number, secret or line of anybody's code can
be in it, whatever the output was, and nothing that a stranger sends can be more than that either.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Final

from cultivar.learning.telling.signature import FailureSignature
from cultivar.learning.telling.vocabulary import CODES, NAMES, WORDS
from cultivar.ledger.outgoing import SeenPattern

_LINES: Final = 7
_LINE: Final = 220
_WORD: Final = 80

LONGEST: Final = _LINES * (_LINE + 1)
"""Characters of a signature."""

_TOKEN = re.compile(
    r"""
      (?P<kept> <(?:path|url|n|hash|name|text)> | (?<![^\s:]) (?:[=!<>]=|[<>]) (?!\S) )
    | (?P<word> \w+ (?:'t\b)? )
    | [^\w\ :<>=!-]+ | [<>=!]
    """,
    re.VERBOSE,
)
_NAME = "<name>"
_CODE = re.compile(rf"(?:{'|'.join(CODES)})(?:\d{{3,4}})?|TS\d{{1,5}}")
_HEAD = ("language:", "check:", "tool:", "kind:")
"""How the line begins that names tool and rule: in others, what looks like a code is a name."""

_ASSERTED = re.compile(r"assert\b.*")
_SOURCE = re.compile(
    r".*[={};@]|(?:async|await|case|class|const|def|defmodule|defp|do|elif|else|end|except|finally"
    r"|fn|for|from|func|function|if|import|let|match|private|pub|public|raise|return|self|static"
    r"|switch|try|use|var|void|while|with|yield)\b"
)
"""How lines of code look; those that a tool says of itself are known by the tool."""


def signature_of(pattern: SeenPattern) -> FailureSignature:
    """A failure pattern with nothing in it that others must not know."""
    return _identified(pattern.signature, pattern.check, pattern.language)


def understood(told: FailureSignature) -> FailureSignature:
    """A failure pattern that somebody tells, in the words that we know; its id follows from them.

    Of what was made by `signature_of` it is the very same.
    """
    return _identified(told.signature[:LONGEST], told.check, told.language)


@lru_cache(maxsize=4096)
def _identified(signature: str, check: str, language: str) -> FailureSignature:
    said = sayable(signature)
    labels = [_label(each) for each in (check, language)]
    named = "\0".join((*labels, said)).encode()
    return FailureSignature(
        id=hashlib.sha256(named).hexdigest()[:32],
        signature=said,
        check=labels[0],
        language=labels[1],
    )


def sayable(text: str) -> str:
    """The text in the words that may travel; saying it again changes nothing."""
    shown = [each[: 2 * _LINE].strip() for each in text.split("\n")[: 2 * _LINES]]
    said = [_line(each) for each in shown]
    if " tool:" not in f" {said[0]}":
        pairs = zip(shown, said, strict=True)
        said = [each for raw, each in pairs if not (_SOURCE.match(raw) or _SOURCE.match(each))]
    return "\n".join(list(dict.fromkeys(filter(None, said)))[:_LINES])


def _line(line: str) -> str:
    """One line, without code; of several unknown things in a row it says that there is one."""
    line = _ASSERTED.sub("assert", line[: 2 * _LINE].strip())
    said = _TOKEN.sub(_said_of_tool if line.startswith(_HEAD) else _said, line)
    found = (each for each in said.split() if each.strip(":-"))
    words = [each for each, _ in groupby(e if len(e) <= _WORD else _NAME for e in found)]
    ends = accumulate(len(each) + 1 for each in words)
    return " ".join(each for each, end in zip(words, ends, strict=True) if end <= _LINE)


def _label(text: str) -> str:
    said = _line(text)
    return said if len(said) <= _WORD else _NAME


def _said(match: re.Match[str]) -> str:
    found = match.group()
    if match.lastgroup != "word":
        return found if match.lastgroup == "kept" else " "
    return found if _is_word(found) or found in NAMES else _NAME


def _said_of_tool(match: re.Match[str]) -> str:
    found = match.group()
    return found if _CODE.fullmatch(found) else _said(match)


def _is_word(found: str) -> bool:
    lower = found.removesuffix("'t").lower()
    return lower in WORDS and (found[1:].islower() or found.isupper() or len(found) == 1)
