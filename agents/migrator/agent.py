"""Proposes what the places should become that a template and a person both changed."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.roles import MIGRATOR, MergeOrder
from cultivar.upgrade.merging.proposing import propose
from cultivar.upgrades import MergeProposal


@agent(MIGRATOR)
def merge(order: MergeOrder, context: Context) -> MergeProposal:
    """What a model proposes where there is one; nothing otherwise."""
    return propose(order, context)
