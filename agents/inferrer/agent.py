"""Answers a template's questions from the words of a task."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Workshop
from cultivar.inference.infer import proposer
from cultivar.inference.model import InferenceReply, accept, combiner, messages
from cultivar.learning.defaults.learned import Learned
from cultivar.llm.base import ModelDoor
from cultivar.roles import INFERRER, Inference, InferenceOrder
from cultivar.templating.making.making import Making
from cultivar.templating.questions.interview import Propose
from cultivar.templating.template import Template


@agent(INFERRER)
def answer(order: InferenceOrder, context: Context) -> Inference:
    """What the user gave, then what the task says, read by a model too where there is one."""
    template = context.get(TemplateStore).load(order.template)
    given = {each.name: each.value for each in order.given}
    given |= context.get(Vault).of(order.run_id)
    making = Making(template=template, given=given, folder_name="", complete=False)
    propose = _proposer(order, template, context)
    return Inference(answers=context.get(Workshop).answers(making, propose).answers)


def _proposer(order: InferenceOrder, template: Template, context: Context) -> Propose:
    """What the task says on a question, read by a model too where there is one; then experience."""
    door = context.get(ModelDoor)
    learned = context.get(Learned).proposer(order.run_id, template)
    if not door.available:
        return proposer(order.task, template, learned)
    asked = messages(order.task, template, context.prompts["infer"])
    reply = door.ask(order.run_id, "inferrer", asked, InferenceReply)
    read = accept(reply, order.task, template)
    return combiner(order.task, template, model=read, learned=learned)
