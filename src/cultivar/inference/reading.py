"""A task, read: its words in sentences and clauses.

The invariant: reading costs time linear in what is read, and no more than `LONGEST` is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from cultivar.inference.words import split, stem
from cultivar.record import Record

LONGEST: Final = 16_000
"""Characters of a task that are read; what is asked for stands at its beginning."""

Kind = Literal["word", "identifier", "quoted", "number", "mail", "url"]
"""How a word is written. Of all but `word` only the whole counts, not a part."""

_TOKEN: Final = re.compile(
    r"(?P<quoted>`[^`\n]{1,120}`|\"[^\"\n]{1,160}\"|“[^”\n]{1,160}”"
    r"|(?<!\w)'[^'\n]{1,160}'(?!\w)|\u2018[^\u2019\n]{1,160}\u2019)"
    r"|(?P<url>https?://[^\s<>]{1,200}[^\s<>.,;:!?)])"
    r"|(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6})"
    r"|(?P<number>\d[\d_]*(?:,\d{3}(?!\d))*(?:\.\d+)*)"
    r"|(?P<word>(?<=\d)[^\W\d_]+|[^\W\d_](?:\w|\.(?=[^\W\d_]\w))*(?:['\u2019][^\W\d_]{1,3}(?!\w))?|_\w+)"
)
_SENTENCE: Final = re.compile(r"[.!?](?=[\s\"'”\u2019)]|$)|[;…]|\n\s*[-*•]\s|\n\s*\n|\.\.\.")
_CLAUSE: Final = re.compile(r"[,:()\[\]{}—\u2013]|\s-+\s")
_SHORT_LINE: Final = 60
"""A line of fewer characters was not wrapped: whoever ended it meant to."""
_OPENERS: Final = frozenset({"but", "however", "though", "although", "whereas", "while", "because"})
_ABBREVIATED: Final = frozenset({"e.g", "i.e", "etc", "max", "min", "approx", "vs", "no", "incl"})
_MIXED: Final = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2,}[a-z]{2}|_")


class Word(Record, kw_only=False):
    """One word of a task; an identifier is several words of one `token`."""

    lower: str
    stem: str
    start: int
    end: int
    kind: Kind
    token: int
    """The number of the token that it is a part of."""
    sentence: int
    clause: int
    gap: str
    """What stands between the word before and this one."""
    owner: bool = False
    """Whether it has a possessive `'s`."""


class Reading(Record):
    """A task and its words."""

    text: str
    words: tuple[Word, ...]

    def quote(self, first: int, last: int) -> str:
        """The task's own words from number `first` to number `last`."""
        found = self.text[self.words[first].start : self.words[last].end]
        return " ".join(found.split())

    def written(self, index: int) -> str:
        """The whole token of a word as it stands in the task, its quotes aside."""
        first, last = self.token_bounds(index)
        return self.text[self.words[first].start : self.words[last].end]

    def token_bounds(self, index: int) -> tuple[int, int]:
        """The first and the last word of the token that the word is in."""
        token, first, last = self.words[index].token, index, index
        while first and self.words[first - 1].token == token:
            first -= 1
        while last + 1 < len(self.words) and self.words[last + 1].token == token:
            last += 1
        return first, last


def read(task: str) -> Reading:
    """Take `task` apart into words."""
    text = task[:LONGEST]
    return Reading(text=text, words=tuple(_words(text)))


def _words(text: str) -> Iterator[Word]:
    sentence = clause = end = 0
    before = ""
    for number, match in enumerate(_TOKEN.finditer(text)):
        gap = text[end : match.start()]
        breaks = 2 if _is_line(text, gap, end) else _breaks(gap, before, match.group())
        sentence, clause = sentence + (breaks > 1), clause + (breaks > 0)
        for word in _parts(match, number, (sentence, clause), gap):
            yield word
            before = word.lower
        end = match.end()


def _is_line(text: str, gap: str, end: int) -> bool:
    """Whether a line ends in `gap` because its writer wanted it to, not because it was full."""
    return "\n" in gap and end - text.rfind("\n", 0, end) <= _SHORT_LINE


def _breaks(gap: str, before: str, after: str) -> int:
    """2 where a sentence ends in `gap`, 1 where a clause does, else 0."""
    abbreviated = gap.startswith(". ") and before in _ABBREVIATED and not after[:1].isupper()
    if _SENTENCE.search(gap) and not abbreviated:
        return 2
    return 1 if _CLAUSE.search(gap) or after.lower() in _OPENERS else 0


def _parts(match: re.Match[str], token: int, place: tuple[int, int], gap: str) -> Iterator[Word]:
    kind = _kind(match)
    text, start = match.group(), match.start()
    owner = kind == "word" and text.lower().endswith(("'s", "\u2019s"))
    if owner:
        text = text[:-2]
    if kind == "quoted":
        text, start = text[1:-1], start + 1
    for first, part in _pieces(text, kind):
        begin = start + first
        yield Word(
            part.lower().replace("\u2019", "'"),
            stem(part),
            begin,
            begin + len(part),
            kind,
            token,
            *place,
            gap,
            owner,
        )
        gap = ""


def _kind(match: re.Match[str]) -> Kind:
    group = match.lastgroup
    text = match.group()
    if group == "word":
        dotted = "." in text and text.lower() not in _ABBREVIATED
        return "identifier" if dotted or _MIXED.search(text) else "word"
    return "quoted" if group == "quoted" else "number" if group == "number" else _address(group)


def _address(group: str | None) -> Kind:
    return "mail" if group == "mail" else "url"


def _pieces(text: str, kind: Kind) -> Iterator[tuple[int, str]]:
    """Where each word of a token begins in it, and the word."""
    if kind not in ("identifier", "quoted"):
        yield 0, text
        return
    at = 0
    parts = split(text) or (text,)
    for part in parts:
        at = text.index(part, at)
        yield at, part
        at += len(part)
