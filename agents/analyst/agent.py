"""Finds what is worth improving."""

from __future__ import annotations

from cultivar.agent import Context, agent
from cultivar.evolution.opportunities.looking import History, find_opportunities
from cultivar.evolution.roles import ANALYST, Analysis, AnalysisOrder


@agent(ANALYST)
def analyse(order: AnalysisOrder, context: Context) -> Analysis:
    """What fails, degrades, is slow or costly, with the evidence."""
    return find_opportunities(context.get(History), order)
