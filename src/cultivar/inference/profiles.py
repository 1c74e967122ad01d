"""What in a task speaks of a question: worked out from the question as its template has it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from cultivar.inference.lexicon import (
    FUNCTION_WORDS,
    GENERIC,
    HEADS,
    NOISE,
    Phrase,
    concepts_of,
)
from cultivar.inference.quantities import UNITS, Unit, unit_of
from cultivar.inference.words import kin, split, stem, stems
from cultivar.record import Record, field, replace
from cultivar.templating.template import Choice, Question, Template

Role = Literal["flag", "option", "options", "amount", "text", "other"]
"""How a question is answered: yes or no, one of some, several of some, a number, words."""

_WORD: Final = re.compile(r"[^\W\d_][\w'-]*")
_JINJA: Final = re.compile(r"\{[{%#].{0,400}?[}%#]\}", re.DOTALL)
_ASIDE: Final = re.compile(r"\(([^()]{1,60})\)")
_OBJECT: Final = re.compile(
    r"\b(?:have|has|emit|expose|use|include|be|add|support|provide|need|want|enable|ship|serve|"
    r"generate|keep|run|contain)\b\s+(?:with\s+)?(?:(?:a|an|the|its|any|some)\s+)?"
    r"([^,.;:?()]{2,60})",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(r"\bhow many ([^\W\d_]+)(?: ([^\W\d_]+))?", re.IGNORECASE)
_WHEN: Final = re.compile(r"^\s*(?:\{\{)?\s*(?P<tests>[^{}]{1,300}?)\s*(?:\}\})?\s*$")
_TEST: Final = re.compile(
    r"^(?P<negated>not\s+)?(?P<name>[A-Za-z_]\w*)"
    r"(?:\s*(?P<operator>==|!=|is)\s*(?P<value>'[^']*'|\"[^\"]*\"|true|false|True|False))?$"
)


class Term(Record):
    """A phrase that speaks of a question."""

    phrase: Phrase
    strength: float
    """How surely: 1 for the question's own name, less for a synonym."""
    opposite: bool = False
    """It speaks of the question by its opposite: `synchronous` of `async`."""
    offer: int = -1
    """It stands for the choice of this number; -1: it speaks of the question itself."""


class Parent(Record):
    """What another question must be answered with for this one to be asked."""

    name: str
    value: bool | str


class Profile(Record):
    """A question, and what speaks of it."""

    question: Question
    role: Role
    terms: tuple[Term, ...]
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    """Of a number: stems that are evidence for it, and how much."""
    counted: frozenset[str] = frozenset()
    """Of a number: the stems of what it counts."""
    unit: Unit | None = None
    parents: tuple[Parent, ...] = ()
    help_words: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The question's name."""
        return self.question.name


class Profiles(Record):
    """The profiles of a template's questions."""

    all: tuple[Profile, ...]
    vocabulary: frozenset[str]
    """Stems of all words that the template uses for its questions and for itself."""

    def of(self, *roles: Role) -> tuple[Profile, ...]:
        """Those that are answered in one of the ways of `roles`."""
        return tuple(profile for profile in self.all if profile.role in roles)


def profiles_of(template: Template) -> Profiles:
    """Work out what speaks of each question of `template` that may be inferred."""
    open_ones = [each for each in template.questions if each.when is not False and not each.secret]
    shared = Counter(word for each in open_ones for word in set(_said(each)))
    drafts = tuple(_profile(question, shared) for question in open_ones)
    by_name = {profile.name: profile for profile in drafts}
    found = tuple(_with_weights(profile, by_name, shared) for profile in drafts)
    return Profiles(all=found, vocabulary=_vocabulary(template, open_ones))


def plain_help(question: Question) -> str:
    """The help of a question without what Jinja would put in."""
    return _JINJA.sub(" ", question.help)


def content(name: str) -> tuple[str, ...]:
    """The stems of a name's words that say what it is about."""
    kept = [part for part in split(name) if part.lower() not in NOISE]
    return tuple(stem(part) for part in kept)


def role_of(question: Question) -> Role:
    """How `question` is answered."""
    if question.choices:
        return "options" if question.multiselect else "option"
    kinds: dict[str, Role] = {"bool": "flag", "int": "amount", "float": "amount", "str": "text"}
    return kinds.get(question.type, "other")


def _profile(question: Question, shared: Counter[str]) -> Profile:
    role = role_of(question)
    help_words = frozenset(_content_of(plain_help(question)))
    return Profile(
        question=question,
        role=role,
        terms=tuple(_merged(_terms(question, role, shared))),
        counted=_counted(question) if role == "amount" else frozenset(),
        unit=_unit(question) if role == "amount" else None,
        parents=parents_of(question),
        help_words=help_words,
    )


def _terms(question: Question, role: Role, shared: Counter[str]) -> Iterator[Term]:
    named = list(_name_phrases(question, role, shared))
    spoken = [*named, *((_keyword(word), 1.0) for word in question.keywords)]
    if role == "flag":
        spoken += [(phrase, 0.95) for phrase in _help_phrases(question, shared)]
    for phrase, strength in spoken:
        yield Term(phrase=phrase, strength=strength)
        yield from _related(phrase, strength, opposites=role == "flag")


def _keyword(word: str) -> Phrase:
    """A keyword's phrase; of a participle only that form: `documented` is not `document`."""
    exact = word.lower().endswith("ed") and len(stems(word)) == 1
    return (f"={word.lower()}",) if exact else stems(word)


def _related(phrase: Phrase, strength: float, *, opposites: bool) -> Iterator[Term]:
    for place, word in enumerate(phrase):
        for other in kin(word):
            yield Term(
                phrase=(*phrase[:place], other, *phrase[place + 1 :]), strength=0.9 * strength
            )
    for concept in concepts_of(phrase):
        for near in concept.words - {phrase}:
            yield Term(phrase=near, strength=0.9 * strength)
        for far in concept.opposites if opposites else ():
            yield Term(phrase=far, strength=0.9 * strength, opposite=True)


def _name_phrases(
    question: Question, role: Role, shared: Counter[str]
) -> Iterator[tuple[Phrase, float]]:
    full = list(content(question.name))
    if role == "amount":
        full = [word for word in full if word not in UNITS and word not in ("max", "min")]
    if not full:
        return
    telling = [word for word in full if word not in GENERIC]
    if role != "amount" and len(whole := stems(question.name)) > 1:
        yield whole, 1.0
    alone = len(full) > 1 or full[0] not in GENERIC or role in ("flag", "option", "options")
    if alone:
        yield tuple(full), 1.0
    if telling and telling != full:
        yield tuple(telling), 0.95 if len(telling) > 1 or role != "flag" else 0.85
    last = (telling or full)[-1:]
    if len(telling) > 1 and shared[last[0]] < 2 and last[0] not in HEADS:
        yield tuple(last), 0.8


def _help_phrases(question: Question, shared: Counter[str]) -> Iterator[Phrase]:
    """The things that a yes-or-no question names in its help."""
    text = plain_help(question)
    for aside in _ASIDE.findall(text):
        yield from (stems(part) for part in re.split(r",|/| or | and ", aside) if _telling(part))
    found = _OBJECT.search(_ASIDE.sub(" ", text))
    if found is None:
        return
    phrase: list[str] = []
    for word in _WORD.findall(found.group(1)):
        if word.lower() in NOISE or word.lower() in ("what", "each", "every", "all", "once"):
            break
        phrase.extend(stems(word))
    participle = found.group(1).split()[0].lower().endswith("ed")
    known = [word for word in phrase if word not in GENERIC and shared[word] < 3]
    if known and len(phrase) < 4 and not (len(phrase) == 1 and participle):
        yield tuple(phrase)


def _telling(text: str) -> bool:
    words = _content_of(text)
    return 0 < len(words) < 4 and any(word not in GENERIC for word in words)


def _merged(terms: Iterable[Term]) -> Iterator[Term]:
    best: dict[Phrase, Term] = {}
    for term in terms:
        if term.phrase and (term.phrase not in best or term.strength > best[term.phrase].strength):
            best[term.phrase] = term
    return iter(best.values())


def _content_of(text: str) -> list[str]:
    return [
        stem(part)
        for word in _WORD.findall(text)
        for part in word.split("-")
        if part and part.lower() not in NOISE
    ]


def _said(question: Question) -> list[str]:
    return [*content(question.name), *(word for each in question.keywords for word in stems(each))]


def _counted(question: Question) -> frozenset[str]:
    """What a number counts: `entries` of `how many entries`."""
    found: set[str] = set()
    for first, second in _COUNTED.findall(plain_help(question)):
        if unit_of(first) is None:
            found |= {stem(first)} if first.lower() not in NOISE else {stem(second)}
    last = [word for word in content(question.name) if word not in GENERIC][-1:]
    found |= {word for word in last if word not in UNITS}
    related = {
        phrase[0].removeprefix("=")
        for word in found
        for concept in concepts_of((word,))
        for phrase in concept.words
        if len(phrase) == 1
    }
    return frozenset({*found, *(stem(word) for word in related)} - {""})


def _unit(question: Question) -> Unit | None:
    """The unit of a number: declared, or the end of its name, or what its help counts in."""
    if question.unit:
        return unit_of(question.unit)
    if "per" in split(question.name):
        return None
    last = split(question.name)[-1:]
    if last and (found := unit_of(last[0])) is not None and len(last[0]) > 1:
        return found
    for word in _WORD.findall(plain_help(question)):
        if (found := UNITS.get(word.lower())) and len(word) > 1 and word != "second":
            return found
    return None


def parents_of(question: Question) -> tuple[Parent, ...]:
    """The answers that `when` asks for, where it is a plain conjunction of tests."""
    if not isinstance(question.when, str):
        return ()
    match = _WHEN.match(question.when)
    tests = [_TEST.match(test.strip()) for test in match["tests"].split(" and ")] if match else []
    return (
        tuple(
            Parent(name=test["name"], value=_tested(test))
            for test in tests
            if test is not None and test["operator"] != "!="
        )
        if all(tests)
        else ()
    )


def _tested(test: re.Match[str]) -> bool | str:
    value = test["value"]
    if value is None or value.lower() in ("true", "false"):
        wanted = value is None or value.lower() == "true"
        return wanted is not bool(test["negated"])
    return value[1:-1]


def _with_weights(profile: Profile, others: Mapping[str, Profile], shared: Counter[str]) -> Profile:
    if profile.role != "amount":
        return profile
    weights: dict[str, float] = {}

    def weigh(words: Iterable[str], weight: float) -> None:
        for word in words:
            weights[word] = max(weight, weights.get(word, 0.0))

    weigh((w for w in profile.help_words if w not in GENERIC), 0.35)
    for parent in profile.parents:
        if parent.name in others:
            weigh((w for t in others[parent.name].terms for w in t.phrase), 0.5)
    weigh((w for w in content(profile.name) if w not in UNITS and w not in GENERIC), 0.5)
    weigh((w for t in profile.terms if len(t.phrase) > 1 for w in t.phrase), 0.5)
    weigh(profile.counted, 0.9)
    for term in profile.terms:
        if len(term.phrase) == 1:
            weigh(term.phrase, term.strength)
    for word in list(weights):
        if shared[word] > 1 and weights[word] > 0.5:
            weights[word] = 0.5
    dull = UNITS.keys() | FUNCTION_WORDS | NOISE | {stem("time"), "read", "back", "down"}
    kept = {w: weight for w, weight in weights.items() if w not in dull and len(w) > 2}
    return replace(profile, weights=kept)


def _vocabulary(template: Template, questions: Iterable[Question]) -> frozenset[str]:
    found = {stem(word) for word in (*template.keywords, template.language) if word}
    for question in questions:
        found.update(_said(question))
        found.update(_content_of(plain_help(question)))
        if not isinstance(question.choices, str):
            for choice in question.choices:
                found.update(choice_stems(choice))
    return frozenset(found)


def choice_stems(choice: Choice) -> tuple[str, ...]:
    """The stems of a choice's label and value."""
    return (*stems(choice.label), *stems(str(choice.value)))
