"""Results of the version in use are shared as far as no luck is held against anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cultivar.evals.executing.base import Job, Tried
from cultivar.evals.suites.suite import identified
from cultivar.evolution.campaigns.trials import Trials
from cultivar.ledger.base import ContentStore
from cultivar.lifecycle import Experiment, TrialCase, TrialResult
from cultivar.record import replace
from cultivar.testing.lifecycles import candidate_of, experiment_of
from cultivar.testing.workrooms import SERVICE, Workroom, open_workroom
from cultivar.tree import text_entry

FILES = {
    "copier.yml": "name: x\n_cultivar: {id: test:service, version: 1.0.0}\n",
    "app.py.jinja": "print()\n",
}
STEADY = tuple(identified(TrialCase(id="", inputs={"name": f"{each}"})) for each in range(4))
NOISY = tuple(replace(each, repeats=3) for each in STEADY)


class Passing:
    """An executor in which every version passes, and that remembers what was asked of it."""

    def __init__(self) -> None:
        self.done: list[Job] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        for job in jobs:
            self.done.append(job)
            passed = TrialResult(
                case_id=job.case.id,
                tree_hash=job.subject.tree_hash,
                repeat=job.repeat,
                verdict="passed",
            )
            yield Tried(job=job, result=passed, key=job.key)

    def close(self) -> None:
        pass


class Stage:
    """Trials of made-up candidates."""

    def __init__(self, room: Workroom) -> None:
        self.executor, self._room = Passing(), room
        self._trials: Trials = replace(room.bench.trials, executor=self.executor)
        self._content = room.cultivar.services.need(ContentStore)
        self.used = self._content.put(room.tree)

    def experiment(self, name: str, campaign: str, parent: str = "") -> Experiment:
        """One of that campaign, with a version of its own."""
        tree = self._room.tree.replace({"app.py.jinja": text_entry(f"# {name}\n")})
        candidate = replace(
            candidate_of(),
            artifact=SERVICE,
            parent=parent or self.used,
            tree_hash=self._content.put(tree),
        )
        return replace(experiment_of(name, candidate=candidate), campaign=campaign)

    def tried_anew(self, experiment: Experiment, cases: Sequence[TrialCase]) -> int:
        """How many trials of the version that it changes were not known already."""
        self.executor.done.clear()
        self._trials.advance(experiment, cases)
        parent = experiment.candidate.parent
        return sum(each.subject.tree_hash == parent for each in self.executor.done)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    room = open_workroom(tmp_path / "workspace", FILES)
    room.study({})  # which opens a campaign
    yield Stage(room)
    room.cultivar.close()


def test_candidates_of_one_campaign_share_the_trials_of_the_version_in_use(stage: Stage) -> None:
    assert stage.tried_anew(stage.experiment("one", "first"), NOISY) == len(NOISY)
    assert stage.tried_anew(stage.experiment("two", "first"), NOISY) == 0


def test_where_results_vary_no_campaign_holds_those_of_another_against_a_candidate(
    stage: Stage,
) -> None:
    stage.tried_anew(stage.experiment("one", "first"), NOISY)
    assert stage.tried_anew(stage.experiment("two", "second"), NOISY) == len(NOISY)


def test_where_results_do_not_vary_what_is_known_is_known(stage: Stage) -> None:
    stage.tried_anew(stage.experiment("one", "first"), STEADY)
    assert stage.tried_anew(stage.experiment("two", "second"), STEADY) == 0


def test_what_was_better_by_luck_is_tried_anew_where_it_is_the_older_version(
    stage: Stage,
) -> None:
    better = stage.experiment("one", "first")
    stage.tried_anew(better, NOISY)
    following = stage.experiment("two", "first", parent=better.candidate.tree_hash)
    assert stage.tried_anew(following, NOISY) == len(NOISY)
