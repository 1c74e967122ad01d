"""The model's inferrer: the same questions, answered by a model that must quote its evidence.

The invariant: a model's answer counts only if what it quotes stands in the task and its question
takes the value; a secret is neither asked of a model nor shown to one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from cultivar.errors import AnswerError
from cultivar.inference.infer import Insight
from cultivar.inference.profiles import parents_of, plain_help
from cultivar.inference.reading import LONGEST
from cultivar.llm.base import Message, Said, Turn
from cultivar.model import Answer, Json
from cultivar.prompt import Prompt
from cultivar.record import replace
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Propose, interview, nothing
from cultivar.templating.reading.casting import cast_answer
from cultivar.templating.rendering.render import needs_worker
from cultivar.templating.template import Question, Template

_QUOTED: Final = 0.95
_READ: Final = 0.85
_IMPLIED: Final = 0.95
_LITERAL: Final = 0.9
_NO_ANSWERS: Final[Mapping[str, Answer]] = {}


class Proposal(BaseModel):
    """One answer of a model's."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="The name of the question, as listed.")
    value: bool | int | float | str | list[str] = Field(
        description="The answer, in the type and the unit of the question."
    )
    quote: str = Field(description="The words of the task that say so, copied letter by letter.")


class InferenceReply(BaseModel):
    """What a model takes from a task: only the questions that the task answers."""

    model_config = ConfigDict(extra="forbid")

    answers: list[Proposal]


def messages(task: str, template: Template, prompt: Prompt) -> tuple[Turn, ...]:
    """What a model is told: the rules and the questions, then the task, fenced.

    Args:
        task: What is asked for; of a very long one, the beginning.
        template: The template whose questions are asked.
        prompt: It gets `questions`, `template`, `description` and `fence`.
    """
    said = task[:LONGEST]
    fence = f"task-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:12]}"
    facts = {
        "questions": [_shown(question) for question in _open(template)],
        "template": template.ref.id,
        "description": template.description,
        "fence": fence,
    }
    return (
        Said(role="system", prompt=prompt, facts=facts),
        Message(role="user", content=f"<{fence}>\n{said}\n</{fence}>"),
    )


def accept(reply: InferenceReply, task: str, template: Template) -> Mapping[str, Answer]:
    """The answers of `reply` that hold, by question: quoted from `task`, and taken by the question.

    An answer to a question that is only asked where another has a certain answer brings that
    answer along, unless the reply says otherwise.
    """
    questions = {question.name: question for question in _open(template)}
    text = _normal(task)
    found: dict[str, Answer] = {}
    for proposal in reply.answers:
        question = questions.get(proposal.question)
        answer = None if question is None else _checked(proposal, question, text)
        if answer is not None:
            found[answer.name] = answer
    return _valid(template, {**dict(_implied(template, found)), **found})


def combiner(
    task: str,
    template: Template,
    *,
    model: Mapping[str, Answer] = _NO_ANSWERS,
    learned: Propose = nothing,
) -> Propose:
    """What proposes answers: task and model, then learned.

    Where the two readings of the task differ the model's holds, which knows more of language;
    except over a value that stands in the task letter by letter and that the built-in inferrer is
    sure of, since that can hardly be misread.
    """
    insight = Insight(task=task, template=template)

    def propose(asked: AskedQuestion) -> Answer | None:
        read = _stronger(insight.answer(asked), model.get(asked.name))
        return read or learned(asked)

    return propose


def _stronger(built_in: Answer | None, model: Answer | None) -> Answer | None:
    if built_in is None or model is None:
        return built_in or model
    if built_in.value == model.value:
        return max(built_in, model, key=lambda answer: answer.confidence)
    literal = not isinstance(built_in.value, bool) and (
        _normal(str(built_in.value)) in _normal(built_in.evidence)
    )
    return built_in if literal and built_in.confidence >= _LITERAL else model


def _open(template: Template) -> Iterator[Question]:
    """The questions that a model may be asked."""
    for question in template.questions:
        if not question.secret and question.when is not False and question.ask is not False:
            yield question


def _shown(question: Question) -> dict[str, Json]:
    """A question as the prompt shows it."""
    choices = () if isinstance(question.choices, str) else question.choices
    return {
        "name": question.name,
        "type": question.type,
        "help": " ".join(plain_help(question).split()),
        "choices": [{"label": each.label, "value": each.value} for each in choices],
        "several": question.multiselect,
        "unit": question.unit,
        "only_when": ", ".join(f"{each.name} is {each.value}" for each in parents_of(question)),
    }


def _checked(proposal: Proposal, question: Question, text: str) -> Answer | None:
    """The proposal as an answer; None where its quote is made up or its value no answer."""
    quote = _normal(proposal.quote)
    if not quote or quote not in text:
        return None
    try:
        value = cast_answer(question, proposal.value)
    except AnswerError:
        return None
    if not isinstance(question.choices, str) and not _offered(question, value):
        return None
    literal = _normal(str(proposal.value)) in quote
    return Answer(
        name=question.name,
        value=value,
        source="model",
        confidence=_QUOTED if literal else _READ,
        evidence=" ".join(proposal.quote.split()),
    )


def _offered(question: Question, value: Json) -> bool:
    offered = [choice.value for choice in question.choices if not isinstance(choice, str)]
    if not offered:
        return True
    if isinstance(value, list):
        return all(each in offered for each in value)
    return value in offered


def _implied(template: Template, found: Mapping[str, Answer]) -> Iterator[tuple[str, Answer]]:
    for question in template.questions:
        answer = found.get(question.name)
        for parent in parents_of(question) if answer is not None else ():
            if answer is not None and parent.name not in found:
                sure = round(answer.confidence * _IMPLIED, 3)
                yield (
                    parent.name,
                    replace(answer, name=parent.name, value=parent.value, confidence=sure),
                )


def _valid(template: Template, found: Mapping[str, Answer]) -> Mapping[str, Answer]:
    """`found` without what a question's validator refuses.

    A template whose extensions are not run here says so itself, when the answers are proposed.
    """
    if needs_worker(template):
        return found
    tried: set[str] = set()

    def propose(asked: AskedQuestion) -> Answer | None:
        tried.add(asked.name)
        return found.get(asked.name)

    taken = {
        answer.name
        for answer in interview(template, {}, propose, complete=False)
        if answer.source == "model"
    }
    return {name: answer for name, answer in found.items() if name in taken or name not in tried}


def _normal(text: str) -> str:
    """`text` in lower case with single spaces and straight quotes, for looking up a quotation."""
    straight = (
        text.replace("\u2019", "'").replace("\u2018", "'").replace("“", '"').replace("”", '"')
    )
    return " ".join(straight.casefold().split())
