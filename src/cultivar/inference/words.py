"""Single words: what is left of them when spelling, number and tense are taken away."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


_SPELLINGS: Final = (
    (re.compile(r"isation(?=s?$)"), "ization"),
    (re.compile(r"(?<=[a-z]{3})is(?=(?:e|es|ed|ing|er|ers)$)"), "iz"),
    (re.compile(r"(?<=[a-z]{3})our(?=s?$)"), "or"),
    (re.compile(r"licence"), "license"),
    (re.compile(r"catalogue"), "catalog"),
    (re.compile(r"centre"), "center"),
)
"""British to American, where a rule will do."""

_KEEP: Final = word_set(
    "this his is was has as its us less series redis kubernetes does news always perhaps "
    "https aws os ios dns tls css js ts cors bed red need speed feed seed during nothing "
    "something anything everything string thing rest class access process address sms ops bus "
    "gas plus status canvas postgres family assembly reply supply apply weekly monthly yearly "
    "hourly anomaly bring king ring sing spring"
)
_NOT_KIN: Final = word_set("document applic inform implement public stat mod format")
"""What is left of a noun, but is a word of another meaning."""
_HUMPS: Final = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<!\d)\.|\.(?!\d)|[_\-\s/]+"
)
_VOWEL: Final = re.compile(r"[aeiouy]")


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """The stem of `word`: `retries`, `retried` and `retrying` are all `retry`.

    A light stemmer after the first steps of Porter's (An algorithm for suffix stripping, 1980):
    plural, past and participle go, the rest stays, so that `document` and `documentation` differ.
    """
    word = word.lower()
    if len(word) < 4 or word in _KEEP:
        return word
    for pattern, spelling in _SPELLINGS:
        word = pattern.sub(spelling, word)
    return _without_e(_without_tense(_without_plural(_without_ly(word))))


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_tense(word: str) -> str:
    if word.endswith("ied") and len(word) > 4:
        return f"{word[:-3]}y"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and _VOWEL.search(rest) and not word.endswith("eed"):
            doubled = len(rest) > 3 and rest[-1] == rest[-2] and rest[-1] in "bdgmnprt"
            return rest[:-1] if doubled else rest
    return word


def _without_e(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _without_ly(word: str) -> str:
    if not word.endswith("ly") or len(word) < 7:
        return word
    return f"{word[:-3]}y" if word.endswith("ily") else word[:-2]


def kin(word: str) -> frozenset[str]:
    """The stems of the verb to a noun, and of the noun to a verb: `replication`, `replicate`."""
    if word.endswith("ation") and len(word) > 8:
        return frozenset({word[:-3], word[:-5]}) - _NOT_KIN
    if word.endswith("ion") and len(word) > 8:
        return frozenset({word[:-3]}) - _NOT_KIN
    return (
        frozenset({f"{word}ion"})
        if word.endswith(("at", "crypt")) and len(word) > 5
        else frozenset()
    )


def stem_set(text: str) -> frozenset[str]:
    """The stems of the words of `text`."""
    return frozenset(stem(word) for word in text.split())


def split(identifier: str) -> tuple[str, ...]:
    """The words of an identifier: `maxRetry_count` is `max`, `Retry`, `count`."""
    return tuple(part for part in _HUMPS.split(identifier) if part)


def stems(text: str) -> tuple[str, ...]:
    """The stems of a phrase or an identifier."""
    return tuple(stem(part) for part in split(text))


@lru_cache(maxsize=16384)
def is_typo(written: str, meant: str) -> bool:
    """Whether one slip of the finger makes `written` of `meant`.

    A slip is a letter too much, too few, wrong, or two that changed places (the optimal string
    alignment distance is 1); the first letter is right, and short words are left alone.
    """
    if len(written) < 4 or len(meant) < 4 or written[0] != meant[0]:
        return False
    longer, shorter = (written, meant) if len(written) > len(meant) else (meant, written)
    if len(longer) - len(shorter) > 1 or longer == shorter:
        return False
    at = next((i for i, (a, b) in enumerate(zip(longer, shorter, strict=False)) if a != b), -1)
    if at < 0:
        return True  # one letter more at the end
    if len(longer) > len(shorter):
        return longer[at + 1 :] == shorter[at:]
    if longer[at + 1 :] == shorter[at + 1 :]:
        return True
    swapped = longer[at + 1 : at + 2] + longer[at] + longer[at + 2 :]
    return swapped == shorter[at:]
