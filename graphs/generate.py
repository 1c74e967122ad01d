"""Generate: choose, infer, ask, recall, draft, prove, learn, deliver, record."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from cultivar.agent import Context
from cultivar.definitions import Agents
from cultivar.evolution.canary.templates import TemplateCanaries
from cultivar.generation.asking import ask_unsure
from cultivar.generation.evidence import learn_from, recall_for
from cultivar.generation.result import Result, deliver_result, record_result
from cultivar.generation.templates import TemplateStore
from cultivar.graph import END, Choice, Graph, graph_of
from cultivar.machine import state_graph
from cultivar.model import (
    Answers,
    Attempt,
    Delivery,
    Draft,
    FailurePattern,
    Order,
    TemplateRef,
)
from cultivar.roles import (
    GENERATOR,
    INFERRER,
    SANDBOX_TESTER,
    DraftOrder,
    InferenceOrder,
    ProofOrder,
)
from cultivar.settings import Settings, load_settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.wiring import Services

if TYPE_CHECKING:
    from langgraph.graph import StateGraph


class State(TypedDict):
    """What is known at a step; hashes of trees, never their bytes."""

    run_id: str
    order: Order
    began: float
    template: TemplateRef
    answers: Answers
    recalled: tuple[FailurePattern, ...]
    draft: Draft
    attempts: tuple[Attempt, ...]
    delivery: Delivery | None
    generation_id: str


class Update(TypedDict, total=False):
    """What a step adds to what is known."""

    began: float
    template: TemplateRef
    answers: Answers
    recalled: tuple[FailurePattern, ...]
    draft: Draft
    attempts: tuple[Attempt, ...]
    delivery: Delivery | None
    generation_id: str


class Steps:
    """The steps, over the services of a context; each may run twice and do no harm."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.agents = context.get(Agents)

    def choose(self, state: State) -> Update:
        """Find the template, and see that it may be used."""
        order = state["order"]
        found = self.context.get(Catalog).find(
            order.template, order.ref, pre_releases=order.pre_releases
        )
        given = self.context.get(TemplateCanaries).given(found, order, state["run_id"])
        template = self.context.get(TemplateStore).admit(given, trust=order.trust)
        return {"template": template, "began": time.time(), "attempts": ()}

    def infer(self, state: State) -> Update:
        """Answer the template's questions from what was said."""
        order = InferenceOrder(
            run_id=state["run_id"],
            task=state["order"].task,
            template=state["template"],
            given=state["order"].answers,
        )
        return {"answers": self.agents.act(INFERRER, order).answers}

    def ask(self, state: State) -> Update:
        """Ask a person what is still unsure, where one is there."""
        answers = ask_unsure(
            state["run_id"],
            state["template"],
            state["answers"],
            self.context,
            interactive=state["order"].interactive,
        )
        return {"answers": answers}

    def recall(self, state: State) -> Update:
        """Remember what failed before in cases like this one."""
        return {"recalled": recall_for(state["order"].task, state["template"], self.context)}

    def draft(self, state: State) -> Update:
        """Make a tree: the first, or one that mends the last."""
        order = DraftOrder(
            run_id=state["run_id"],
            task=state["order"].task,
            template=state["template"],
            answers=state["answers"],
            recalled=state["recalled"],
            attempts=state["attempts"],
            folder_name=Path(state["order"].output).name,
            unconfined=state["order"].unconfined,
        )
        return {"draft": self.agents.act(GENERATOR, order)}

    def prove(self, state: State) -> Update:
        """Run the template's checks over the draft."""
        order = ProofOrder(
            template=state["template"],
            draft=state["draft"],
            unconfined=state["order"].unconfined,
        )
        proof = self.agents.act(SANDBOX_TESTER, order)
        number = len(state["attempts"]) + 1
        attempt = Attempt(number=number, draft=state["draft"], proof=proof)
        return {"attempts": (*state["attempts"], attempt)}

    def learn(self, state: State) -> Update:
        """Remember what failed, and what mended it."""
        return {"attempts": learn_from(state["attempts"], state["template"], self.context)}

    def deliver(self, state: State) -> Update:
        """Write the result where it may be written."""
        return {"delivery": deliver_result(_result(state), self.context)}

    def record(self, state: State) -> Update:
        """Keep the generation in the ledger."""
        return {"generation_id": record_result(_result(state), self.context)}

    def after_draft(self, state: State) -> str:
        """A dry run ends with its plan; a draft that was tried before is not tried again."""
        if state["order"].dry_run:
            return "deliver"
        tried = {attempt.draft.tree_hash for attempt in state["attempts"]}
        return "deliver" if state["draft"].tree_hash in tried else "prove"

    def after_learn(self, state: State) -> str:
        """A failure is drafted anew, as often as the settings allow."""
        failed = state["attempts"][-1].proof.verdict == "failed"
        left = len(state["attempts"]) < self.context.get(Settings).attempts
        return "draft" if failed and left else "deliver"

    def after_deliver(self, state: State) -> str:
        """A dry run is not recorded."""
        return END if state["order"].dry_run else "record"


def _result(state: State) -> Result:
    attempts = state["attempts"]
    return Result(
        run_id=state["run_id"],
        order=state["order"],
        template=state["template"],
        answers=state["answers"],
        draft=attempts[-1].draft if attempts else state["draft"],
        attempts=attempts,
        began=state["began"],
        recalled=state["recalled"],
        delivery=state.get("delivery"),
    )


def build(context: Context) -> Graph:
    """Build the graph over the services of `context`."""
    steps = Steps(context)
    return graph_of(
        State,
        *(steps.choose, steps.infer, steps.ask, steps.recall, steps.draft),
        *(steps.prove, steps.learn, steps.deliver, steps.record),
        edges={
            "draft": Choice(decide=steps.after_draft, among=("prove", "deliver")),
            "learn": Choice(decide=steps.after_learn, among=("draft", "deliver")),
            "deliver": Choice(decide=steps.after_deliver, among=("record", END)),
        },
    )


def studio() -> StateGraph[Any]:
    """The graph over the current workspace's own services, for LangGraph's development server."""
    return state_graph(build(Context(services=Services(load_settings(), {}))))
