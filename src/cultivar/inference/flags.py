"""Yes-or-no questions, answered from a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cultivar.inference.findings import Finding
from cultivar.inference.lexicon import NOISE, concepts_of
from cultivar.inference.mentions import Mention
from cultivar.inference.negation import answered, negated
from cultivar.inference.profiles import Profile, Term
from cultivar.inference.scene import Scene, Standing

_BY_STANDING: Final[dict[Standing, float]] = {"firm": 0.95, "plain": 0.85, "weak": 0.4, "none": 0.0}
_TYPO: Final = 0.15
_ENOUGH_WORDS: Final = 3


def flag_findings(
    scene: Scene, profile: Profile, mentions: list[Mention[tuple[str, Term]]]
) -> Iterator[Finding]:
    """What the task says on the yes-or-no question of `profile`."""
    found = False
    for mention in mentions:
        finding = _finding(scene, mention)
        if finding is not None:
            found = True
            yield finding
    if not found:
        yield from _by_help(scene, profile)


def _finding(scene: Scene, mention: Mention[tuple[str, Term]]) -> Finding | None:
    term = mention.key[1]
    denied, begin = negated(scene.reading, mention.first, mention.last)
    confidence = _confidence(scene, mention, denied=denied)
    if confidence <= 0:
        return None
    return Finding(
        value=denied is term.opposite,
        confidence=round(confidence, 3),
        first=begin,
        last=mention.last,
    )


def _confidence(scene: Scene, mention: Mention[tuple[str, Term]], *, denied: bool) -> float:
    if answered(scene.reading, mention.last) is not None:
        standing: Standing = "firm"
    else:
        standing = scene.standing(mention.first, mention.last)
    if denied and standing in ("plain", "weak"):
        standing = "firm"
    sure = _BY_STANDING[standing] * (0.6 + 0.4 * mention.key[1].strength)
    return sure - _TYPO * mention.typo if sure else 0.0


def _by_help(scene: Scene, profile: Profile) -> Iterator[Finding]:
    """A sentence that says much of what the question's help says asks for it."""
    telling = {word: word for word in profile.help_words - NOISE}
    for said in tuple(telling):
        near = (phrase for concept in concepts_of((said,)) for phrase in concept.words)
        telling.update({phrase[0]: said for phrase in near if len(phrase) == 1})
    words = scene.reading.words
    by_sentence: dict[int, dict[str, int]] = {}
    for index, word in enumerate(words):
        if word.stem in telling and index not in scene.subjects and len(word.stem) > 2:
            by_sentence.setdefault(word.sentence, {}).setdefault(telling[word.stem], index)
    for seen in by_sentence.values():
        first, last = min(seen.values()), max(seen.values())
        if len(seen) >= _ENOUGH_WORDS and last - first < 14 and not scene.denies(first, last):
            yield Finding(value=True, confidence=0.65, first=first, last=last)
