"""Questions with choices, answered from a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from cultivar.inference.findings import Finding, holding
from cultivar.inference.lexicon import (
    ARTIFACTS,
    DEGREES,
    EVERYDAY,
    FUNCTION_WORDS,
    GENERIC,
    HEADS,
    NOISE,
    NONE_VALUES,
    PARAPHRASES,
    Phrase,
    concepts_of,
)
from cultivar.inference.mentions import Mention
from cultivar.inference.negation import negated
from cultivar.inference.profiles import Profile, Term, content
from cultivar.inference.reading import Word
from cultivar.inference.scene import Scene
from cultivar.inference.words import stems
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.questions.asking import OfferedChoice
from cultivar.templating.template import Choice

_NEAR: Final = 4
_WITHIN: Final = 8


class Offer(Record):
    """A choice, and the phrases that stand for it."""

    at: int
    """Its number among the choices."""
    value: Json
    phrases: tuple[tuple[Phrase, float], ...]
    degree: int | None = None
    none: bool = False
    """It stands for the absence of what is asked."""


class OptionReader(Record):
    """One question with choices, and the task that may answer it."""

    scene: Scene
    profile: Profile
    topics: list[Mention[tuple[str, Term]]]
    values: list[Mention[tuple[str, Term]]]
    offers: tuple[Offer, ...]

    def findings(self) -> Iterator[Finding]:
        """What the task says on the question."""
        yield from self._by_value()
        yield from self._by_degree()
        yield from self._by_refusal()
        yield from self._by_paraphrase()

    def several(self) -> Finding | None:
        """All the choices that the task asks for, of a question that takes several."""
        found = [each for each in self._by_value() if each.confidence >= 0.6]
        if not found:
            return None
        wanted = [
            offer.value for offer in self.offers if any(f.value == offer.value for f in found)
        ]
        return Finding(
            value=wanted,
            confidence=min(each.confidence for each in found),
            first=min(each.first for each in found),
            last=max(each.last for each in found),
        )

    def _by_value(self) -> Iterator[Finding]:
        places = {(mention.first, mention.key[1].offer) for mention in self.values}
        taken = Counter(first for first, _ in places)
        for mention in self.values:
            if taken[mention.first] == 1 and (finding := self._stated(mention)) is not None:
                yield finding

    def _stated(self, mention: Mention[tuple[str, Term]]) -> Finding | None:
        offer = self.offers[mention.key[1].offer]
        denied, _ = negated(self.scene.reading, mention.first, mention.last)
        confidence = 0.0 if denied else self._confidence(mention)
        if confidence <= 0:
            return None
        first, last = self._with_topic(mention.first, mention.last)
        return Finding(value=offer.value, confidence=round(confidence, 3), first=first, last=last)

    def _confidence(self, mention: Mention[tuple[str, Term]]) -> float:
        distance = self._topic_distance(mention.first, mention.last)
        beside = distance <= _NEAR or self._spoken_around(mention.first, mention.last)
        standing = self.scene.standing(mention.first, mention.last, strict=not beside)
        spoken = range(mention.first, mention.last + 1)
        words = [self.scene.reading.words[index] for index in spoken]
        plain = is_everyday(tuple(word.stem for word in words))
        whole = mention.key[1].strength >= 0.95
        if standing == "none" or (plain and not self._may_be_plain(words, beside, whole)):
            return 0.0
        if beside:
            sure = 0.96 if whole else 0.92
        elif distance <= _WITHIN:
            sure = 0.85
        else:
            sure = {"firm": 0.82, "plain": 0.72, "weak": 0.0}[standing]
        return sure - 0.15 * mention.typo if sure else 0.0

    def _spoken_around(self, first: int, last: int) -> bool:
        """Whether the clause says two of the words that the question is asked in."""
        words = self.scene.reading.words
        telling = self.profile.help_words | set(content(self.profile.name))
        near = [*words[max(0, first - 5) : first], *words[last + 1 : last + 6]]
        said = {w.stem for w in near if w.clause == words[first].clause and w.stem in telling}
        return len(said) > 1

    def _may_be_plain(self, words: list[Word], beside: bool, whole: bool) -> bool:
        return beside or (whole and (len(words) > 1 or self._alone(words)))

    def _alone(self, words: list[Word]) -> bool:
        """Whether the words are an item of a list of wishes, all on their own."""
        clauses = [word.clause for word in self.scene.reading.words]
        clause = words[0].clause
        return clauses.count(clause) == len(words) and "," in words[0].gap

    def _topic_distance(self, first: int, last: int) -> int:
        """How many words lie between the span and where the question is spoken of."""
        words = self.scene.reading.words
        far = [
            (first - each.last if each.last < first else each.first - last)
            + 2 * (words[each.first].clause != words[first].clause)
            for each in self.topics
            if words[each.first].sentence == words[first].sentence
        ]
        return max(0, min(far, default=999))

    def _with_topic(self, first: int, last: int) -> tuple[int, int]:
        words = self.scene.reading.words
        for each in self.topics:
            near = each.first - last <= _NEAR and first - each.last <= _NEAR
            if near and words[each.first].sentence == words[first].sentence:
                return min(first, each.first), max(last, each.last)
        return first, last

    def _by_degree(self) -> Iterator[Finding]:
        """`thoroughly documented`: a word for much, beside what the question is about."""
        scale: dict[int | None, Offer] = {
            each.degree: each for each in self.offers if each.none < 1
        }
        scale.pop(None, None)
        if len(scale) < 2:
            return
        for topic in self.topics:
            found = self._degree_near(topic, scale)
            standing = self.scene.standing(topic.first, topic.last)
            if found is None or standing in ("none", "weak"):
                continue
            at, offer = found
            sure = 0.92 if abs(at - topic.first) < 3 else 0.85
            first, last = min(at, topic.first), max(at, topic.last)
            yield Finding(
                value=offer.value, confidence=sure - 0.1 * topic.typo, first=first, last=last
            )

    def _degree_near(
        self, topic: Mention[tuple[str, Term]], scale: dict[int | None, Offer]
    ) -> tuple[int, Offer] | None:
        words = self.scene.reading.words
        clause = words[topic.first].clause
        near = [
            (abs(at - topic.first), at, scale[degree])
            for at in range(max(0, topic.first - 4), min(len(words), topic.last + 7))
            if words[at].clause == clause
            and (degree := DEGREES.get(words[at].stem)) in scale
            and not topic.first <= at <= topic.last
        ]
        if not near:
            near = [
                (at - topic.last, at, scale[degree])
                for at in range(topic.last + 1, min(len(words), topic.last + 6))
                if words[at].clause == clause + 1
                and words[at].sentence == words[topic.first].sentence
                and (degree := DEGREES.get(words[at].stem)) in scale
            ]
        return min(near, key=lambda each: each[:2])[1:] if near else None

    def _by_refusal(self) -> Iterator[Finding]:
        """`no type checker`: the choice that stands for none, or the least."""
        least = self._least()
        taken = {at for each in self.values for at in range(each.first, each.last + 1)}
        for topic in self.topics if least is not None else ():
            if taken & set(range(topic.first, topic.last + 1)):
                continue
            denied, begin = negated(self.scene.reading, topic.first, topic.last)
            stands = self.scene.standing(topic.first, topic.last) != "none"
            if denied and stands and least is not None:
                sure = 0.95 * (0.6 + 0.4 * topic.key[1].strength) - 0.15 * topic.typo
                yield Finding(
                    value=least.value, confidence=round(sure, 3), first=begin, last=topic.last
                )

    def _least(self) -> Offer | None:
        none = [offer for offer in self.offers if offer.none]
        scale = [offer for offer in self.offers if offer.degree == 0]
        return next(iter(none or scale), None)

    def _by_paraphrase(self) -> Iterator[Finding]:
        """`restart all of them`: a well-known strategy, told by what it does."""
        known = {
            offer.at: cues
            for offer in self.offers
            for phrase, _ in offer.phrases
            if (cues := PARAPHRASES.get(phrase))
        }
        for topic in self.topics if known else ():
            words = self.scene.reading.words
            sentence = words[topic.first].sentence
            near = range(max(0, topic.first - 10), min(len(words), topic.last + 12))
            said = [at for at in near if words[at].sentence == sentence]
            text = f" {' '.join(words[at].lower for at in said)} "
            hits = [at for at, cues in known.items() if any(f" {cue} " in text for cue in cues)]
            rank = sorted(hits, key=lambda at: _RANK[known[at]])
            if rank and not negated(self.scene.reading, topic.first, topic.last)[0]:
                value = self.offers[rank[0]].value
                yield Finding(value=value, confidence=0.8, first=said[0], last=said[-1])


_RANK: Final = {cues: place for place, cues in enumerate(PARAPHRASES.values())}


def value_terms(offers: Iterable[Offer]) -> Iterator[Term]:
    """The phrases that stand for the choices."""
    for offer in offers:
        for phrase, strength in offer.phrases:
            yield Term(phrase=phrase, strength=strength, offer=offer.at)


def is_everyday(phrase: Phrase) -> bool:
    """Whether plain talk uses all words of `phrase`, too."""
    return all(word in EVERYDAY or len(word) < 3 or word[0].isdigit() for word in phrase)


def offers_of(
    choices: Iterable[Choice | OfferedChoice], about: frozenset[str]
) -> tuple[Offer, ...]:
    """What stands for each of `choices`, where the words `about` tell none of them."""
    listed = tuple(choices)
    texts = [tuple(dict.fromkeys((stems(str(c.value)), stems(c.label)))) for c in listed]
    often = Counter(word for phrases in texts for word in {w for p in phrases for w in p})
    return tuple(
        _offer(at, choice.value, phrases, often, about)
        for at, (choice, phrases) in enumerate(zip(listed, texts, strict=True))
    )


def _offer(
    at: int, value: Json, phrases: tuple[Phrase, ...], often: Counter[str], about: frozenset[str]
) -> Offer:
    own = {
        word
        for phrase in phrases
        for word in phrase
        if often[word] == 1 and not word[0].isdigit() and not (word in about or _vague(word))
    }
    none = str(value).lower() in NONE_VALUES or value in (None, "", False)
    terms = {phrase: 1.0 for phrase in phrases if phrase}
    for phrase in phrases:
        for concept in concepts_of(phrase):
            others = (other for other in concept.words if not set(other) <= about)
            terms.update({other: 0.8 for other in others if other not in terms})
    for word in own if len(own) < 4 else ():
        terms.setdefault((word,), 0.8)
    degrees = [DEGREES[word] for phrase in phrases for word in phrase if word in DEGREES]
    return Offer(
        at=at,
        value=value,
        phrases=() if none else tuple(sorted(terms.items())),
        degree=degrees[0] if degrees else None,
        none=none,
    )


def _vague(word: str) -> bool:
    """Whether a word of a choice says too little to stand for it."""
    common = word in GENERIC or word in ARTIFACTS or word in HEADS
    return common or len(word) < 2 or word in NOISE or word in FUNCTION_WORDS


def option_finding(reader: OptionReader) -> Finding | None:
    """The one finding that holds for a question that takes one choice or several."""
    if reader.profile.role == "options":
        return reader.several()
    return holding(reader.scene.reading, reader.findings())
