"""Trying a prompt: rendered with the inputs of a case, asked of the model, its reply looked at."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict

from cultivar.errors import ModelUnavailableError, ReplyError, TemplateError, UnsafeError
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.conversations import conversation_of, variables_of
from cultivar.evals.trying.results import judged, raised
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.llm.base import Message
from cultivar.llm.rendering import rendered
from cultivar.prompt import Prompt
from cultivar.record import Record, replace

_ITS_FAULT = (TemplateError, UnsafeError, ReplyError)
"""What a prompt is to blame for; whatever else is raised says nothing of it."""


class PromptReply(BaseModel):
    """What a prompt is answered with."""

    model_config = ConfigDict(extra="forbid")

    reply: str


def try_prompt(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    """Ask the model once by the prompt, as `case` says.

    A recorded use is repeated as it was: the same turns before and after, the same form of reply.

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
    asking = _Asking(place=place, case=case, run_id=place.run_id(subject, case, repeat))
    began = time.perf_counter()
    try:
        outcome = Outcome(output=asking.reply(subject), inputs=variables_of(case.inputs))
    except _ITS_FAULT as error:
        outcome = raised(error, case)
    seconds, money = time.perf_counter() - began, place.usage(asking.run_id).money
    outcome = replace(outcome, seconds=seconds, money=money)
    return judged(subject, case, repeat, outcome, Bench(open_runner=lambda: place.runner))


class _Asking(Record):
    """One trial's question."""

    place: Place
    case: TrialCase
    run_id: str

    def reply(self, subject: Subject) -> str:
        """What the model answers.

        Raises:
            TemplateError: The prompt does not render with these variables.
            UnsafeError: It reaches for what no template may have.
            ReplyError: The reply does not fit.
        """
        prompt = Prompt(artifact=subject.artifact, tree=subject.tree)
        said = rendered(prompt, variables_of(self.case.inputs))
        talk = conversation_of(self.case.inputs)
        if talk is None:
            return self.place.door.ask(self.run_id, "trial", self._turns(said), PromptReply).reply
        from cultivar.evals.trying.schemas import fitting

        form = fitting(talk.schema_name, talk.schema)
        return self.place.door.ask(
            self.run_id, "trial", talk.messages(said), form
        ).model_dump_json()

    def _turns(self, said: str) -> tuple[Message, ...]:
        """The prompt, and after it the task where there is one."""
        if not self.case.task:
            return (Message(role="user", content=said),)
        return (
            Message(role="system", content=said),
            Message(role="user", content=self.case.task),
        )
