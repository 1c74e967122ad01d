"""Times are compared of what ran side by side, in an order that favours nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cultivar.evals.executing.base import Job, Tried
from cultivar.evals.suites.suite import identified
from cultivar.evolution.campaigns.trials import Trials
from cultivar.ledger.base import ContentStore
from cultivar.lifecycle import Candidate, Experiment, OpportunityKind, TrialCase, TrialResult
from cultivar.record import replace
from cultivar.testing.lifecycles import candidate_of, experiment_of
from cultivar.testing.workrooms import SERVICE, Workroom, open_workroom
from cultivar.tree import text_entry

FILES = {
    "copier.yml": "name: x\n_cultivar: {id: test:service, version: 1.0.0}\n",
    "app.py.jinja": "print()\n",
}
CASES = tuple(
    identified(TrialCase(id="", inputs={"name": f"{each}"}, slice="all")) for each in range(24)
)


class Scripted:
    """An executor in which each version takes its time, and passes or fails its cases."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.money: dict[str, float] = {}
        self.failing: set[tuple[str, str]] = set()
        self.done: list[Job] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        for job in jobs:
            self.done.append(job)
            tree = job.subject.tree_hash
            result = TrialResult(
                case_id=job.case.id,
                tree_hash=tree,
                repeat=job.repeat,
                verdict="failed" if (tree, job.case.id) in self.failing else "passed",
                seconds=self.seconds[tree],
                money=self.money.get(tree, 0.0),
            )
            yield Tried(job=job, result=result, key=job.key)

    def close(self) -> None:
        pass


class Stage:
    """Trials of made-up candidates."""

    def __init__(self, room: Workroom) -> None:
        self.room, self.executor = room, Scripted()
        self.trials: Trials = replace(room.bench.trials, executor=self.executor)
        self.old = room.cultivar.services.need(ContentStore).put(room.tree)
        self.executor.seconds[self.old] = 1.0

    def experiment(self, name: str, seconds: float, kind: OpportunityKind) -> Experiment:
        """An experiment with another version, that takes so long."""
        tree = self.room.tree.replace({"app.py.jinja": text_entry(f"# {name}\n")})
        self.executor.seconds[tree.hash] = seconds
        content = self.room.cultivar.services.need(ContentStore)
        candidate: Candidate = replace(
            candidate_of(), artifact=SERVICE, parent=self.old, tree_hash=content.put(tree)
        )
        made = experiment_of(name, candidate=candidate)
        opportunity = replace(made.opportunity, kind=kind, artifact=SERVICE)
        return replace(made, opportunity=opportunity)

    def judged(self, experiment: Experiment) -> str:
        """The gate's decision, once there is one; only what was done for it is listed then."""
        self.executor.done.clear()
        while True:
            verdict = self.trials.advance(experiment, CASES)
            if verdict.decision != "continue":
                return verdict.decision


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    room = open_workroom(tmp_path / "workspace", FILES)
    room.study({})  # which opens a campaign
    yield Stage(room)
    room.cultivar.close()


def test_a_quicker_candidate_is_released_and_one_that_is_as_quick_is_not(stage: Stage) -> None:
    assert stage.judged(stage.experiment("quick", 0.6, "slow")) == "release"
    assert stage.judged(stage.experiment("same", 1.0, "slow")) == "reject"


def test_both_versions_of_a_case_go_one_after_the_other_in_either_order(stage: Stage) -> None:
    stage.judged(stage.experiment("quick", 0.6, "slow"))
    done = stage.executor.done
    pairs = [(done[at], done[at + 1]) for at in range(0, len(done), 2)]
    assert all(one.case.id == other.case.id for one, other in pairs)
    assert {one.subject.tree_hash == stage.old for one, _ in pairs} == {True, False}


def test_the_old_version_is_timed_anew_beside_each_quicker_candidate(stage: Stage) -> None:
    for name in ("one", "another"):
        assert stage.judged(stage.experiment(name, 0.6, "slow")) == "release"
        old = [each for each in stage.executor.done if each.subject.tree_hash == stage.old]
        assert len(old) >= len(CASES)
        assert all(each.timed for each in stage.executor.done)


def test_what_is_mended_is_timed_beside_the_old_version_before_it_is_released(
    stage: Stage,
) -> None:
    stage.executor.failing = {(stage.old, case.id) for case in CASES[:4]}
    assert stage.judged(stage.experiment("first", 1.0, "failing")) == "release"
    stage.executor.seconds[stage.old] = 3.0  # the machine has more to do by now
    assert stage.judged(stage.experiment("second", 3.0, "failing")) == "release"
    timed = [each for each in stage.executor.done if each.timed]
    assert {each.repeat > 0 for each in timed} == {True}
    assert stage.judged(stage.experiment("slower", 9.0, "failing")) == "reject"


def test_times_of_a_pair_that_was_begun_before_a_kill_are_not_compared(stage: Stage) -> None:
    experiment = stage.experiment("quick", 0.6, "slow")
    done = stage.executor.run
    stage.executor.run = lambda jobs: iter(list(done(jobs))[:1])  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        stage.trials.advance(experiment, CASES)
    stage.executor.run = done  # type: ignore[method-assign]
    verdict = stage.trials.advance(experiment, CASES)
    assert (verdict.pairs, verdict.numbers["time_pairs"]) == (16, 15)


def test_a_cheaper_candidate_is_released_by_what_is_known_of_the_old_version(
    stage: Stage,
) -> None:
    stage.executor.money[stage.old] = 0.02
    dear, cheap = stage.experiment("dear", 1.0, "costly"), stage.experiment("cheap", 1.0, "costly")
    stage.executor.money |= {
        dear.candidate.tree_hash: 0.019,
        cheap.candidate.tree_hash: 0.01,
    }
    assert stage.judged(dear) == "reject"
    assert stage.judged(cheap) == "release"
    old = [each for each in stage.executor.done if each.subject.tree_hash == stage.old]
    assert all(each.repeat > 0 for each in old)  # the first of each case is known
