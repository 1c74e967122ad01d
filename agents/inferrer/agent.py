"""Answers a template's questions from the words of a task."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.inference.infer import infer
from cultivar.inference.model import InferenceReply, accept, combine, messages
from cultivar.llm.base import ModelDoor
from cultivar.roles import INFERRER, Inference, InferenceOrder


@agent(INFERRER)
def answer(order: InferenceOrder, context: Context) -> Inference:
    """What the user gave, then what the task says, read by a model too where there is one."""
    template = context.get(TemplateStore).load(order.template)
    given = {each.name: each.value for each in order.given}
    given |= context.get(Vault).of(order.run_id)
    door = context.get(ModelDoor)
    if not door.available:
        return Inference(answers=infer(order.task, template, given))
    asked = messages(order.task, template, context.prompts["infer"])
    reply = door.ask(order.run_id, "inferrer", asked, InferenceReply)
    read = accept(reply, order.task, template)
    return Inference(answers=combine(order.task, template, given, model=read))
