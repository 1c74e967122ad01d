"""Numbers in a task, in digits and in words, with their units and with what they count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from cultivar.inference.lexicon import FUNCTION_WORDS, VERBS
from cultivar.inference.reading import Reading, Word
from cultivar.inference.words import is_typo, stem, word_set
from cultivar.record import Record

Dimension = Literal["", "time", "size", "share"]
"""What a quantity measures; empty: it counts things."""


class Quantity(Record):
    """A number of a task."""

    value: float
    """In seconds, bytes or percent where it has a dimension."""
    dimension: Dimension
    first: int
    last: int
    """The words that it is written in, the unit among them."""
    nouns: tuple[str, ...] = ()
    """The stems of the words after it, up to the end of the noun phrase."""
    every: bool = False
    """It says how often something happens."""


class Unit(Record):
    """A unit, and how many of its dimension's base unit it is."""

    dimension: Dimension
    scale: float


def _units() -> dict[str, Unit]:
    table: tuple[tuple[Dimension, float, str], ...] = (
        ("time", 1e-3, "ms msec millisecond milliseconds millis"),
        ("time", 1, "s sec secs second seconds"),
        ("time", 60, "m min mins minute minutes"),
        ("time", 3600, "h hr hrs hour hours"),
        ("time", 86400, "d day days"),
        ("time", 604800, "w wk week weeks"),
        ("time", 1209600, "fortnight fortnights"),
        ("time", 2592000, "month months"),
        ("time", 31536000, "year years"),
        ("size", 1, "byte bytes"),
        ("size", 1e3, "kb kilobyte kilobytes"),
        ("size", 1024, "kib kibibyte kibibytes"),
        ("size", 1e6, "mb megabyte megabytes meg megs"),
        ("size", 1024**2, "mib mi mebibyte mebibytes"),
        ("size", 1e9, "gb gigabyte gigabytes gig gigs"),
        ("size", 1024**3, "gib gi gibibyte gibibytes"),
        ("size", 1e12, "tb terabyte terabytes"),
        ("size", 1024**4, "tib tebibyte tebibytes"),
        ("share", 1, "percent pct per-cent percentage"),
        ("share", 100, "ratio fraction share"),
    )
    return {
        name: Unit(dimension=dimension, scale=scale)
        for dimension, scale, names in table
        for name in names.split()
    }


UNITS: Final[Mapping[str, Unit]] = _units()
_LONG_UNITS: Final = tuple(name for name in UNITS if len(name) > 5)
_SMALL: Final = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_TENS: Final = {
    word: 10 * value
    for value, word in enumerate(
        ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 3
    )
}
_MULTIPLES: Final = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "dozen": 12,
}
_SUFFIXES: Final = {"k": 1000, "M": 10**6, "mio": 10**6, "G": 10**9}
_ADVERBS: Final = {"twice": 2, "thrice": 3}
_BEFORE_A: Final = word_set(
    "for after of within than least most around about every is last lasts lives in to only "
    "timeout ttl interval up until past nearly roughly exactly"
)
_EVERY: Final = frozenset({"every", "each"})
_PRODUCTS: Final = re.compile(r"[A-Za-z]$")


def quantities(reading: Reading) -> tuple[Quantity, ...]:
    """The numbers of `reading`, in their order."""
    return tuple(_Scan(reading).quantities())


def unit_of(name: str) -> Unit | None:
    """The unit that goes by `name`, in the singular or the plural."""
    name = name.lower()
    return UNITS.get(name) or UNITS.get(stem(name)) or UNITS.get(f"{name}s")


class _Scan(Record, kw_only=False):
    """One pass over the words of a task."""

    reading: Reading

    def quantities(self) -> Iterator[Quantity]:
        at, total = 0, len(self.reading.words)
        while at < total:
            found = self._quantity(at)
            if found is None:
                at += 1
            else:
                yield found
                at = found.last + 1

    def _quantity(self, at: int) -> Quantity | None:
        measured = self._measure(at)
        if measured is None:
            return None
        value, dimension, after = measured
        while dimension == "time" and (more := self._more(after)) is not None:
            value, after = value + more[0], more[1]
        nouns = self._nouns(after)
        if dimension == "" and at + 1 == after and self._lower(at) in ("one", "a") and not nouns:
            return None
        return Quantity(
            value=value,
            dimension=dimension,
            first=at,
            last=after - 1,
            nouns=nouns,
            every=at > 0 and self._lower(at - 1) in _EVERY,
        )

    def _measure(self, at: int) -> tuple[float, Dimension, int] | None:
        """A number and its unit: value, dimension, where it ends."""
        number = self._fraction(at) or self._number(at)
        if number is None:
            return self._one_unit(at)
        value, after = number
        if half := self._and_a_half(after):
            value, after = value + half, after + 3
        unit = self._unit(after, glued=self._glued(after))
        if unit is not None:
            half = self._and_a_half(after + 1)
            return (value + half) * unit.scale, unit.dimension, after + 1 + 3 * bool(half)
        if self._percent(after):
            return value, "share", after
        return value, "", after

    def _more(self, after: int) -> tuple[float, int] | None:
        """A smaller unit's part of the same quantity: `30m` of `1h30m`."""
        begin = after + 1 if self._lower(after) == "and" else after
        number = self._number(begin)
        if number is None or "," in self._gap(begin):
            return None
        unit = self._unit(number[1], glued=self._glued(number[1]))
        if unit is None or unit.dimension != "time":
            return None
        return number[0] * unit.scale, number[1] + 1

    def _one_unit(self, at: int) -> tuple[float, Dimension, int] | None:
        """`a minute`, `an hour and a half`, `every second`, where they are a quantity."""
        before, word = self._lower(at - 1), self._lower(at)
        if word in ("a", "an") and before in _BEFORE_A:
            unit, after = self._unit(at + 1, glued=False), at + 2
        elif before == "every":
            unit, after = self._unit(at, glued=False), at + 1
        else:
            return None
        if unit is None:
            return None
        half = self._and_a_half(after)
        return (1 + half) * unit.scale, unit.dimension, after + 3 * bool(half)

    def _fraction(self, at: int) -> tuple[float, int] | None:
        """`half an hour`, `a quarter of an hour`, `three quarters of an hour`."""
        parts = {"half": 0.5, "quarter": 0.25, "quarters": 0.25}
        times, here = 1.0, at
        if (word := self._lower(at)) in ("a", "an") or word in _SMALL:
            times, here = float(_SMALL.get(word, 1)), at + 1
        part = parts.get(self._lower(here))
        if part is None:
            return None
        here += 1
        if self._lower(here) == "a" and self._lower(here + 1) == "dozen":
            return times * part * 12, here + 2
        here += self._lower(here) == "of"
        if self._lower(here) in ("a", "an") and self._unit(here + 1, glued=False):
            return times * part, here + 1
        return (times * part, here) if self._unit(here, glued=False) and here > at + 1 else None

    def _number(self, at: int) -> tuple[float, int] | None:
        """A plain number and where it ends."""
        word = self._word(at)
        if word is None:
            return None
        digits = None
        if word.kind == "number":
            digits = self._digits(word, after_unit=self._lower(at - 1) in UNITS)
        if digits is not None:
            return self._multiplied(digits, at + 1)
        if word.kind != "word":
            return None
        if word.lower in _ADVERBS:
            return float(_ADVERBS[word.lower]), at + 1
        return self._in_words(at)

    def _digits(self, word: Word, *, after_unit: bool) -> float | None:
        if word.lower.count(".") > 1:
            return None  # a version
        glued = word.gap == "" and word.start > 0
        if glued and _PRODUCTS.search(self.reading.text[word.start - 1]) and not after_unit:
            return None
        return float(word.lower.replace(",", "").replace("_", ""))

    def _in_words(self, at: int) -> tuple[float, int] | None:
        total, current, here = 0.0, 0.0, at
        while True:
            word = self._lower(here) if here == at or self._joined(here) else ""
            if word in _SMALL or word in _TENS:
                current += _SMALL.get(word, 0) + _TENS.get(word, 0)
            elif word in _MULTIPLES and (here > at or word == "dozen"):
                current = (current or 1) * _MULTIPLES[word]
                if current >= 1000:
                    total, current = total + current, 0
            elif word in ("a", "an") and here == at and self._lower(at + 1) in _MULTIPLES:
                pass
            elif not (word == "and" and self._inside(here)):
                break
            here += 1
        return (total + current, here) if here > at else None

    def _inside(self, here: int) -> bool:
        """Whether the `and` at `here` is within a number: `hundred and ten`."""
        after = self._lower(here + 1)
        return self._lower(here - 1) in _MULTIPLES and (after in _SMALL or after in _TENS)

    def _joined(self, at: int) -> bool:
        return self._gap(at).strip() in ("", "-")

    def _multiplied(self, value: float, after: int) -> tuple[float, int]:
        word = self._word(after)
        if word is None or not self._joined(after):
            return value, after
        written = self.reading.text[word.start : word.end]
        if word.gap == "" and (scale := _SUFFIXES.get(written) or _SUFFIXES.get(word.lower)):
            return value * scale, after + 1
        if word.lower in _MULTIPLES:
            return value * _MULTIPLES[word.lower], after + 1
        return value, after

    def _unit(self, at: int, *, glued: bool) -> Unit | None:
        word = self._word(at)
        if word is None or word.kind != "word" or self._gap(at).strip() not in ("", "-"):
            return None
        if len(word.lower) == 1 and not glued and self._letter_is_noun(at):
            return None
        found = UNITS.get(word.lower)
        if found is None and len(word.lower) > 4:
            near = (name for name in _LONG_UNITS if is_typo(word.lower, name))
            found = UNITS.get(next(near, ""))
        return found

    def _letter_is_noun(self, at: int) -> bool:
        return self._word(at) is None or (self._lower(at) in ("d", "w", "m") and at < 1)

    def _percent(self, after: int) -> bool:
        end = self.reading.words[after - 1].end
        return self.reading.text[end : end + 2].strip().startswith("%")

    def _and_a_half(self, at: int) -> float:
        said = [self._lower(at + step) for step in range(3)]
        return 0.5 if said == ["and", "a", "half"] else 0.0

    def _nouns(self, at: int) -> tuple[str, ...]:
        """The words of the noun phrase that begins at `at`."""
        found: list[str] = []
        while len(found) < 3 and (word := self._word(at)) is not None:
            if word.lower == "of" and not found:
                at += 1
                continue
            broken = self._gap(at).strip() not in ("", "-")
            if broken or (word.lower in FUNCTION_WORDS and word.lower != "them"):
                break
            if found and word.stem in VERBS and word.stem not in ("try", "fail", "call"):
                break
            found.append(word.stem)
            at += 1
        return tuple(found)

    def _glued(self, at: int) -> bool:
        return self._gap(at) == ""

    def _word(self, at: int) -> Word | None:
        return self.reading.words[at] if 0 <= at < len(self.reading.words) else None

    def _lower(self, at: int) -> str:
        word = self._word(at)
        return "" if word is None else word.lower

    def _gap(self, at: int) -> str:
        word = self._word(at)
        return "\n" if word is None else word.gap
