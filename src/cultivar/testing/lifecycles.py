"""Makes what improves, for tests: the life of a calculator that divides by zero."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import (
    ArtifactStore,
    ExecutionLog,
    ExperimentStore,
    Leases,
    Pointer,
)
from cultivar.lifecycle import (
    CURRENT,
    Artifact,
    ArtifactVersion,
    AssertionResult,
    Candidate,
    Execution,
    Experiment,
    Opportunity,
    Release,
    TrialCase,
    TrialResult,
)
from cultivar.model import Edit
from cultivar.testing.generations import ANY_TEXT
from cultivar.tree import Tree, text_entry

Each = TypeVar("Each")

TOOL = Artifact(kind="tool", name="calculator")
PROMPT = Artifact(kind="prompt", name="generator/slots")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Improving(Protocol):
    """A ledger, as far as it keeps what improves."""

    @property
    def artifacts(self) -> ArtifactStore:
        """Every version."""
        ...

    @property
    def experiments(self) -> ExperimentStore:
        """Experiments, cases, releases."""
        ...

    @property
    def executions(self) -> ExecutionLog:
        """Uses."""
        ...

    @property
    def leases(self) -> Leases:
        """Leases."""
        ...

    content: ContentStore


def tree_of(text: str) -> Tree:
    """The tree of a tool whose source is that text."""
    return Tree({"calculator.py": text_entry(text)})


def version_of(text: str, minutes: int = 0, **changes: Any) -> ArtifactVersion:
    """The calculator whose source is that text, made so many minutes after noon."""
    made: dict[str, Any] = {"artifact": TOOL, "version": "1.0.0", **changes}
    made_at = NOON + timedelta(minutes=minutes)
    return ArtifactVersion(tree_hash=tree_of(text).hash, made_at=made_at, **made)


def kept(ledger: Improving, text: str, minutes: int = 0, **changes: Any) -> ArtifactVersion:
    """The same, kept with its files."""
    version = version_of(text, minutes, **changes)
    ledger.content.put(tree_of(text))
    ledger.artifacts.keep(version)
    return version


def pointer_to(version: ArtifactVersion, **changes: Any) -> Pointer:
    """That a version is current since noon."""
    points: dict[str, Any] = {"alias": CURRENT, "since": NOON, **changes}
    return Pointer(tree_hash=version.tree_hash, **points)


def candidate_of(text: str = "new") -> Candidate:
    """A better calculator."""
    return Candidate(
        artifact=TOOL,
        parent=tree_of("old").hash,
        tree_hash=tree_of(text).hash,
        version="1.0.1",
        operator="guard",
        description="Refuse 0.",
        edits=(Edit(path="calculator.py", search="a / b", replace="a"),),
    )


def opportunity_of(**changes: Any) -> Opportunity:
    """The calculator fails half the time."""
    found: dict[str, Any] = {"low": 0.4, "high": 0.6, "against": 0.8, "gain": 3.0, **changes}
    return Opportunity(
        artifact=TOOL,
        tree_hash=tree_of("old").hash,
        version="1.0.0",
        kind="failing",
        uses=10,
        measured=0.5,
        **found,
    )


def experiment_of(name: str, minutes: int = 0, **changes: Any) -> Experiment:
    """An experiment with the better calculator, begun so many minutes after noon."""
    stands: dict[str, Any] = {
        "campaign": "morning",
        "number": 1,
        "candidate": candidate_of(),
        "opportunity": opportunity_of(),
        "status": "running",
    }
    began = NOON + timedelta(minutes=minutes)
    return Experiment(
        id=name,
        strategy="SHADOW",
        started_at=began,
        updated_at=began,
        **{**stands, **changes},
    )


def result_of(case: str, **changes: Any) -> TrialResult:
    """A case that the better calculator passed."""
    said: dict[str, Any] = {"repeat": 0, "verdict": "passed", "score": 1.0, **changes}
    return TrialResult(case_id=case, tree_hash=candidate_of().tree_hash, **said)


def case_of(name: str, **changes: Any) -> TrialCase:
    """A case of the calculator."""
    asked: dict[str, Any] = {"inputs": {"a": 1, "b": 2}, **changes}
    return TrialCase(id=name, **asked)


def release_of(name: str, minutes: int = 0, **changes: Any) -> Release:
    """A release of the better calculator."""
    at = NOON + timedelta(minutes=minutes)
    stands: dict[str, Any] = {"artifact": TOOL, "status": "watching", "experiment": "", **changes}
    before, after = candidate_of().parent, candidate_of().tree_hash
    return Release(id=name, before=before, after=after, released_at=at, updated_at=at, **stands)


def execution_of(name: str, minutes: int = 0, **changes: Any) -> Execution:
    """A use of the calculator, so many minutes after noon."""
    used: dict[str, Any] = {"artifact": TOOL, "tree_hash": "", "inputs": {"a": 1}, **changes}
    return Execution(id=name, executed_at=NOON + timedelta(minutes=minutes), **used)


def trial_results() -> SearchStrategy[TrialResult]:
    """Any result of a trial."""
    share = st.floats(min_value=0, max_value=1)
    assertions = st.builds(
        AssertionResult,
        kind=st.sampled_from(["contains", "raises", "latency"]),
        passed=st.booleans(),
        score=share,
        required=st.booleans(),
        weight=share,
        said=ANY_TEXT,
    )
    return st.builds(
        TrialResult,
        **{name: ANY_TEXT for name in ("case_id", "output", "output_hash")},
        tree_hash=st.just("0" * 64),
        repeat=st.integers(min_value=0, max_value=1000),
        verdict=st.sampled_from(["passed", "failed"]),
        score=share,
        assertions=st.lists(assertions, max_size=3).map(tuple),
        **{name: st.floats(min_value=0, max_value=1e12) for name in ("seconds", "money")},
        quality=st.none() | share,
        cached=st.booleans(),
    )


def any_json() -> SearchStrategy[Any]:
    """Any value that JSON has."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT
    return st.recursive(
        leaves,
        lambda each: st.lists(each, max_size=3) | st.dictionaries(ANY_TEXT, each, max_size=3),
    )


def succeeded(
    act: Callable[[Each], None], on_each: Sequence[Each], failing: type[Exception]
) -> int:
    """How many of the calls did not fail, all made at once."""
    barrier = threading.Barrier(len(on_each))
    done: list[Each] = []

    def call(each: Each) -> None:
        barrier.wait()
        try:
            act(each)
        except failing:
            return
        done.append(each)

    threads = [threading.Thread(target=call, args=(each,)) for each in on_each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)
