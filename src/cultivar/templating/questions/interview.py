"""The interview: a template's questions in their order, each under the answers before it.

The invariant: no value of a secret ever gets into an `Answer`, nor into what later questions are
computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeAlias

from cultivar.errors import NotKnownError
from cultivar.model import Answer, Answers, Json, OpenQuestion
from cultivar.record import Record, field, replace
from cultivar.templating.jinja.context import ExternalData, context_of
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.questions.asking import AskedQuestion, Asker, placeholder_for
from cultivar.templating.template import Question, Template
from cultivar.tree import Entry

Propose: TypeAlias = Callable[[AskedQuestion], "Answer | None"]
"""Infers an answer; None where nothing speaks for one."""


def nothing(asked: AskedQuestion) -> Answer | None:
    """Propose no answer."""
    return None


class Interview(Record):
    """The questions of a template, asked for one destination."""

    template: Template
    folder_name: str = ""
    """Of the folder in which the result will stand."""
    existing: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    """The files that stand there, for templates with `_external_data`."""

    def answers(
        self,
        given: Mapping[str, object],
        propose: Propose = nothing,
        *,
        complete: bool = True,
    ) -> Answers:
        """Answer all questions: see `interview`."""
        values = known_names(self.template, given)
        return _Walk(interview=self, given=values, propose=propose).answers(complete=complete)

    def secret_values(self, given: Mapping[str, object], answers: Answers = ()) -> dict[str, Json]:
        """The real values of secrets: see `secret_values`."""
        pinned = {
            each.name: each.value
            for each in answers
            if not (each.secret or each.computed or each.source == "default")
        }
        values = known_names(self.template, {**pinned, **given})
        walk = _Walk(interview=self, given=values)
        shown = {each.name: each.value for each in walk.answers(complete=False)}
        revealed = replace(walk, reveal=True).answers(complete=False)
        secret = {each.name for each in revealed if each.secret and each.name in values}
        return {
            each.name: each.value
            for each in revealed
            if each.name in secret or each.value != shown.get(each.name)
        }

    def asked(self, answers: Answers) -> tuple[AskedQuestion, ...]:
        """The questions that a person may be asked under `answers`, as they are asked then."""
        askers = (self.asker(question, answers) for question in self.template.questions)
        asked = (asker.asked() for asker in askers if asker.visible)
        return tuple(each for each in asked if each.ask)

    def asker(self, question: Question, answers: Answers) -> Asker:
        """Who asks `question` after `answers`."""
        template, rules = self.template, self.template.rules
        environment = environment_of(rules, template.tree, trusted=template.ref.trusted)
        context = context_of(template, answers, secrets={}, folder_name=self.folder_name)
        context["_copier_phase"] = "prompt"
        context["_external_data"] = ExternalData(
            rules.external_data,
            lambda text: render_text(environment, text, context),
            self.existing,
        )
        asker = Asker(environment=environment, question=question, context=context, answers=answers)
        if not question.type_template:
            return asker
        return replace(asker, question=replace(question, type=asker.rendered_type()))


def interview(
    template: Template,
    given: Mapping[str, object],
    propose: Propose = nothing,
    *,
    complete: bool = True,
    folder_name: str = "",
) -> Answers:
    """Answer all questions: by what the user gave, else by a proposal, else by the default.

    Args:
        template: The template whose questions are asked.
        given: The user's values by the questions' names, typed or as text.
        propose: Infers an answer to a question that is not given.
        complete: Whether a question that nothing answers is an error; else it is left out.
        folder_name: Of the folder in which the result will stand.

    Raises:
        NotKnownError: A name in `given` is no question of the template's.
        AnswerError: A given value is refused, or a question without a default has no answer.
        TemplateError: A text of the template's cannot be rendered.
        UntrustedError: The template needs extensions, and nobody trusts it.
    """
    about = Interview(template=template, folder_name=folder_name)
    return about.answers(given, propose, complete=complete)


def secret_values(
    template: Template,
    given: Mapping[str, object],
    answers: Answers = (),
    *,
    folder_name: str = "",
) -> dict[str, Json]:
    """The real values of the secrets in `given`, and of all that is computed from them.

    They are what rendering needs in place of the placeholders in `answers`; they must not be kept.

    Raises:
        AnswerError: A value is refused; the error does not show it.
    """
    return Interview(template=template, folder_name=folder_name).secret_values(given, answers)


def asked_questions(
    template: Template, answers: Answers, *, folder_name: str = ""
) -> tuple[AskedQuestion, ...]:
    """The questions that a person may be asked under `answers`, as they are asked then."""
    return Interview(template=template, folder_name=folder_name).asked(answers)


def open_question(
    asked: AskedQuestion, answer: Answer | None = None, error: str = ""
) -> OpenQuestion:
    """`asked` for a person, with `answer` as the proposal and `error` of the last try."""
    proposed = asked.default if answer is None else answer.value
    inferred = answer if answer and answer.source != "default" and not asked.secret else None
    return OpenQuestion(
        name=asked.name,
        type=asked.type,
        help=asked.help,
        default=None if asked.secret else proposed,
        evidence=inferred.evidence if inferred else "",
        choices=tuple((each.label, each.value) for each in asked.choices if not each.refused),
        secret=asked.secret,
        multiselect=asked.multiselect,
        placeholder=asked.placeholder,
        error=error,
    )


def known_names(template: Template, given: Mapping[str, object]) -> dict[str, object]:
    """`given` under the present names of the questions.

    Raises:
        NotKnownError: There is no such question.
    """
    names = [question.name for question in template.questions]
    renamed = {each.renamed_from: each.name for each in template.questions if each.renamed_from}
    known: dict[str, object] = {}
    for name, value in given.items():
        if name in names:
            known[name] = value
        elif name in renamed:
            known.setdefault(renamed[name], value)
        else:
            listing = ", ".join(f"`{each}`" for each in names) or "none"
            near = tuple(get_close_matches(name, names))
            raise NotKnownError("question", name, near, f"The questions are {listing}.")
    return known


class _Walk(Record):
    """One way through the questions of a template."""

    interview: Interview
    given: Mapping[str, object]
    propose: Propose = nothing
    reveal: bool = False
    """Whether secrets take their real values: then nothing of it may be kept."""

    def answers(self, *, complete: bool) -> Answers:
        found: list[Answer] = []
        for question in self.interview.template.questions:
            asker = self.interview.asker(question, tuple(found))
            answer = self._answer(asker, complete)
            if answer is not None:
                found.append(answer)
        return tuple(found)

    def _answer(self, asker: Asker, complete: bool) -> Answer | None:
        name, visible = asker.question.name, asker.visible
        if name in self.given:
            return self._given(asker, computed=not visible)
        if not visible:
            return asker.computed()
        asked = asker.asked()
        note = ""
        if asked.ask and not asked.secret:
            proposal = self.propose(asked)
            if proposal is not None:
                accepted, note = asker.accepted(proposal)
                if accepted is not None:
                    return accepted
        if asked.required and asked.ask and complete:
            raise asker.unanswered()
        return None if asked.required else asker.by_default(asked, note)

    def _given(self, asker: Asker, *, computed: bool) -> Answer:
        value = asker.accept(self.given[asker.question.name])
        secret = asker.question.secret
        if secret and not self.reveal:
            asked = asker.asked()
            # The default is in the template for all to read; it tells nothing.
            value = asked.default if value == asked.default else placeholder_for(asked)
        return Answer(
            name=asker.question.name,
            value=value,
            source="user",
            confidence=1.0,
            evidence="given by the user",
            secret=secret,
            computed=computed,
            closed=asker.question.is_closed(value),
        )
