"""Answers of a case: as given, else from its task, else the template's own.

The invariant: nothing that was learned on this machine counts, so that a trial means the same
everywhere.
"""

from __future__ import annotations

from cultivar.evals.trying.base import Place
from cultivar.inference.infer import proposer
from cultivar.lifecycle import TrialCase
from cultivar.llm.base import spoken
from cultivar.templating.questions.interview import Propose, nothing
from cultivar.templating.template import Template


def proposer_for(case: TrialCase, template: Template, place: Place, run_id: str) -> Propose:
    """What the task of `case` says on a question, read by a model too where there is one.

    Args:
        case: With a task, or without.
        template: Whose questions are asked.
        place: Where it is tried.
        run_id: Under which the model's calls are kept.

    Raises:
        UnavailableError: The model does not answer.
        BudgetSpentError: The trial has used what it may.
    """
    if not case.task:
        return nothing
    if not place.model:
        return proposer(case.task, template)
    from cultivar.inference.model import InferenceReply, accept, combiner, messages

    asked = spoken(messages(case.task, template, place.context.prompts["infer"]))
    reply = place.door.ask(run_id, "inferrer", asked, InferenceReply)
    return combiner(case.task, template, model=accept(reply, case.task, template))
