"""One question as it is asked: its texts rendered, its default found, a value judged.

The invariant: an error about a secret never shows its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, cast, get_args

from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from cultivar.errors import AnswerError, TemplateError
from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, replace
from cultivar.templating.jinja.environment import is_true, render_text
from cultivar.templating.reading.casting import (
    MASK,
    cast_value,
    listed,
    masked,
    plain,
    refuse_lossy,
    type_in_words,
)
from cultivar.templating.reading.choices import choices_of
from cultivar.templating.reading.copier_yaml import parse_yaml
from cultivar.templating.shapes import is_list
from cultivar.templating.template import Choice, Question, QuestionType

_SHOWN_CHOICES: Final = 12
_BY_DEFAULT: Final = "the template's default"


class OfferedChoice(Record):
    """A choice as it is offered now."""

    label: str
    value: Json
    refused: str = ""
    """Why it is not to be had now; empty: it is."""


class AskedQuestion(Record):
    """A question as it is asked: everything in it rendered under the answers before it."""

    name: str
    type: QuestionType
    help: str = ""
    default: Json = None
    required: bool = False
    """There is no default, or none that the question takes."""
    choices: tuple[OfferedChoice, ...] = ()
    multiselect: bool = False
    multiline: bool = False
    secret: bool = False
    placeholder: str = ""
    keywords: tuple[str, ...] = ()
    unit: str = ""
    ask: bool = True
    """False: leave it at its default."""
    answered: Answers = ()
    """The answers before it, and maybe those that came after it when it was asked before."""


def placeholder_for(asked: AskedQuestion) -> Json:
    """What stands for a secret: the template's default, else a value that nobody takes for real."""
    if asked.default not in (None, "", []):
        return asked.default
    if asked.multiselect:
        return []
    if asked.choices:
        return asked.choices[0].value
    stand_ins: dict[QuestionType, Json] = {"int": 0, "float": 0.0, "bool": False}
    return stand_ins.get(asked.type, f"<{asked.name}>")


class Asker(Record, dict=True):
    """One question under the answers before it."""

    environment: SandboxedEnvironment
    question: Question
    context: Mapping[str, object]
    answers: Answers = ()
    """Those before it, which the context is made of."""

    @property
    def visible(self) -> bool:
        """Whether it is asked at all; if not, it is computed."""
        return is_true(self._rendered(self.question.when))

    def asked(self) -> AskedQuestion:
        """The question with everything in it rendered."""
        question = self.question
        has_default, default, _ = self._default()
        return AskedQuestion(
            name=question.name,
            type=question.type,
            help=str(self._rendered(question.help)),
            default=default,
            required=not has_default,
            choices=self.offered,
            multiselect=question.multiselect,
            multiline=is_true(self._rendered(question.multiline)),
            secret=question.secret,
            placeholder=str(self._rendered(question.placeholder)),
            keywords=question.keywords,
            unit=question.unit,
            ask=is_true(self._rendered(question.ask)),
            answered=self.answers,
        )

    def accept(self, value: object) -> Json:
        """`value` as the user's answer: cast, among the choices, and valid.

        Raises:
            AnswerError: It is not.
        """
        offered = self.offered
        try:
            if not self.question.multiselect:
                refuse_lossy(self.question.type, value)
            answer = self._parsed(value, offered)
        except ValueError as error:
            raise self._refusal(value, str(error)) from None
        self._validate(answer)
        return answer

    def accepted(self, proposal: Answer) -> tuple[Answer | None, str]:
        """The proposal as an answer, or why it is none."""
        try:
            value = self.accept(proposal.value)
        except AnswerError as error:
            return None, f"; {proposal.value!r} was proposed and refused: {error.why}"
        closed = self.question.is_closed(value)
        named = replace(proposal, name=self.question.name, value=value, closed=closed)
        return replace(named, secret=False, computed=False), ""

    def by_default(self, asked: AskedQuestion, note: str) -> Answer:
        """The default as the answer; `note` is what else there is to say about it."""
        value = asked.default  # of a secret, too: it stands in the template for all to read
        confidence = 0.5 if asked.ask else 1.0
        return self._answer(value, confidence=confidence, evidence=_BY_DEFAULT + note)

    def computed(self) -> Answer | None:
        """The value of a question that is not asked: its default, which is not validated."""
        raw, offered = self._raw_default(), self.offered
        if raw is _UNSET:
            return None
        try:
            value = self._parsed(raw, offered)
        except ValueError as error:
            raise self._refusal(raw, str(error)) from None
        answer = self._answer(value, confidence=1.0, evidence="not asked: its default")
        return replace(answer, computed=True)

    def unanswered(self) -> AnswerError:
        """The error that asks for an answer."""
        name, why = self.question.name, self._default()[2]
        reason = f"its default was refused: {why}" if why else "it has no default"
        error = AnswerError(name, None, why=reason, allowed=self._allowed())
        error.what = f"`{name}` needs an answer: {reason.rstrip('.')}."
        error.remedy = f"Pass `--answer {name}=…`. {error.remedy}".strip()
        return error

    @cached_property
    def offered(self) -> tuple[OfferedChoice, ...]:
        """The choices as they are offered now."""
        raw = self.question.choices
        found = self._computed_choices(raw) if isinstance(raw, str) else raw
        return tuple(
            OfferedChoice(
                label=str(self._rendered(each.label)),
                value=self._choice_value(each),
                refused=str(self._rendered(each.validator)),
            )
            for each in found
        )

    def rendered_type(self) -> QuestionType:
        """The type, where that is a Jinja template.

        Raises:
            TemplateError: There is no such type.
        """
        name = self._rendered(self.question.type_template)
        if name not in get_args(QuestionType):
            raise self._broken(
                f"The type of `{self.question.name}` came out as {name!r}.",
                f"Expected is one of {', '.join(get_args(QuestionType))}.",
            )
        return cast("QuestionType", name)

    def _answer(self, value: Json, *, confidence: float, evidence: str) -> Answer:
        return Answer(
            name=self.question.name,
            value=value,
            source="default",
            confidence=confidence,
            evidence=evidence,
            secret=self.question.secret,
            closed=self.question.is_closed(value),
        )

    def _default(self) -> tuple[bool, Json, str]:
        """Whether there is a default that the question takes, the default, and why not."""
        raw, offered = self._raw_default(), self.offered
        if raw is _UNSET:
            return False, None, ""
        try:
            value = self._parsed(raw, offered)
            if not self.question.secret:
                self._validate(value)
        except AnswerError as error:
            return False, None, error.why
        except ValueError as error:
            return False, None, f"{raw!r}: {error}"
        return True, value, ""

    def _raw_default(self) -> object:
        if self.question.required:
            return _UNSET
        unset = {"UNSET": StrictUndefined("UNSET", exc=_UnsetError)}
        default = self._rendered(self.question.default, unset)
        return _UNSET if is_list(default) and _UNSET in default else default

    def _parsed(self, value: object, offered: tuple[OfferedChoice, ...]) -> Json:
        """`value` cast and among the choices, as Copier parses it; else a ValueError."""
        kind = self.question.type
        if self.question.multiselect:
            chosen = [self._chosen(item, offered) for item in listed(value)]
            values = [cast_value(kind, each.value) for each in offered]
            return [each for each in values if each in chosen]
        return self._chosen(value, offered)

    def _chosen(self, value: object, offered: tuple[OfferedChoice, ...]) -> Json:
        kind = self.question.type
        answer = cast_value(kind, value)
        if not offered:
            return answer
        same = [each for each in offered if cast_value(kind, each.value) == answer]
        if any(not each.refused for each in same):
            return answer
        raise ValueError(same[0].refused if same else "it is not one of the choices")

    def _validate(self, answer: Json) -> None:
        context = {self.question.name: answer}
        try:
            why = str(self._rendered(self.question.validator, context)).strip()
        except TemplateError as error:  # a validator that fails has not said yes
            why = error.what
        if why:
            # Its text is made of the answer; of a secret it could say what it likes.
            secret = self.question.secret
            raise self._refusal(answer, "the template's validator refuses it" if secret else why)

    def _refusal(self, value: object, why: str) -> AnswerError:
        secret = self.question.secret
        return AnswerError(
            self.question.name,
            MASK if secret else value,
            why=masked(why, value) if secret else why,
            allowed=self._allowed(),
        )

    def _allowed(self) -> str:
        values = [repr(each.value) for each in self.offered if not each.refused]
        if not values:
            return "" if self.question.choices else type_in_words(self.question.type)
        more = ["…"] if len(values) > _SHOWN_CHOICES else []
        named = ", ".join(values[:_SHOWN_CHOICES] + more)
        return f"a list of {named}" if self.question.multiselect else named

    def _choice_value(self, choice: Choice) -> Json:
        value = cast("Json", self._rendered(choice.value))
        try:
            cast_value(self.question.type, value)
        except ValueError as error:
            raise self._broken(
                f"The choice {value!r} of `{self.question.name}` is refused: {error}.",
                f"Expected is {type_in_words(self.question.type)}.",
            ) from error
        return value

    def _computed_choices(self, text: str) -> tuple[Choice, ...]:
        rendered = str(self._rendered(text))
        try:
            return choices_of(plain(parse_yaml(rendered)))
        except ValueError as error:
            raise self._broken(
                f"The choices of `{self.question.name}` came out as {rendered!r}.",
                "Expected is a YAML list, or a mapping of labels to values.",
            ) from error

    def _broken(self, what: str, remedy: str) -> TemplateError:
        question = self.question
        return TemplateError(what, file=question.file, line=question.line, remedy=remedy)

    def _rendered(self, value: object, extra: Mapping[str, object] | None = None) -> object:
        if isinstance(value, str):
            return self._text(value, {**self.context, **(extra or {})})
        if is_list(value):
            return [self._rendered(item, extra) for item in value]
        return value

    def _text(self, text: str, context: Mapping[str, object]) -> object:
        try:
            return render_text(self.environment, text, context, file="")
        except TemplateError as error:
            if isinstance(error.__cause__, _UnsetError):
                return _UNSET
            raise self._broken(
                f"{text!r} of `{self.question.name}` cannot be rendered: {error.what}.",
                error.remedy,
            ) from error


class _UnsetError(UndefinedError):
    """A default that is `UNSET`: the question has none."""


_UNSET: Final = object()
