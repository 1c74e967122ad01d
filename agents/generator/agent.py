"""Makes code: renders the template, mends what failed."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.generation.drafting import draft
from cultivar.generation.mending import mend
from cultivar.model import Draft
from cultivar.roles import GENERATOR, DraftOrder


@agent(GENERATOR)
def generate(order: DraftOrder, context: Context) -> Draft:
    """A known fix of the last draft where there is one; else a draft with the evidence in hand."""
    if order.attempts and (mended := mend(order, context)) is not None:
        return mended
    return draft(order, context)
