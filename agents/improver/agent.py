"""Makes versions that mend what an opportunity shows."""

from __future__ import annotations

from functools import partial

from cultivar.agent import Context, agent
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.model.editing import model_edits
from cultivar.evolution.operators.prompts.asking import prompt_edits
from cultivar.evolution.operators.prompts.proposing import prompt_candidates
from cultivar.evolution.operators.proposing import tool_candidates
from cultivar.evolution.operators.templates.proposing import template_candidates
from cultivar.evolution.operators.tools.asking import tool_edits
from cultivar.evolution.roles import IMPROVER, Candidates, ImprovementOrder
from cultivar.llm.base import ModelDoor


@agent(IMPROVER)
def improve(order: ImprovementOrder, context: Context) -> Candidates:
    """Candidates of the operators that need no model; then, where there is one, of a model."""
    if order.opportunity.artifact.kind == "tool":
        ask_of_tool = partial(tool_edits, order=order, context=context)
        asked = ask_of_tool if context.get(ModelDoor).available else None
        return tool_candidates(order, context.get(Workbench), asked)
    if order.opportunity.artifact.kind == "template":
        ask = partial(model_edits, context=context) if context.get(ModelDoor).available else None
        return template_candidates(order, context.get(Workbench), ask)
    ask = partial(prompt_edits, context=context) if context.get(ModelDoor).available else None
    return prompt_candidates(order, context.get(Workbench), ask)
