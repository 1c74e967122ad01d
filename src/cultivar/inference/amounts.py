"""Which number of a task answers which question: each number at most one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cultivar.inference.findings import Finding, corrected
from cultivar.inference.profiles import Profile
from cultivar.inference.quantities import Quantity
from cultivar.inference.scene import Scene
from cultivar.inference.words import split
from cultivar.model import Json
from cultivar.record import Record

_FAR: Final = 16
_TIME_WORDS: Final = frozenset({"tim"})
_FREQUENT: Final = frozenset(
    {"every", "interval", "period", "poll", "frequency", "refresh", "schedul"}
)
_LEAST: Final = 0.48
_FOR: Final = frozenset({"for", "after", "of", "within", "than", "most", "to", "up"})


class Pair(Record):
    """A number and a question, and how well they fit."""

    score: float
    quantity: Quantity
    profile: Profile
    value: Json
    evidence: int
    """The word that speaks most for it."""


class Amounts(Record):
    """The numbers of a task, and the questions that ask for one."""

    scene: Scene
    quantities: tuple[Quantity, ...]
    profiles: tuple[Profile, ...]
    slips: Mapping[str, str]
    """Stems that are slips of the finger, with what was meant."""
    said: Mapping[str, Json]
    """What the task says on other questions, by their names."""
    phrases: Mapping[str, Mapping[int, float]]
    """Where phrases of several words speak of a question, and how strongly."""
    spoken_of: Mapping[str, frozenset[int]]
    """In which sentences each yes-or-no question is spoken of."""

    def findings(self) -> dict[str, Finding]:
        """For each question that a number answers, the finding, by the question's name."""
        pairs = sorted(self._pairs(), key=lambda pair: (-pair.score, pair.quantity.first))
        used: set[int] = set()
        found: dict[str, Pair] = {}
        for pair in pairs:
            name, at = pair.profile.name, pair.quantity.first
            if at in used or (name in found and not self._replaces(pair, found[name])):
                continue
            used.add(at)
            found[name] = pair
        self._carry_corrections(found, used)
        free = [pair for pair in pairs if pair.profile.name not in found]
        return {name: self._finding(pair, free) for name, pair in found.items()}

    def _pairs(self) -> Iterator[Pair]:
        for quantity in self.quantities:
            for profile in self._askable:
                value = _value(quantity, profile)
                if value is None or self.scene.narrated(quantity.first):
                    continue
                score, evidence = self._score(quantity, profile)
                if score >= _LEAST:
                    yield Pair(
                        score=score,
                        quantity=quantity,
                        profile=profile,
                        value=value,
                        evidence=evidence,
                    )

    @property
    def _askable(self) -> tuple[Profile, ...]:
        """The questions that nothing in the task keeps from being asked."""
        return tuple(
            profile
            for profile in self.profiles
            if all(self.said.get(each.name, each.value) == each.value for each in profile.parents)
        )

    def _score(self, quantity: Quantity, profile: Profile) -> tuple[float, int]:
        direct = self._direct(quantity, profile)
        if direct is None:
            return 0.0, quantity.first
        near = sorted(self._evidence(quantity, profile), reverse=True)
        score = direct + sum(weight / 2**place for place, (weight, _) in enumerate(near[:3]))
        if not near and direct < 0.8:
            return 0.0, quantity.first
        if "max" in split(profile.name):
            score += 0.15 if self._bounded(quantity) else -0.05
        sentence = self.scene.reading.words[quantity.first].sentence
        about = {sentence, sentence - 1} if self._answers(quantity) else {sentence}
        if any(about & self.spoken_of.get(each.name, frozenset()) for each in profile.parents):
            score += 0.25
        subject = quantity.first in self.scene.subjects
        return score - 0.35 * subject, near[0][1] if near else quantity.last

    def _direct(self, quantity: Quantity, profile: Profile) -> float | None:
        """What the number's own words say of the question; None: it is of something else."""
        if quantity.every and not _FREQUENT & set(profile.weights):
            return None
        if quantity.every:
            return 0.3
        if quantity.dimension:
            before = self._lower(quantity.first - 1)
            return 0.1 if before in _FOR else 0.0
        if profile.unit is not None:
            named = not quantity.nouns and self._named_before(quantity, profile)
            return 0.0 if named else None
        nouns = [self.slips.get(noun, noun) for noun in quantity.nouns if noun != "them"]
        if not nouns:
            told = 0.3 if quantity.nouns else 0.1 if self._named_before(quantity, profile) else -0.1
            return told
        if set(nouns) & profile.counted - _TIME_WORDS:
            return 0.9
        if _TIME_WORDS & set(nouns):
            return 0.4 if profile.counted & _TIME_WORDS else 0.0
        if any(profile.weights.get(noun, 0.0) >= 0.5 for noun in nouns):
            return 0.3
        return (
            0.0
            if self._named_before(quantity, profile, within=4 if self._bounded(quantity) else 2)
            else None
        )

    def _bounded(self, quantity: Quantity) -> bool:
        """Whether the number is an upper bound: `at most 5`, `no more than 5`."""
        before = [self._lower(quantity.first - back) for back in (1, 2, 3)]
        return before[0] in ("max", "most", "maximum") or before[:2] in (
            ["to", "up"],
            ["than", "more"],
        )

    def _named_before(self, quantity: Quantity, profile: Profile, *, within: int = 4) -> bool:
        """Whether the question is named right before the number: `port 8080`, `ttl: 30`."""
        words = self.scene.reading.words
        for at in range(quantity.first - 1, max(-1, quantity.first - 1 - within), -1):
            if words[at].sentence != words[quantity.first].sentence:
                return False
            if profile.weights.get(words[at].stem, 0.0) >= 0.75:
                return True
        return False

    def _evidence(self, quantity: Quantity, profile: Profile) -> Iterator[tuple[float, int]]:
        """The words around that speak for the question, each stem once, the nearest."""
        words = self.scene.reading.words
        sentence, clause = words[quantity.first].sentence, words[quantity.first].clause
        best: dict[str, tuple[float, int]] = {}
        refers = "them" in quantity.nouns or self._answers(quantity)
        for at in range(max(0, quantity.first - _FAR), min(len(words), quantity.last + _FAR)):
            word = words[at]
            meant = self.slips.get(word.stem, word.stem)
            weight = profile.weights.get(meant) or profile.weights.get(f"={word.lower}", 0.0)
            inside = quantity.first <= at <= quantity.last
            here = word.sentence == sentence or (refers and word.sentence == sentence - 1)
            if not weight or not here or inside or word.owner:
                continue
            apart = abs(word.clause - clause) + self._joined_between(quantity, at)
            apart = 0 if word.sentence != sentence else apart
            far = quantity.first - at if at < quantity.first else at - quantity.last
            weight *= _decay(far, apart) * (0.5 if self._other_between(quantity, at) else 1.0)
            if weight > best.get(meant, (0.0, 0))[0]:
                best[meant] = (weight, at)
        for at, weight in self.phrases.get(profile.name, {}).items():
            if words[at].sentence == sentence:
                far = max(quantity.first - at, at - quantity.last)
                best[str(at)] = (weight * _decay(far, abs(words[at].clause - clause)), at)
        return iter(best.values())

    def _answers(self, quantity: Quantity) -> bool:
        """Whether the number's sentence is only a few words, which answer the one before."""
        words = self.scene.reading.words
        near = words[max(0, quantity.first - 4) : quantity.last + 5]
        short = sum(word.sentence == words[quantity.first].sentence for word in near) < 5
        return short and self._lower(quantity.first - 1) in (
            "yes",
            "to",
            "than",
            "make",
            "sure",
            "",
        )

    def _joined_between(self, quantity: Quantity, at: int) -> bool:
        """Whether an `and` stands between: what is beyond it is another statement."""
        begin, end = (at, quantity.first) if at < quantity.first else (quantity.last, at)
        between = self.scene.reading.words[begin + 1 : end]
        return any(word.lower in ("and", "then", "plus") for word in between)

    def _other_between(self, quantity: Quantity, at: int) -> bool:
        low, high = min(at, quantity.first), max(at, quantity.last)
        return any(
            low < other.first < high and other.first != quantity.first for other in self.quantities
        )

    def _replaces(self, pair: Pair, held: Pair) -> bool:
        later = pair.quantity.first > held.quantity.first
        return later and corrected(self.scene.reading, pair.quantity.first)

    def _carry_corrections(self, found: dict[str, Pair], used: set[int]) -> None:
        """`five minutes. Sorry, I meant eight minutes`: a number that only corrects one."""
        for quantity in self.quantities:
            if quantity.first in used or not corrected(self.scene.reading, quantity.first):
                continue
            before = [
                pair
                for pair in found.values()
                if pair.quantity.first < quantity.first
                and pair.quantity.dimension == quantity.dimension
            ]
            held = max(before, key=lambda pair: pair.quantity.first, default=None)
            value = None if held is None else _value(quantity, held.profile)
            if held is not None and value is not None and self._next_sentence(held, quantity):
                found[held.profile.name] = Pair(
                    score=0.9,
                    quantity=quantity,
                    profile=held.profile,
                    value=value,
                    evidence=quantity.first,
                )

    def _next_sentence(self, held: Pair, quantity: Quantity) -> bool:
        words = self.scene.reading.words
        return words[quantity.first].sentence - words[held.quantity.first].sentence <= 2

    def _finding(self, pair: Pair, pairs: list[Pair]) -> Finding:
        rivals = [
            other.score
            for other in pairs
            if other.quantity is pair.quantity and other.profile is not pair.profile
        ]
        sure = 0.95 if pair.score >= 1 else 0.9 if pair.score >= 0.8 else 0.75
        if pair.score - max(rivals, default=0.0) < 0.1:
            sure -= 0.2
        first = min(pair.evidence, pair.quantity.first)
        last = max(pair.evidence, pair.quantity.last)
        return Finding(value=pair.value, confidence=round(sure, 3), first=first, last=last)

    def _lower(self, index: int) -> str:
        return self.scene.reading.words[index].lower if index >= 0 else ""


def _decay(far: int, apart: int) -> float:
    near = 1.0 if far <= 2 else 0.9 if far <= 4 else 0.75 if far <= 8 else 0.6
    return near * (1.0 if apart == 0 else 0.75 if apart == 1 else 0.5)


def _value(quantity: Quantity, profile: Profile) -> Json:
    """The quantity in the question's unit; None where it has another or does not come out whole."""
    unit = profile.unit
    value = quantity.value
    if quantity.dimension:
        if unit is None or unit.dimension != quantity.dimension:
            return None
        value /= unit.scale
    if profile.question.type == "float":
        return value
    return round(value) if abs(value - round(value)) < 1e-9 else None
