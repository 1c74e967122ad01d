"""Trying a prompt: rendered with the inputs of a case, asked of the model, its reply looked at."""

from __future__ import annotations

import time
from typing import Final

from pydantic import BaseModel, ConfigDict

from cultivar.errors import ModelUnavailableError, ReplyError, TemplateError, UnsafeError
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.results import judged, raised
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.llm.base import Message
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.template import Rules
from cultivar.tree import Tree

_RULES: Final = Rules(envops={"trim_blocks": True, "lstrip_blocks": True})
"""How prompts are written: a line that holds a statement alone leaves no line."""

_ITS_FAULT: Final = (TemplateError, UnsafeError, ReplyError)
"""What a prompt is to blame for; whatever else is raised says nothing of it."""


class PromptReply(BaseModel):
    """What a prompt is answered with."""

    model_config = ConfigDict(extra="forbid")

    reply: str


def try_prompt(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    """Ask the model once by the prompt, as `case` says.

    Args:
        subject: A version of a prompt: one file.
        case: The variables, perhaps a task that is said after it, and what the reply must be.
        repeat: How often it was tried before.
        place: Where.

    Raises:
        UnavailableError: No model is configured, or it does not answer.
        BudgetSpentError: The trial has used what it may.
    """
    if not place.model:
        raise ModelUnavailableError(
            f"The prompt {subject.artifact.name!r} can only be tried on a model, and none is"
            " configured.",
            "Set `model.name` in `cultivar.yaml`, or pass `--model`.",
        )
    try:
        outcome = _outcome(subject, case, place, place.run_id(subject, case, repeat))
    except _ITS_FAULT as error:
        outcome = raised(error, case)
    return judged(subject, case, repeat, outcome, Bench(open_runner=lambda: place.runner))


def _outcome(subject: Subject, case: TrialCase, place: Place, run_id: str) -> Outcome:
    messages = _messages(subject, case)
    began = time.perf_counter()
    reply = place.door.ask(run_id, "trial", messages, PromptReply).reply
    return Outcome(
        output=reply,
        inputs=case.inputs,
        seconds=time.perf_counter() - began,
        money=place.usage(run_id).money,
    )


def _messages(subject: Subject, case: TrialCase) -> tuple[Message, ...]:
    """The prompt, and after it the task where there is one.

    Raises:
        TemplateError: It does not render with these variables.
    """
    (file,) = subject.tree
    text = subject.tree.text(file)
    said = render_text(environment_of(_RULES, Tree({})), text, dict(case.inputs), file=file)
    if not case.task:
        return (Message(role="user", content=said),)
    return Message(role="system", content=said), Message(role="user", content=case.task)
