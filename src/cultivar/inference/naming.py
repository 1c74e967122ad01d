"""Names that a task gives to what is to be made, and which question each answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from cultivar.inference.findings import Finding, corrected
from cultivar.inference.lexicon import FUNCTION_WORDS
from cultivar.inference.profiles import Profile
from cultivar.inference.reading import Reading
from cultivar.inference.shapes import (
    fits,
    in_style,
    outline,
    style_of,
)
from cultivar.inference.texts import kind_of, naming_words, wanted_style
from cultivar.inference.values import Values
from cultivar.inference.words import stem, word_set
from cultivar.record import Record

_NAMED: Final = frozenset({"called", "named", "name", "titled", "dubbed", "christened", "call"})
_RAW: Final = re.compile(r"[^\W_][\w.\-/@]{0,80}")
_FILE: Final = re.compile(r"([A-Za-z]\w{0,60})\.(?:py|exs?|go|tsx?|jsx?|rs|rb|java|kt)")
_NOT_NAMES: Final = word_set(
    "that which with without by for and or in on at to from the a an it is as after every of "
    "using who whose where when if so but please has have should must will can async"
)
_QUOTES: Final = "`\"“'\u2018"


class Candidate(Record):
    """A name that the task gives to something."""

    value: str
    first: int
    last: int
    nouns: tuple[str, ...]
    """The stems of the words for what it names, the nearest first."""
    sure: float
    quoted: bool = False


class Names(Record, dict=True):
    """The plain values that a task gives for the text questions of a template."""

    reading: Reading
    profiles: tuple[Profile, ...]

    def findings(self) -> dict[str, Finding]:
        """For each text question that is answered, the finding, by the question's name."""
        values = Values(reading=self.reading)
        found: dict[str, Finding] = {}
        for profile in self.profiles:
            finding = values.finding(profile)
            if finding is not None:
                found[profile.name] = finding
        taken = {at for each in found.values() for at in range(each.first, each.last + 1)}
        for name, finding in self._identifiers(found, taken).items():
            found.setdefault(name, finding)
        return found

    def _identifiers(self, found: dict[str, Finding], taken: set[int]) -> dict[str, Finding]:
        free = [each for each in self.candidates if each.last not in taken]
        asked = [p for p in self.profiles if kind_of(p) == "identifier" and p.name not in found]
        pairs = sorted(
            ((self._fit(each, p, asked), each, p) for each in free for p in asked),
            key=lambda pair: (-pair[0], pair[1].first),
        )
        used: set[int] = set()
        names: dict[str, tuple[Candidate, Finding]] = {}
        for score, candidate, profile in pairs:
            if score < 1 or candidate.first in used:
                continue
            held = names.get(profile.name)
            if held is not None and not self._corrects(candidate, held[0]):
                continue
            used.add(candidate.first)
            names[profile.name] = (candidate, self._named(candidate, profile, score))
        return {name: finding for name, (_, finding) in names.items()}

    def _corrects(self, candidate: Candidate, held: Candidate) -> bool:
        return candidate.first > held.first and corrected(self.reading, candidate.first)

    def _fit(self, candidate: Candidate, profile: Profile, asked: list[Profile]) -> float:
        style = wanted_style(profile)
        said = naming_words(profile)
        score = 0.0
        if said["own"] & set(candidate.nouns[:3]):
            score += 2 + 0.3 * (candidate.nouns[0] in said["own"])
        elif said["like"] & set(candidate.nouns[:3]):
            score += 1.2
        if said["help"] & set(candidate.nouns[:3]):
            score += 0.8
        derived = "{{" in str(profile.question.default)
        score += 0.6 if not derived and profile is next(iter(_roots(asked)), None) else 0.0
        score -= 0.3 * derived
        if style:
            score += 0.7 if fits(candidate.value, style) else -1.6
        return score + candidate.sure - 0.5

    def _named(self, candidate: Candidate, profile: Profile, score: float) -> Finding:
        style, value = wanted_style(profile), candidate.value
        sure = min(0.97, candidate.sure + (0.05 if score > 2 else 0.0))
        if not fits(value, style):
            value, sure = in_style(value, style), 0.75
        return Finding(
            value=value,
            confidence=round(sure, 3),
            first=candidate.first,
            last=candidate.last,
        )

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The names that the task gives, in their order."""
        best: dict[int, Candidate] = {}
        for each in self._all_candidates():
            held = best.get(each.last)
            if held is None or each.sure > held.sure:
                best[each.last] = each
        return tuple(best[last] for last in sorted(best))

    def _all_candidates(self) -> Iterator[Candidate]:
        words = self.reading.words
        for at, word in enumerate(words):
            if at and words[at - 1].token == word.token:
                continue  # within a name
            value = self._name_at(at)
            if value is None:
                continue
            text, last, quoted = value
            yield from self._said_to_be(at, last, text, quoted=quoted)
            yield from self._beside_noun(at, last, text, quoted=quoted)
            if (file := _FILE.fullmatch(text)) and not quoted:
                kinds = (stem("module"), stem("file"))
                yield Candidate(value=file[1], first=at, last=last, nouns=kinds, sure=0.85)
                continue
            yield from self._before_noun(at, last, text, quoted=quoted)
            if self._alone(at, last) and (style_of(text) in ("camel", "dotted") or quoted):
                yield Candidate(value=text, first=at, last=last, nouns=(), sure=0.75, quoted=quoted)
            if style_of(text) == "dotted":
                nouns = (stem("module"),)
                yield Candidate(
                    value=text, first=at, last=last, nouns=nouns, sure=0.85, quoted=quoted
                )

    def _before_noun(self, at: int, last: int, text: str, *, quoted: bool) -> Iterator[Candidate]:
        """`a `FxRates` class`: the noun stands behind the name."""
        words = self.reading.words
        after = words[last + 1] if last + 1 < len(words) else None
        if after is None or after.gap.strip(_QUOTES + " ") or after.stem not in self._noun_words:
            return
        led = at > 0 and words[at - 1].lower in ("a", "an", "the", "my", "our", "new")
        if led and (quoted or style_of(text) in ("camel", "snake", "dotted")):
            nouns = (after.stem,)
            yield Candidate(
                value=text, first=at, last=last + 1, nouns=nouns, sure=0.9, quoted=quoted
            )

    def _alone(self, first: int, last: int) -> bool:
        """Whether the words from `first` to `last` are a clause of their own."""
        words = self.reading.words
        begins = first > 0 and words[first - 1].clause != words[first].clause
        ends = last + 1 == len(words) or words[last + 1].clause != words[last].clause
        return begins and ends and "," in words[first].gap

    def _name_at(self, at: int) -> tuple[str, int, bool] | None:
        """The name that begins at the word: its text, its last word, whether it is quoted."""
        word = self.reading.words[at]
        if word.kind in ("number", "mail", "url"):
            return None
        if word.kind == "quoted":
            text = self.reading.written(at)
            last = self.reading.token_bounds(at)[1]
            return (text, last, True) if _RAW.fullmatch(text) else None
        match = _RAW.match(self.reading.text, word.start)
        if match is None or (at and self.reading.words[at].gap == "-"):
            return None
        text = match.group().rstrip(".-/@")
        last = at
        while last + 1 < len(self.reading.words) and (
            self.reading.words[last + 1].start < word.start + len(text)
        ):
            last += 1
        return text, last, False

    def _said_to_be(self, at: int, last: int, text: str, *, quoted: bool) -> Iterator[Candidate]:
        """`called X`, `named X`, `call it X`, `the name is X`, `imported as X`."""
        if not quoted and (text.lower() in _NOT_NAMES or text.lower() in FUNCTION_WORDS):
            return
        cue = self._naming_cue(at)
        if cue is None:
            return
        plain = not quoted and style_of(text) in ("lower", "")
        if plain and self._noun_follows(last):
            return
        yield Candidate(
            value=text,
            first=cue,
            last=last,
            nouns=self._nouns_before(cue, at),
            sure=0.9 if plain else 0.95,
            quoted=quoted,
        )

    def _naming_cue(self, at: int) -> int | None:
        """Where the words begin that say that a name follows at the word."""
        lower = [word.lower for word in self.reading.words[max(0, at - 5) : at]]
        begin = at - len(lower)
        gap = self.reading.words[at].gap.strip(" *_" + _QUOTES)
        if not lower or gap not in ("", ":", "="):
            return None
        if lower[-1] == "title" and self.reading.words[at].kind == "quoted":
            return at - 1
        if lower[-1] in _NAMED - {"call", "name"}:
            return at - 1
        shaped = style_of(self._written(at)) in ("camel", "snake", "kebab", "dotted")
        if lower[-1] == "name" and (
            shaped or gap in (":", "=") or lower[-2:-1] in (["the"], ["by"])
        ):
            return at - 1
        if lower[-2:] in (["imported", "as"], ["known", "as"], ["import", "as"], ["it", "as"]):
            return at - 2
        verb = next(
            (i for i in range(len(lower) - 1, -1, -1) if lower[i] in ("call", "name")), None
        )
        if verb is not None and len(lower) - verb in (2, 3) and lower[verb + 1] in (
            "it", "this", "that", "the", "them", "its", "my", "our", "him", "her",
        ):  # fmt: skip
            return begin + verb
        return self._copula(at, lower)

    def _written(self, at: int) -> str:
        value = self._name_at(at)
        return "" if value is None else value[0]

    def _copula(self, at: int, lower: list[str]) -> int | None:
        """`the name is X`, `the project on the index is X`."""
        if lower[-1] not in ("is", "be"):
            return None
        quoted = self.reading.words[at].kind == "quoted"
        for back in range(len(lower) - 2, -1, -1):
            if lower[back] == "name":
                return at - len(lower) + back
        shaped = style_of(self._written(at)) in ("camel", "snake", "kebab", "dotted")
        humped = outline(self._written(at)).count("a") > 1
        told = lower[-2] in ("class", "module", "package", "component", "service", "project")
        return at - len(lower) if quoted or (told and (shaped or humped)) else None

    def _noun_follows(self, last: int) -> bool:
        words = self.reading.words
        if last + 1 >= len(words):
            return False
        after = words[last + 1]
        joined = after.gap == " " and after.kind == "word"
        verb = after.lower.endswith(("s", "ed", "ing"))
        return joined and after.lower not in FUNCTION_WORDS and not verb

    def _nouns_before(self, cue: int, at: int) -> tuple[str, ...]:
        """The words that may be for what is named, the nearest first."""
        words = self.reading.words
        sentence = words[at].sentence
        between = [word.stem for word in words[cue:at] if word.lower not in FUNCTION_WORDS]
        known = self._noun_words
        before = [
            words[i].stem
            for i in range(cue - 1, max(-1, cue - 14), -1)
            if words[i].sentence == sentence and words[i].stem in known
        ]
        return tuple([w for w in between if w in known] + before)

    @cached_property
    def _noun_words(self) -> frozenset[str]:
        found: set[str] = set()
        for profile in self.profiles:
            for words in naming_words(profile).values():
                found |= words
        return frozenset(found)

    def _beside_noun(self, at: int, last: int, text: str, *, quoted: bool) -> Iterator[Candidate]:
        """`class PriceLoader`, `package acme-tools`, `a library `moonphase``."""
        if not at:
            return
        words = self.reading.words
        before = words[at - 1]
        gap = words[at].gap.strip(_QUOTES + " ")
        if gap or (before.stem not in self._noun_words and before.lower != "defmodule"):
            return
        style = style_of(text)
        code = before.lower in ("class", "defmodule", "struct", "module", "interface")
        capital = text[:1].isupper() and code and text.lower() not in FUNCTION_WORDS
        shaped = style in ("camel", "snake", "dotted") or (
            style == "pascal" and outline(text) != "a"
        )
        kebab = (
            style == "kebab"
            and not self._noun_follows(last)
            and text.split("-")[0] not in _NOT_NAMES
        )
        if not (quoted or shaped or capital or kebab):
            return
        noun = stem("module") if before.lower == "defmodule" else before.stem
        yield Candidate(
            value=text,
            first=at - 1,
            last=last,
            nouns=(noun, *self._nouns_before(at - 1, at)),
            sure=0.95 if quoted or code else 0.88,
            quoted=quoted,
        )


def _roots(asked: list[Profile]) -> Iterator[Profile]:
    return (profile for profile in asked if "{{" not in str(profile.question.default))
