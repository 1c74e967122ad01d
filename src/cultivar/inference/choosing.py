"""Which template a task asks for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cultivar.inference.lexicon import MARKS, NOISE, concepts_of
from cultivar.inference.mentions import Index, Mention, longest
from cultivar.inference.negation import negated
from cultivar.inference.profiles import content, plain_help
from cultivar.inference.reading import Reading, read
from cultivar.inference.words import split, stem, stems
from cultivar.record import Record
from cultivar.templating.template import Question, Template

_LEAST: Final = 0.8
"""A best score below it means that no template fits."""
_LEAD: Final = 1.15
"""How much better than the next the best must be, else the two fit equally."""
_SAYS_NOTHING: Final = frozenset({"production", "grade", "template", "quality", "code", "test"})


class Ranked(Record):
    """A template, and how well a task's words ask for it."""

    template: Template
    score: float
    confidence: float
    """0 to 1: how sure it is that this is the one that is meant."""
    words: tuple[str, ...]
    """The task's words that it goes by."""
    confident: bool = False
    """Whether it may be taken unasked; False where none fits, or two fit equally."""


def choose(task: str, templates: Sequence[Template]) -> tuple[Ranked, ...]:
    """Rank `templates` by how well the words of `task` ask for them, the best first.

    Only the first is ever `confident`. A single template is, where the task does not speak
    against it.
    """
    reading = read(task)
    weighed = [_weights(template) for template in templates]
    rarity = _rarity(weighed)
    scored = [
        _score(reading, template, {w: weight * rarity[w] for w, weight in weights.items()})
        for template, weights in zip(templates, weighed, strict=True)
    ]
    order = sorted(range(len(scored)), key=lambda at: (-scored[at][0], templates[at].ref.id))
    total = sum(math.exp(2 * score) for score, _ in scored)
    best = [scored[at][0] for at in order[:2]]
    return tuple(
        Ranked(
            template=templates[at],
            score=round(scored[at][0], 3),
            confidence=round(_sure(scored[at][0], total), 3),
            words=scored[at][1],
            confident=place == 0 and _leads(best),
        )
        for place, at in enumerate(order)
    )


def _leads(best: list[float]) -> bool:
    if best[0] < _LEAST:
        return False
    return len(best) == 1 or best[0] >= best[1] * _LEAD + 0.05


def _sure(score: float, total: float) -> float:
    return math.exp(2 * score) / total * min(1.0, score / _LEAST)


def _weights(template: Template) -> dict[tuple[str, ...], float]:
    """The phrases that ask for a template, and how much each counts."""
    found: dict[tuple[str, ...], float] = {}
    for phrase, weight in _phrases(template):
        if phrase and not set(phrase) <= _SAYS_NOTHING:
            found[phrase] = max(weight, found.get(phrase, 0.0))
    return found


def _phrases(template: Template) -> Iterator[tuple[tuple[str, ...], float]]:
    if template.language:
        yield (stem(template.language),), 2.0
        yield from (((stem(word),), 1.2) for word in MARKS.get(template.language.lower(), ()))
    for word in template.keywords:
        yield stems(word), 1.5
    for word in split(template.ref.id.replace(":", " ")):
        yield (stem(word),), 1.0
    for word in _telling(template.description):
        yield (stem(word),), 0.8
    for question in template.questions:
        yield from _question_phrases(question)


def _question_phrases(question: Question) -> Iterator[tuple[tuple[str, ...], float]]:
    phrase = content(question.name)
    yield phrase, 1.0
    for concept in concepts_of(phrase):
        yield from ((other, 0.8) for other in concept.words | concept.opposites)
    for word in (*phrase, *(stem(each) for each in question.keywords)):
        yield (word,), 0.6
    for word in _telling(plain_help(question)):
        yield (stem(word),), 0.4
    if not isinstance(question.choices, str):
        for choice in question.choices:
            yield stems(str(choice.value)), 0.8
            yield stems(choice.label), 0.8


def _telling(text: str) -> list[str]:
    return [word for word in split(text) if word.isalpha() and word.lower() not in NOISE]


def _rarity(weighed: Sequence[Mapping[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    """How much a phrase tells the templates apart: all have it, it tells nothing."""
    mass: Counter[tuple[str, ...]] = Counter()
    for weights in weighed:
        mass.update(dict.fromkeys(weights, 1))
    several = len(weighed) > 1
    return {
        phrase: 1.0 if count == 1 else 0.15 + 0.85 * (1 - count / len(weighed)) if several else 1.0
        for phrase, count in mass.items()
    }


def _score(
    reading: Reading, template: Template, weights: Mapping[tuple[str, ...], float]
) -> tuple[float, tuple[str, ...]]:
    index = Index((phrase, phrase) for phrase in weights)
    best: dict[tuple[str, ...], Mention[tuple[str, ...]]] = {}
    for mention in longest(index.find(reading), weights):
        if not negated(reading, mention.first, mention.last)[0] or _of_question(template, mention):
            best.setdefault(mention.key, mention)
    gains = sorted(
        (weights[key] * (0.7 if m.typo else 1.0) for key, m in best.items()), reverse=True
    )
    words = tuple(dict.fromkeys(reading.quote(m.first, m.last) for m in best.values()))
    return sum(gain / (1 + 0.15 * place) for place, gain in enumerate(gains)), words


def _of_question(template: Template, mention: Mention[tuple[str, ...]]) -> bool:
    """Whether the phrase is an option's: who says `no cache` speaks of one that has a cache."""
    return any(mention.key == content(question.name) for question in template.questions)
