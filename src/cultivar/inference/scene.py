"""What a task wants built, told from what the thing is about.

`A loader with retries` asks for retries; `a loader for retry policies` loads policies. The frame
that a phrase stands in decides: the object of what the thing does, a part of a longer noun.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Final, Literal

from cultivar.inference.lexicon import (
    ACTIONS,
    ARTIFACTS,
    DEGREES,
    FEATURING,
    FUNCTION_WORDS,
    HEADS,
    QUALIFIERS,
    VERBS,
)
from cultivar.inference.negation import is_negator
from cultivar.inference.quantities import UNITS
from cultivar.inference.reading import Reading, Word
from cultivar.inference.words import word_set
from cultivar.record import Record

Standing = Literal["firm", "plain", "weak", "none"]
"""How surely a phrase names an option of what is to be built; `none`: it does not."""

_LICENSED: Final = word_set(
    "with without using no use including include plus via add needs need please featuring has "
    "emitting exposing w behind guarded protected backed"
)
_BEFORE_ACTION: Final = word_set(
    "that which who to we it i they will can must should and also for of by please what would "
    "for-to us"
)
_MAKING: Final = frozenset({"build", "generate", "writ", "get", "show", "help", "send", "explain"})
_PARTITIVE: Final = word_set(
    "lot plenty number kind sort use set pair bit level amount form type style means way help "
    "part rest some most all both none out terms lack absence instead because ahead piece "
    "touch side top middle end favour favor"
)
_CARING: Final = word_set("bother how is care much worry fuss fussy serious")
_SUBJECT_MARKS: Final = frozenset({"subject", "topic", "theme"})
_OTHERS: Final = frozenset({"already", "elsewhere", "themselves", "itself"})
_OBJECTS: Final = word_set(
    "it them the what this that everything all results each its their for when if with on "
    "after every any failed things up to"
)
_ADJECTIVES: Final = ("ed", "ing", "ous", "able", "ible", "less", "ful", "style", "free", "based")
_ADJECTIVE_WORDS: Final = word_set("async sync public private lru aio nonblocking typed")
_PAST: Final = word_set(
    "took had was were fell went came lasted happened cost lost got did spent broke last "
    "yesterday ago"
)


class Scene(Record, dict=True):
    """A task under the eyes of one template."""

    reading: Reading
    vocabulary: frozenset[str]
    spoken: frozenset[int]
    """The words that are part of some phrase of the template's questions."""

    def standing(self, first: int, last: int, *, strict: bool = False) -> Standing:
        """How the words from `first` to `last` stand in the task.

        Args:
            first: The first word of the phrase.
            last: Its last word.
            strict: Whether any noun after it makes it a part of something else.
        """
        if self._belongs_to_others(first, last) or self._compound(first, last, strict=strict):
            return "none"
        if any(index in self.subjects for index in range(first, last + 1)):
            return "none"
        if self.licensed(first):
            return "firm"
        if self._passive(first, last) or self._led_by_noun(first):
            return "weak"
        return "firm" if self._short(first) or self._imperative(first, last) else "plain"

    def licensed(self, first: int) -> bool:
        """Whether a word after which options are named stands near before the phrase."""
        clause, at = self.reading.words[first].clause, first - 1
        for _ in range(5):
            if at < 0 or self.reading.words[at].clause != clause:
                return False
            word = self.reading.words[at]
            if word.stem in FEATURING or word.lower in FEATURING:
                return True
            if word.lower in ("that", "which", "for", "about", "from", "when"):
                return False
            at -= 1
        return False

    def denies(self, first: int, last: int) -> bool:
        """Whether something is negated near the words from `first` to `last`."""
        return any(
            is_negator(word.lower) for word in self.reading.words[max(0, first - 4) : last + 4]
        )

    def narrated(self, index: int) -> bool:
        """Whether the clause of the word tells of the past: what was, not what shall be."""
        clause = self.reading.words[index].clause
        near = self.reading.words[max(0, index - 8) : index + 5]
        return any(word.lower in _PAST and word.clause == clause for word in near)

    @cached_property
    def subjects(self) -> Collection[int]:
        """The words that tell what the thing that is to be built deals with."""
        found: set[int] = set()
        for index in range(len(self.reading.words)):
            if index not in found and self._opens_subject(index):
                found.update(self._subject_after(index))
        return found

    def _opens_subject(self, at: int) -> bool:
        word, after = self.reading.words[at], self._word(at + 1)
        if word.kind != "word" or after is None or after.clause != word.clause:
            return False
        if word.lower in ("about", "regarding", "concerning"):
            return after.kind != "number" and self._lower(at - 1) not in _CARING
        if word.lower in ("of", "for", "around", "over") and at:
            return self._of_artifact(at, after)
        return word.stem in ACTIONS and at not in self.spoken and self._acts(at)

    def _of_artifact(self, at: int, after: Word) -> bool:
        before = self.reading.words[at - 1]
        if after.kind == "number" or after.stem in UNITS or before.clause != after.clause:
            return False
        if at - 1 in self.spoken or before.lower in FUNCTION_WORDS or before.stem in DEGREES:
            return before.stem in ARTIFACTS and at - 1 not in self.spoken
        if self.reading.words[at].lower == "of":
            return before.stem not in _PARTITIVE and before.lower not in _PARTITIVE
        if self._opening(at - 1):
            return True
        maker = len(before.lower) > 5 and before.lower.endswith(("er", "or", "ers", "ors"))
        return before.stem in ARTIFACTS or maker

    def _opening(self, at: int) -> bool:
        """Whether the word closes the `a place` or `the thing` that the sentence begins with."""
        begin = at
        while begin and self.reading.words[begin - 1].clause == self.reading.words[at].clause:
            begin -= 1
        return at - begin < 3 and self.reading.words[begin].lower in ("a", "an", "the", "one")

    def _acts(self, at: int) -> bool:
        """Whether the word at `at` is a verb that says what the thing does."""
        word = self.reading.words[at]
        before = self._word(at - 1)
        begins = before is None or before.clause != word.clause
        if word.stem in _MAKING:
            made = any(w.stem in ARTIFACTS for w in self._sentence_before(at))
            return (
                not begins
                and before is not None
                and before.lower in ("to", "that", "which")
                and made
            )
        after = self._lower(at + 1)
        if after in ("or", "nor", "and"):
            return False  # an item of a list
        if begins:
            return True
        led = before.lower if before is not None else ""
        if led in _BEFORE_ACTION or led.endswith("ly"):
            return True
        third = word.lower.endswith("s") and before is not None and before.stem in ARTIFACTS
        return third or word.lower.endswith("ing")

    def _sentence_before(self, at: int) -> tuple[Word, ...]:
        sentence = self.reading.words[at].sentence
        begin = at
        while begin and self.reading.words[begin - 1].sentence == sentence and at - begin < 40:
            begin -= 1
        return self.reading.words[begin:at]

    def _subject_after(self, at: int) -> range:
        """The words after the one at `at` up to where something else is spoken of."""
        clause, end = self.reading.words[at + 1].clause, at + 1
        while (word := self._word(end)) is not None and word.clause == clause:
            if word.lower in _LICENSED or self._turns(end):
                break
            end += 1
        return range(at + 1, end)

    def _turns(self, at: int) -> bool:
        """Whether the words at `at` leave the subject: `in ETS`, `and cache them`."""
        word, after = self.reading.words[at], list(self.reading.words[at + 1 : at + 4])
        if word.lower in ("in", "into", "by", "through", "on", "over"):
            return any(at + 1 + i in self.spoken for i in range(len(after[:2])))
        if word.lower == "and" and after:
            verb = at + 1 in self.spoken and len(after) > 1 and after[1].lower in _OBJECTS
            return verb or after[0].lower in FEATURING or after[0].lower in ("it", "make", "keep")
        return word.lower in ("so", "then") or word.lower in ("must", "should", "needs")

    def _belongs_to_others(self, first: int, last: int) -> bool:
        words = self.reading.words
        clause = words[first].clause
        if words[last].owner:
            return True
        near = words[max(0, first - 10) : last + 11]
        same = [word.lower for word in near if word.clause == clause]
        return bool(_SUBJECT_MARKS & set(same)) or bool(_OTHERS & set(same[-4:]))

    def _compound(self, first: int, last: int, *, strict: bool) -> bool:
        """Whether the phrase is a part of a longer noun: `retry policies`."""
        word, after = self.reading.words[last], self._word(last + 1)
        if after is None or after.sentence != word.sentence or after.gap.strip() not in ("", "-"):
            return False
        if after.kind in ("number", "mail", "url", "quoted", "identifier"):
            return False
        if self._free(after, last + 1, strict=strict):
            return False
        if after.gap == "-":
            return True
        return not (self._adjective(word) and not strict)

    def _free(self, after: Word, index: int, *, strict: bool) -> bool:
        """Whether a word that follows leaves the phrase before it what it is."""
        common = after.lower in FUNCTION_WORDS or after.stem in HEADS or after.lower in DEGREES
        unit = after.lower in UNITS or after.lower.endswith("ly") or "'" in after.lower
        if common or unit or after.stem in DEGREES:
            return True
        if after.gap == "-":
            return after.lower.endswith(("ed", "ing", "able", "free"))
        if index in self.spoken or after.stem in VERBS or after.lower in _LICENSED:
            return True
        known = after.stem in self.vocabulary or after.stem in ARTIFACTS
        return known and after.stem not in _SUBJECT_MARKS and not strict

    def _adjective(self, word: Word) -> bool:
        return word.lower in _ADJECTIVE_WORDS or word.lower.endswith(_ADJECTIVES)

    def _led_by_noun(self, first: int) -> bool:
        """Whether an unknown noun before the phrase makes it something of its own."""
        word, before = self.reading.words[first], self._word(first - 1)
        if before is None or before.clause != word.clause or word.gap.strip() not in ("",):
            return False
        if before.kind != "word" or first - 1 in self.spoken or before.lower.endswith("ly"):
            return False
        known = (FUNCTION_WORDS, QUALIFIERS, VERBS, HEADS, ARTIFACTS, self.vocabulary, FEATURING)
        if before.lower in FUNCTION_WORDS or any(before.stem in words for words in known):
            return False
        return before.stem not in DEGREES and before.lower not in UNITS and len(before.lower) > 2

    def _passive(self, first: int, last: int) -> bool:
        """Whether something is done to the phrase later: `metrics … have to be loaded`."""
        sentence = self.reading.words[last].sentence
        for index in range(last + 2, min(last + 14, len(self.reading.words))):
            word = self.reading.words[index]
            if word.sentence != sentence:
                return False
            done = word.stem in ACTIONS and word.lower.endswith("ed")
            if done and self._lower(index - 1) in ("be", "been", "is", "are", "being"):
                return first == 0 or self.reading.words[first - 1].sentence == sentence
        return False

    def _short(self, first: int) -> bool:
        """Whether the clause of the phrase is a few words, as in a list of wishes."""
        clause = self.reading.words[first].clause
        near = self.reading.words[max(0, first - 5) : first + 6]
        return sum(word.clause == clause for word in near) < 5

    def _imperative(self, first: int, last: int) -> bool:
        before, after = self._word(first - 1), self._word(last + 1)
        begins = before is None or before.clause != self.reading.words[first].clause
        led = before is not None and before.lower in ("please", "do", "and", "to", "it", "must")
        return (begins or led) and after is not None and after.lower in _OBJECTS

    def _word(self, index: int) -> Word | None:
        return self.reading.words[index] if 0 <= index < len(self.reading.words) else None

    def _lower(self, index: int) -> str:
        word = self._word(index)
        return "" if word is None else word.lower
