"""The built-in inferrer: a template's answers from the words of a task, without a model.

The invariant: what a user gave stays as it is, and each answer says what it went by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from cultivar.inference.amounts import Amounts
from cultivar.inference.findings import SURE, Finding, holding
from cultivar.inference.flags import flag_findings
from cultivar.inference.knowledge import Key, Knowledge, knowledge_of
from cultivar.inference.lexicon import FUNCTION_WORDS
from cultivar.inference.mentions import Index, Mention, longest
from cultivar.inference.naming import Names
from cultivar.inference.negation import negated
from cultivar.inference.options import (
    Offer,
    OptionReader,
    is_everyday,
    offers_of,
    option_finding,
    value_terms,
)
from cultivar.inference.profiles import Profile, Profiles
from cultivar.inference.quantities import Quantity, quantities
from cultivar.inference.reading import Reading, read
from cultivar.inference.scene import Scene
from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, replace
from cultivar.templating.questions.asking import AskedQuestion, OfferedChoice
from cultivar.templating.questions.interview import Propose, interview, nothing
from cultivar.templating.template import Template

_IMPLIED = 0.95
_SURE_NAME = 0.94
"""Surer than this is only what goes by a question's own name."""


def infer(
    task: str,
    template: Template,
    given: Mapping[str, object],
    learned: Propose = nothing,
) -> Answers:
    """Answer the questions of `template`: given, then from the task, then learned, then default.

    A question that nothing answers is left out; a person may be asked it.

    Args:
        task: What is asked for, in a person's words.
        template: The template whose questions are answered.
        given: The user's own answers, by the questions' names; they stay as they are.
        learned: What earlier generations speak for, for each question as it is asked.

    Raises:
        AnswerError: A given answer is refused.
        NotKnownError: A name in `given` is no question of the template's.
        TemplateError: A text of the template's cannot be rendered.
    """
    return interview(template, given, proposer(task, template, learned), complete=False)


def proposer(task: str, template: Template, learned: Propose = nothing) -> Propose:
    """What `infer` proposes for each question, as it is asked."""
    insight = Insight(task=task, template=template)

    def propose(asked: AskedQuestion) -> Answer | None:
        return insight.answer(asked) or learned(asked)

    return propose


class Insight(Record, dict=True):
    """What a task says on the questions of a template."""

    task: str
    template: Template

    def answer(self, asked: AskedQuestion) -> Answer | None:
        """What the task says on a question, as it is asked; None where it says nothing."""
        if asked.secret:
            return None
        finding = self.findings.get(asked.name)
        profile = next((p for p in self.profiles.all if p.name == asked.name), None)
        if profile is not None and isinstance(profile.question.choices, str) and asked.choices:
            finding = self._option_now(profile, asked.choices)
        if finding is None or finding.confidence < SURE:
            return None
        return Answer(
            name=asked.name,
            value=finding.value,
            source="task",
            confidence=finding.confidence,
            evidence=finding.quoted(self.reading),
        )

    @cached_property
    def reading(self) -> Reading:
        """The task, read."""
        return read(self.task)

    @cached_property
    def profiles(self) -> Profiles:
        """What speaks of each question."""
        return self._knowledge.profiles

    @cached_property
    def _knowledge(self) -> Knowledge:
        return knowledge_of(self.template)

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """What was found, by the question's name, implied answers among it."""
        found = dict(self._direct())
        amounts = self._amounts({name: each.value for name, each in found.items()})
        found = {n: each for n, each in found.items() if not self._part_of_amount(n, each, amounts)}
        found.update(amounts)
        return {**found, **self._implied(found)}

    def _part_of_amount(self, name: str, finding: Finding, amounts: Mapping[str, Finding]) -> bool:
        """Whether the words of `finding` are those of another question's number."""
        said = {word.stem for word in self.reading.words[finding.first : finding.last + 1]}
        return any(
            each.first <= finding.first <= finding.last <= each.last
            and finding.confidence < _SURE_NAME
            and said <= profile.help_words | set(FUNCTION_WORDS)
            and name not in {parent.name for parent in profile.parents}
            for profile in self.profiles.of("amount")
            if (each := amounts.get(profile.name)) is not None
        )

    def _direct(self) -> Iterator[tuple[str, Finding]]:
        for profile in self.profiles.all:
            finding: Finding | None = None
            if profile.role == "flag":
                said = flag_findings(self._scene, profile, self._of(profile))
                finding = holding(self.reading, said)
            elif profile.role in ("option", "options"):
                finding = self._option(profile)
            if finding is not None:
                yield profile.name, finding
        yield from Names(reading=self.reading, profiles=self.profiles.of("text")).findings().items()

    def _option(self, profile: Profile) -> Finding | None:
        return self._chosen(profile, self._knowledge.offers.get(profile.name, ()), self._mentions)

    def _option_now(self, profile: Profile, choices: tuple[OfferedChoice, ...]) -> Finding | None:
        """What the task says on a question whose choices are known only as it is asked."""
        offers = offers_of(choices, self._knowledge.about(profile))
        keys: list[Key] = [(profile.name, term) for term in value_terms(offers)]
        found = Index((key[1].phrase, key) for key in keys).find(self.reading)
        values = longest(found, {key: key[1].strength for key in keys})
        return self._chosen(profile, offers, [*self._mentions, *values])

    def _chosen(
        self, profile: Profile, offers: tuple[Offer, ...], mentions: list[Mention[Key]]
    ) -> Finding | None:
        own = [mention for mention in mentions if mention.key[0] == profile.name]
        reader = OptionReader(
            scene=self._scene,
            profile=profile,
            topics=[mention for mention in own if mention.key[1].offer < 0],
            values=[mention for mention in own if mention.key[1].offer >= 0],
            offers=offers,
        )
        return option_finding(reader)

    def _amounts(self, said: Mapping[str, Json]) -> dict[str, Finding]:
        flags = self.profiles.of("flag")
        words = self.reading.words
        spoken = {
            p.name: frozenset(
                words[m.first].sentence
                for m in self._of(p)
                if not negated(self.reading, m.first, m.last)[0]
            )
            for p in flags
        }
        amounts = self.profiles.of("amount")
        return Amounts(
            scene=self._scene,
            quantities=self._quantities,
            profiles=amounts,
            said=said,
            phrases=self._phrases(),
            slips=self._knowledge.amount_words.slips(self.reading),
            spoken_of=spoken,
        ).findings()

    def _phrases(self) -> dict[str, dict[int, float]]:
        """Where phrases of several words speak of the questions for numbers."""
        found: dict[str, dict[int, float]] = {}
        for mention in self._knowledge.amount_phrases.find(self.reading):
            name, term = mention.key
            found.setdefault(name, {})[mention.last] = term.strength
        return found

    def _implied(self, found: Mapping[str, Finding]) -> dict[str, Finding]:
        """What must be so for a question that the task answers to be asked at all."""
        implied: dict[str, Finding] = {}
        for profile in reversed(self.profiles.all):
            finding = implied.get(profile.name) or found.get(profile.name)
            if finding is None or finding.confidence < 0.7:
                continue
            for parent in profile.parents:
                if parent.name not in found and parent.name not in implied:
                    implied[parent.name] = replace(
                        finding,
                        value=parent.value,
                        confidence=round(finding.confidence * _IMPLIED, 3),
                    )
        return implied

    def _of(self, profile: Profile) -> list[Mention[Key]]:
        return [mention for mention in self._mentions if mention.key[0] == profile.name]

    @cached_property
    def _quantities(self) -> tuple[Quantity, ...]:
        return quantities(self.reading)

    @cached_property
    def _mentions(self) -> list[Mention[Key]]:
        """Where the yes-or-no questions and those with choices are spoken of."""
        known = self._knowledge
        found = known.index.find(self.reading)
        return longest(found, {key: _claim(key) for key in known.keys}, _allied)

    @cached_property
    def _scene(self) -> Scene:
        spoken = {i for m in self._mentions for i in range(m.first, m.last + 1)}
        return Scene(
            reading=self.reading,
            vocabulary=self.profiles.vocabulary,
            spoken=frozenset(spoken),
        )


def _claim(key: Key) -> float:
    """How strongly a phrase claims the words that it is found in."""
    term = key[1]
    return 0.5 if term.offer >= 0 and is_everyday(term.phrase) else term.strength


def _allied(one: Key, other: Key) -> bool:
    """Whether the two are a question and one of its own choices."""
    return one[0] == other[0] and (one[1].offer < 0) is not (other[1].offer < 0)
