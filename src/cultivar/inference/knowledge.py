"""What is known of a template before any task: worked out once, kept while the process lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from cultivar.inference.mentions import Index
from cultivar.inference.options import Offer, offers_of, value_terms
from cultivar.inference.profiles import Profile, Profiles, Term, profiles_of
from cultivar.inference.words import stem
from cultivar.templating.template import Template

Key: TypeAlias = tuple[str, Term]
"""A question's name, and a phrase that speaks of it or of one of its choices."""

_KEPT: Final = 64
"""Templates of which it is kept."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What speaks of the questions of one template; equal where the template's files are."""

    template: Template

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Knowledge):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, int]:
        """The template's address by content; of one that has none, the object itself."""
        hashed = self.template.ref.tree_hash
        return hashed, 0 if hashed else id(self.template)

    @cached_property
    def profiles(self) -> Profiles:
        """What speaks of each question."""
        return profiles_of(self.template)

    @cached_property
    def offers(self) -> Mapping[str, tuple[Offer, ...]]:
        """What stands for the choices, by the question's name, where they are written down."""
        return {
            profile.name: offers_of(profile.question.choices, self.about(profile))
            for profile in self.profiles.of("option", "options")
            if not isinstance(profile.question.choices, str)
        }

    def about(self, profile: Profile) -> frozenset[str]:
        """Words that tell no choice, since they are about the question or about the template."""
        own = {word for term in profile.terms if term.strength == 1.0 for word in term.phrase}
        named = {stem(word) for word in (*self.template.keywords, self.template.language)}
        return frozenset({*own, *named})

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """What speaks of the yes-or-no questions and of those with choices."""
        return tuple(
            (profile.name, term)
            for profile in self.profiles.of("flag", "option", "options")
            for term in (*profile.terms, *value_terms(self.offers.get(profile.name, ())))
        )

    @cached_property
    def index(self) -> Index[Key]:
        """The phrases of `keys`, to be found in a task."""
        return Index((key[1].phrase, key) for key in self.keys)

    @cached_property
    def amount_words(self) -> Index[str]:
        """The words that speak of the questions for numbers."""
        amounts = self.profiles.of("amount")
        return Index(((word,), word) for profile in amounts for word in profile.weights)

    @cached_property
    def amount_phrases(self) -> Index[Key]:
        """The phrases of several words that speak of the questions for numbers."""
        keys: list[Key] = [
            (profile.name, term)
            for profile in self.profiles.of("amount")
            for term in profile.terms
            if len(term.phrase) > 1
        ]
        return Index((key[1].phrase, key) for key in keys)


def knowledge_of(template: Template) -> Knowledge:
    """What is known of `template`."""
    return _kept(Knowledge(template))


@lru_cache(maxsize=_KEPT)
def _kept(knowledge: Knowledge) -> Knowledge:
    return knowledge
