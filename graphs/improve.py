"""Improve: look, propose, try, judge, settle; once for each opportunity."""

from __future__ import annotations

from typing import TypedDict

from cultivar.agent import Context
from cultivar.definitions import Agents
from cultivar.evolution.campaigns.campaign import Campaign
from cultivar.evolution.roles import ANALYST, IMPROVER
from cultivar.graph import END, Choice, Graph, graph_of
from cultivar.lifecycle import ImproveOrder, Opportunity, Release


class State(TypedDict):
    """Where the campaign stands; what was tried, and what came of it, is in the ledger."""

    run_id: str
    order: ImproveOrder
    decided: tuple[Release, ...]
    """What was released before, and is kept or taken back now."""
    taken: tuple[Opportunity, ...]
    """What is taken up in this run."""
    opportunities: tuple[Opportunity, ...]
    """What is still to be taken up; the first is at work."""
    unsure: tuple[str, ...]
    queue: tuple[str, ...]
    """The experiments of the first opportunity that are still to be tried."""
    accepted: tuple[str, ...]
    """Those of it that are better, each than the one before."""


class Update(TypedDict, total=False):
    """What a step adds to what is known."""

    decided: tuple[Release, ...]
    taken: tuple[Opportunity, ...]
    opportunities: tuple[Opportunity, ...]
    unsure: tuple[str, ...]
    queue: tuple[str, ...]
    accepted: tuple[str, ...]


class Steps:
    """The steps, over the services of a context; each may run twice and do no harm."""

    def __init__(self, context: Context) -> None:
        self.agents = context.get(Agents)
        self.campaign = context.get(Campaign)

    def look(self, state: State) -> Update:
        """Look after what was released before, then find what is worth improving."""
        decided = self.campaign.look_after()
        analysis = self.agents.act(ANALYST, self.campaign.analysis_order())
        taken = self.campaign.taken_up(analysis.opportunities)
        return {
            "decided": decided,
            "taken": taken,
            "opportunities": taken,
            "unsure": analysis.unsure,
            "accepted": (),
            "queue": (),
        }

    def propose(self, state: State) -> Update:
        """Make candidates for the first opportunity, on top of what was accepted for it."""
        opportunity = state["opportunities"][0]
        queue: tuple[str, ...] = ()
        with self.campaign.apart(opportunity):
            order = self.campaign.improvement_order(opportunity, state["accepted"])
            made = self.agents.act(IMPROVER, order)
            queue = self.campaign.begin(order.opportunity, made)
        return {"queue": queue}

    def prove(self, state: State) -> Update:
        """Try the first candidate on some more cases, beside the version that it changes."""
        opportunity, queue = state["opportunities"][0], state["queue"]
        with self.campaign.apart(opportunity):
            self.campaign.advance(queue[0])
        return {"queue": queue[:1]} if self.campaign.is_down(opportunity) else {}

    def judge(self, state: State) -> Update:
        """Keep what became of the candidate; the next ones build on it where it is better."""
        first, *others = state["queue"]
        if not self.campaign.is_better(first):
            return {"queue": tuple(others)}
        self.campaign.drop(others)
        return {"queue": (), "accepted": (*state["accepted"], first)}

    def settle(self, state: State) -> Update:
        """Release what was accepted, or ask for a person's word; then the next opportunity."""
        self.campaign.settle(state["accepted"])
        return {"opportunities": state["opportunities"][1:], "accepted": (), "queue": ()}

    def after_look(self, state: State) -> str:
        """There may be nothing to do."""
        return "propose" if state["opportunities"] else END

    def after_propose(self, state: State) -> str:
        """Candidates are tried one by one."""
        return "prove" if state["queue"] else "settle"

    def after_prove(self, state: State) -> str:
        """Trials go on until they tell."""
        return "prove" if self.campaign.goes_on(state["queue"][0]) else "judge"

    def after_judge(self, state: State) -> str:
        """What is better may be bettered again, as often as the settings allow."""
        if state["queue"]:
            return "prove"
        opportunity = state["opportunities"][0]
        again = self.campaign.may_go_on(opportunity, state["accepted"])
        return "propose" if again else "settle"

    def after_settle(self, state: State) -> str:
        """The next opportunity, if there is one."""
        return "propose" if state["opportunities"] else END


def build(context: Context) -> Graph:
    """Build the graph over the services of `context`."""
    steps = Steps(context)
    return graph_of(
        State,
        *(steps.look, steps.propose, steps.prove, steps.judge, steps.settle),
        edges={
            "look": Choice(decide=steps.after_look, among=("propose", END)),
            "propose": Choice(decide=steps.after_propose, among=("prove", "settle")),
            "prove": Choice(decide=steps.after_prove, among=("prove", "judge")),
            "judge": Choice(decide=steps.after_judge, among=("prove", "propose", "settle")),
            "settle": Choice(decide=steps.after_settle, among=("propose", END)),
        },
    )
