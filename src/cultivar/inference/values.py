"""Plain values that a task gives: said outright, people, addresses, versions, known shapes."""

from __future__ import annotations

import re
from typing import Final

from cultivar.inference.findings import Finding, corrected
from cultivar.inference.lexicon import FUNCTION_WORDS
from cultivar.inference.profiles import Profile, content
from cultivar.inference.reading import Reading
from cultivar.inference.shapes import is_telling, outline, style_of
from cultivar.inference.texts import kind_of
from cultivar.inference.words import split, stem, word_set
from cultivar.record import Record

_RAW: Final = re.compile(r"[^\W_][\w.\-/@]{0,80}")
_MONTHS: Final = word_set(
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday christmas easter"
)
_PARTICLES: Final = frozenset(
    {"van", "von", "de", "der", "den", "da", "di", "la", "le", "el", "bin", "of"}
)
_QUOTES: Final = "`\"“'\u2018"
_ENDS: Final = re.compile(r"[\n;]|[.,](?=\s|$)")


class Values(Record):
    """The plain values of a task, all but the names of what is to be made."""

    reading: Reading

    def finding(self, profile: Profile) -> Finding | None:
        """What the task gives for the question of `profile`."""
        return self._assigned(profile) or self._by_kind(profile)

    def _assigned(self, profile: Profile) -> Finding | None:
        wanted = _spoken_names(profile)
        words, found = self.reading.words, None
        for at in range(len(words)):
            last = next((at + len(n) - 1 for n in wanted if self._says(at, n)), None)
            value = None if last is None else self._value_after(last)
            if last is None or value is None:
                continue
            text, end = value
            if kind_of(profile) == "identifier" and not _RAW.fullmatch(text):
                continue
            if kind_of(profile) == "mail" and "@" not in text:
                continue
            found = Finding(value=text, confidence=0.97, first=at, last=end)
        return found

    def _says(self, at: int, name: tuple[str, ...]) -> bool:
        words = self.reading.words[at : at + len(name)]
        before = self.reading.words[at - 1] if at else None
        fresh = before is None or before.clause != words[0].clause or before.lower in ("the", "its")
        return fresh and tuple(word.stem for word in words) == name

    def _value_after(self, last: int) -> tuple[str, int] | None:
        """What stands after the `:` or `=` behind the word, to the end of the item."""
        words = self.reading.words
        if last + 1 >= len(words) or words[last + 1].gap.strip(" `*_" + _QUOTES) not in (":", "="):
            return None
        if words[last + 1].kind == "quoted":
            return self.reading.written(last + 1), self.reading.token_bounds(last + 1)[1]
        rest = self.reading.text[words[last + 1].start : words[last + 1].start + 160]
        text = _ENDS.split(rest, maxsplit=1)[0].strip(" .*_" + _QUOTES)
        stop = words[last + 1].start + len(text)
        end = last + 1
        while end + 1 < len(words) and words[end + 1].start < stop:
            end += 1
        return (text, end) if text else None

    def _by_kind(self, profile: Profile) -> Finding | None:
        kind = kind_of(profile)
        if kind == "mail":
            return self._mail(profile)
        if kind == "person":
            return self._person(profile)
        if kind == "version":
            return self._version(profile)
        if kind == "url":
            return self._url(profile)
        return self._likeness(profile) if kind == "plain" else None

    def _person(self, profile: Profile) -> Finding | None:
        words = self.reading.words
        topics = {term.phrase[0] for term in profile.terms if len(term.phrase) == 1} | {"author"}
        found: Finding | None = None
        for at in range(1, len(words)):
            before = words[at - 1]
            explicit = before.stem in topics or (
                before.lower in ("is", "are")
                and any(word.stem in topics for word in words[max(0, at - 3) : at - 1])
            )
            said = tuple(word.lower for word in words[max(0, at - 3) : at])
            introduced = said == ("my", "name", "is") or said[-2:] == ("i", "am")
            introduced = introduced or before.lower in ("i'm", "i\u2019m")
            if not explicit and not introduced and before.lower != "by":
                continue
            last = self._capitals(at)
            if last is None or (last == at and not explicit):
                continue
            if found is not None and not corrected(self.reading, at):
                continue
            value = self.reading.quote(at, last)
            found = Finding(value=value, confidence=0.93, first=at - 1, last=last)
        return found or self._before_mail()

    def _before_mail(self) -> Finding | None:
        """`Tom Hale (tom@hale.example)`: whoever stands right before an address."""
        words = self.reading.words
        for at, word in enumerate(words):
            if word.kind != "mail" or not {"(", "<"} & set(word.gap):
                continue
            begins = [i for i in range(max(0, at - 4), at) if self._capitals(i) == at - 1]
            if begins and begins[0] < at - 1:
                value = self.reading.quote(begins[0], at - 1)
                return Finding(value=value, confidence=0.9, first=begins[0], last=at - 1)
        return None

    def _capitals(self, at: int) -> int | None:
        """The last word of the person's name that begins at the word."""
        words, last, here = self.reading.words, None, at
        while here < len(words) and here - at < 6:
            word = words[here]
            gap = word.gap.strip() if here > at else word.gap.strip(" :=-" + _QUOTES)
            if gap not in ("", "-", ".", "&") or word.kind not in ("word", "identifier", "quoted"):
                break
            written = self.reading.text[word.start]
            plain = word.lower in FUNCTION_WORDS or word.lower in _MONTHS
            if written.isupper() and not plain:
                last = here
            elif word.lower not in _PARTICLES or last is None:
                break
            here += 1
        return last

    def _mail(self, profile: Profile) -> Finding | None:
        mails = [at for at, word in enumerate(self.reading.words) if word.kind == "mail"]
        if not mails:
            return None
        topics = {term.phrase[0] for term in profile.terms if len(term.phrase) == 1}
        topics |= {"email", "mail", "contact", "author", "by", "reach", "maintainer"}
        for at in mails:
            near = self.reading.words[max(0, at - 8) : at]
            told = any(word.stem in topics or word.lower in topics for word in near)
            if told or {"<", "("} & set(self.reading.words[at].gap):
                text = self.reading.written(at)
                return Finding(value=text, confidence=0.95, first=at, last=at)
        return None

    def _url(self, profile: Profile) -> Finding | None:
        topics = {w for term in profile.terms for w in term.phrase} | {"homepage", "website"}
        for at, word in enumerate(self.reading.words):
            near = self.reading.words[max(0, at - 5) : at]
            if word.kind == "url" and any(each.stem in topics for each in near):
                return Finding(value=self.reading.written(at), confidence=0.92, first=at, last=at)
        return None

    def _version(self, profile: Profile) -> Finding | None:
        topics = {w for w in content(profile.name) if w not in ("version", "min", "max")}
        topics |= {"version"} if not topics else set()
        words = self.reading.words
        for at, word in enumerate(words):
            near = words[max(0, at - 3) : at]
            said = any(each.stem in topics and each.sentence == word.sentence for each in near)
            if (
                word.kind == "number"
                and said
                and word.gap.strip() in ("", ">=", "~>", "v", "^", ":", "=")
            ):
                return Finding(value=word.lower, confidence=0.9, first=at - 1, last=at)
        return None

    def _likeness(self, profile: Profile) -> Finding | None:
        """A value beside its topic, or one that looks like the default and like nothing else."""
        drawn = outline(str(profile.question.default or ""))
        topics = {term.phrase[-1] for term in profile.terms if term.strength >= 0.8}
        words = self.reading.words
        for at in range(len(words)):
            value = _raw_at(self.reading, at)
            if value is None:
                continue
            beside = at > 0 and (
                words[at - 1].stem in topics
                or (words[at - 1].lower in ("is", "to", "called", "in", "be", "of", "as")
                    and any(w.stem in topics for w in words[max(0, at - 3) : at - 1]))
            )  # fmt: skip
            alike = bool(drawn) and is_telling(drawn) and outline(value) == drawn
            shaped = (
                words[at].kind == "quoted"
                or style_of(value) in ("kebab", "snake")
                or (any(mark in value for mark in "/_") or any(c.isdigit() for c in value))
            )
            shaped = shaped or (beside and self._closes(at))
            if alike or (beside and shaped and words[at].kind not in ("number", "mail")):
                last = self._last_within(at, words[at].start + len(value))
                sure = 0.92 if alike and beside else 0.85 if words[at].kind == "quoted" else 0.8
                return Finding(value=value, confidence=sure, first=at - bool(beside), last=last)
        return None

    def _closes(self, at: int) -> bool:
        """Whether a plain word stands as a value: `in the namespace finance,`."""
        words = self.reading.words
        ends = at + 1 == len(words) or words[at + 1].clause != words[at].clause
        led = at > 1 and words[at - 2].lower in ("the", "in", "into", "its")
        return ends and led and words[at].kind == "word" and words[at].lower not in FUNCTION_WORDS

    def _last_within(self, at: int, end: int) -> int:
        """The last word that begins before the character `end`."""
        last = at
        while last + 1 < len(self.reading.words) and self.reading.words[last + 1].start < end:
            last += 1
        return last


def _spoken_names(profile: Profile) -> tuple[tuple[str, ...], ...]:
    """What the question is called before a `:`: `project name`, `author` of `author_name`."""
    full = tuple(stem(part) for part in split(profile.name))
    short = tuple(part for part in full if part not in (stem("name"), "id"))
    kind = kind_of(profile)
    extra = [("email",), ("mail",), ("e", "mail")] if kind == "mail" else []
    alone = [full[-1:]] if kind == "mail" else []
    shorts = [short] if short and kind != "mail" else []
    return tuple(dict.fromkeys([full, *shorts, *extra, *alone]))


def _raw_at(reading: Reading, at: int) -> str | None:
    """The raw value that begins at the word: all up to the next space, its punctuation aside."""
    word = reading.words[at]
    if at and reading.words[at - 1].token == word.token:
        return None
    if word.kind == "quoted":
        return reading.written(at)
    if word.start and not (
        reading.text[word.start - 1].isspace() or reading.text[word.start - 1] in "(=:"
    ):
        return None
    end = word.start
    while end < len(reading.text) and end - word.start < 80 and not reading.text[end].isspace():
        end += 1
    text = reading.text[word.start : end].rstrip(".,;:!?)")
    return text or None
