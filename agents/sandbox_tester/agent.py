"""Says whether code holds what its template promises."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.checking.checks import CheckRunner
from cultivar.generation.templates import TemplateStore, is_untrusted
from cultivar.ledger.base import ContentStore
from cultivar.model import Proof
from cultivar.record import replace
from cultivar.roles import SANDBOX_TESTER, ProofOrder


@agent(SANDBOX_TESTER)
def test(order: ProofOrder, context: Context) -> Proof:
    """Run the checks over the draft, behind a wall where the code is not proven yet."""
    template = context.get(TemplateStore).load(order.template)
    runner = replace(context.get(CheckRunner), unconfined=order.unconfined)
    return runner.prove(
        context.get(ContentStore).tree(order.draft.tree_hash),
        (*template.checks, *order.checks),
        template.requires,
        language=template.language,
        untrusted=is_untrusted(template, order.draft),
    )
