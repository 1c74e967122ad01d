"""Upgrade: find, infer, ask, render, prepare, merge, propose, finish, prove, commit."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from cultivar.agent import Context
from cultivar.definitions import Agents
from cultivar.delivery.journal import Journals
from cultivar.errors import NotKnownError
from cultivar.generation.asking import ask_unsure
from cultivar.graph import END, Choice, Graph, graph_of
from cultivar.ledger.base import ContentStore, Ledger
from cultivar.llm.base import ModelDoor
from cultivar.machine import state_graph
from cultivar.model import Answers, Draft, Proof, TemplateRef
from cultivar.roles import (
    INFERRER,
    MIGRATOR,
    SANDBOX_TESTER,
    InferenceOrder,
    MergeOrder,
    ProofOrder,
)
from cultivar.settings import load_settings
from cultivar.tree import Tree
from cultivar.upgrade.ending import commit, record
from cultivar.upgrade.merging.base import Merge
from cultivar.upgrade.merging.proposals import open_files
from cultivar.upgrade.reporting import nothing_to_do, report, report_of
from cultivar.upgrade.result import Result
from cultivar.upgrade.session import Session
from cultivar.upgrade.settling import broken_by_us, checks_of
from cultivar.upgrade.undoing import take_back_unrecorded
from cultivar.upgrades import MergeProposal, Migration, UpgradeOrder, UpgradeReport
from cultivar.wiring import Services

if TYPE_CHECKING:
    from langgraph.graph import StateGraph

NOT_ASKED = MergeProposal()
NOT_PROVEN = Proof(results=())


class State(TypedDict):
    """What was decided so far; all else follows from it and from what is on the disk."""

    run_id: str
    order: UpgradeOrder
    began: float
    template: TemplateRef
    answers: Answers
    proposal: MergeProposal
    distrusted: str
    """What did not hold of what rules had settled; empty: nothing."""
    proof: Proof
    report: UpgradeReport
    generation_id: str


class Update(TypedDict, total=False):
    """What a step adds to what is known."""

    began: float
    template: TemplateRef
    answers: Answers
    proposal: MergeProposal
    distrusted: str
    proof: Proof
    report: UpgradeReport
    generation_id: str


class Steps:
    """The steps, over the services of a context; each may run twice and do no harm."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.agents = context.get(Agents)
        self._sessions: dict[str, Session] = {}

    def find(self, state: State) -> Update:
        """Find what is upgraded, from what and to what; see that it may be."""
        if done := self._recorded(state["run_id"]):
            return {"report": report_of(done), "generation_id": done.generation_after}
        session, order = self._session(state), state["order"]
        session.look()
        if not (order.dry_run or order.seen_clean):
            session.work.worktree.refuse_dirty(force=order.force)
        found: Update = {
            "began": time.time(),
            "template": session.work.template.ref,
            "answers": (),
            "proposal": NOT_ASKED,
            "distrusted": "",
            "proof": NOT_PROVEN,
        }
        if session.is_up_to_date:
            return {**found, "report": nothing_to_do(session.work)}
        return found

    def infer(self, state: State) -> Update:
        """Answer new questions; what was answered stays."""
        work = self._session(state).work
        if not work.carried.new:
            return {}
        order = InferenceOrder(
            run_id=state["run_id"],
            task=work.base.generation.task if work.base.generation else "",
            template=state["template"],
            given=work.carried.answers,
        )
        inferred = self.agents.act(INFERRER, order).answers
        return {"answers": work.carried.sourced(inferred)}

    def ask(self, state: State) -> Update:
        """Ask a person new questions, where one is there."""
        session, order = self._session(state), state["order"]
        if not order.interactive or not state["answers"]:
            return {}
        answers = ask_unsure(
            state["run_id"],
            state["template"],
            state["answers"],
            self.context,
            interactive=True,
            only=frozenset(session.work.carried.new),
        )
        return {"answers": session.work.carried.sourced(answers)}

    def render(self, state: State) -> Update:
        """Make what the old version made, and what the new one makes."""
        return {"answers": self._session(state).renewed(state["answers"]).answers}

    def prepare(self, state: State) -> Update:
        """Run the migration scripts that come before."""
        self._session(state).prepared(state["answers"])
        return {}

    def merge(self, state: State) -> Update:
        """Climb the ladder."""
        self._session(state).merged(state["answers"])
        return {}

    def propose(self, state: State) -> Update:
        """Ask a model about what no rule could settle."""
        session = self._session(state)
        merged = Merge(files=session.merged(state["answers"]).files)
        if not merged.conflicts or not self.context.get(ModelDoor).available:
            return {}
        files = open_files(merged)
        if not files:
            return {}
        order = MergeOrder(
            run_id=state["run_id"],
            template=state["template"].id,
            from_version=session.work.from_version,
            to_version=session.work.to_version,
            files=files,
        )
        return {"proposal": self.agents.act(MIGRATOR, order)}

    def finish(self, state: State) -> Update:
        """Run the tasks, and the migration scripts that come after."""
        self._finished(state)
        return {}

    def prove(self, state: State) -> Update:
        """Run the template's checks and the project's own tests over the merged files.

        What was sound before must be sound after; else a person settles what rules had settled.
        """
        session, result = self._session(state), self._finished(state)
        more = checks_of(session.work)
        if result.conflicts or not (session.work.template.checks or more):
            return {}
        proof = self._proof(state, result.after)
        if proof.verdict == "failed":
            proof = broken_by_us(self._proof(state, result.before), proof)
        if proof.verdict != "failed":
            return {"proof": proof}
        failed = [each for each in proof.results if each.verdict == "failed"]
        broken = max(failed, key=lambda each: each.required)
        why = f"merged by rule, {broken.check} failed"
        if not session.distrust(state["answers"], why):
            return {"proof": proof}
        return {"proof": NOT_PROVEN, "proposal": NOT_ASKED, "distrusted": why}

    def commit(self, state: State) -> Update:
        """Write it, all or nothing, and record it; what broke a check is not written."""
        if done := self._recorded(state["run_id"]):
            return {"report": report_of(done), "generation_id": done.generation_after}
        session, result = self._session(state), self._finished(state)
        renewed = session.renewed(state["answers"])
        told = report(session.work, result, state["proof"], renewed.message)
        if not self._is_written(state):
            return {"report": told}
        self.context.get(Ledger).flush()
        commit(session.work, result, renewed.answers)
        made = record(session.work, renewed, told, state["began"])
        return {"report": told, "generation_id": made}

    def after_find(self, state: State) -> str:
        """What is up to date stays as it is."""
        return END if "report" in state else "infer"

    def _recorded(self, run_id: str) -> Migration | None:
        """What the ledger has of the run, where it was killed after its end."""
        with suppress(NotKnownError):
            found = self.context.get(Ledger).migration(run_id)
            return None if found.outcome == "failed" else found
        return None

    def _is_written(self, state: State) -> bool:
        order = state["order"]
        return not order.dry_run and (state["proof"].verdict != "failed" or order.force)

    def _session(self, state: State) -> Session:
        run_id = state["run_id"]
        if run_id not in self._sessions:
            take_back_unrecorded(run_id, self.context.get(Ledger), self.context.get(Journals))
            distrusted = state.get("distrusted", "")
            self._sessions[run_id] = Session(run_id, state["order"], self.context, distrusted)
        return self._sessions[run_id]

    def _finished(self, state: State) -> Result:
        return self._session(state).finished(state["answers"], state["proposal"])

    def _proof(self, state: State, tree: Tree) -> Proof:
        order = ProofOrder(
            template=state["template"],
            draft=Draft(tree_hash=self.context.get(ContentStore).put(tree)),
            checks=checks_of(self._session(state).work),
            unconfined=state["order"].unconfined,
        )
        return self.agents.act(SANDBOX_TESTER, order)


def build(context: Context) -> Graph:
    """Build the graph over the services of `context`."""
    steps = Steps(context)
    return graph_of(
        State,
        *(steps.find, steps.infer, steps.ask, steps.render, steps.prepare, steps.merge),
        *(steps.propose, steps.finish, steps.prove, steps.commit),
        edges={
            "find": Choice(decide=steps.after_find, among=("infer", END)),
        },
    )


def studio() -> StateGraph[Any]:
    """The graph over the current workspace's own services, for LangGraph's development server."""
    return state_graph(build(Context(services=Services(load_settings(), {}))))
