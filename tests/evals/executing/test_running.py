"""The runner: what is known is not tried again, and what is tried is kept at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cultivar.application.evaluating import OpenPlaceOf
from cultivar.errors import BudgetSpentError
from cultivar.evals.executing.base import Job, Tried
from cultivar.evals.executing.local import LocalExecutor
from cultivar.evals.executing.running import Course, jobs_of, run_trials
from cultivar.evals.trying.base import Place
from cultivar.ledger.improvements import ExperimentStore
from cultivar.ledger.sql import open_ledger
from cultivar.lifecycle import TrialResult
from cultivar.record import replace
from cultivar.testing.greeters import case_of, greeter, settings_in
from cultivar.tree import text_entry

CASES = [case_of(name=each) for each in ("Ada", "Grace", "Mary")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperimentStore]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger.experiments


@pytest.fixture
def here(tmp_path: Path) -> OpenPlaceOf:
    return OpenPlaceOf(settings=settings_in(tmp_path))


@pytest.fixture
def place(here: OpenPlaceOf) -> Place:
    return here()


@pytest.fixture
def executor(here: OpenPlaceOf) -> Iterator[LocalExecutor]:
    made = LocalExecutor(here, 2)
    yield made
    made.close()


class Paid:
    """An executor whose results cost a dollar each."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        for each in self._executor.run(jobs):
            yield replace(each, result=replace(each.result, money=1.0))

    def close(self) -> None:
        self._executor.close()


def test_results_come_in_the_order_of_the_jobs_and_are_kept(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    versions = greeter(), greeter("grep -q Grace greeting.txt")
    jobs = jobs_of(versions, CASES, place)
    results = run_trials(jobs, executor, store, Course(trial_of="t"))
    assert [(each.tree_hash, each.case_id) for each in results] == [
        (job.subject.tree_hash, job.case.id) for job in jobs
    ]
    assert [each.verdict for each in results] == [
        *("passed", "failed", "passed", "passed", "passed", "failed")
    ]
    assert sorted(store.results("t"), key=str) == sorted(results, key=str)


def test_what_is_known_is_not_tried_again_whoever_tried_it(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    first = run_trials(jobs_of([greeter()], CASES, place), executor, store, Course(trial_of="a"))
    executor.close()
    heard: list[TrialResult] = []
    jobs = jobs_of([greeter()], CASES, place)
    again = run_trials(jobs, executor, store, Course(trial_of="b", told=heard.append))
    assert not executor.pids
    assert again == tuple(replace(each, cached=True) for each in first)
    assert tuple(heard) == again
    assert len(store.results("b")) == len(CASES)


def test_more_repeats_try_only_what_is_new(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    for count, cached in ((1, [False]), (3, [True, False, False])):
        jobs = jobs_of([greeter()], CASES[:1], place, count)
        results = run_trials(jobs, executor, store, Course(trial_of="t"))
        assert [each.cached for each in results] == cached
        assert [each.repeat for each in results] == list(range(count))


def test_what_is_tried_in_one_go_says_so_for_good(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    versions = greeter(), greeter("true")
    first = run_trials(jobs_of(versions[:1], CASES, place), executor, store, Course(trial_of="a"))
    both = run_trials(jobs_of(versions, CASES, place), executor, store, Course(trial_of="b"))
    assert len({each.batch for each in first}) == 1
    assert len({each.batch for each in both}) == 2
    kept = {(each.tree_hash, each.batch, each.cached) for each in store.results("b")}
    assert kept == {(each.tree_hash, each.batch, each.cached) for each in both}


def test_what_is_timed_is_tried_anew_and_its_times_are_of_no_other_run(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    jobs = jobs_of([greeter()], CASES[:1], place)
    timed = [replace(each, timed=True) for each in jobs]
    runs = [(jobs, "a"), (timed, "b"), (timed, "b"), (timed, "c"), (jobs, "d")]
    told = [run_trials(each, executor, store, Course(trial_of=of))[0] for each, of in runs]
    assert [each.cached for each in told] == [False, False, True, False, True]
    assert told[4].batch == told[0].batch
    assert told[2].batch == told[1].batch != told[0].batch


def test_a_case_is_repeated_as_it_says(place: Place) -> None:
    noisy = replace(CASES[0], repeats=3)
    assert [each.repeat for each in jobs_of([greeter()], [noisy], place)] == [0, 1, 2]


def test_what_is_not_verified_is_told_but_not_kept(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    config = greeter().tree.text("copier.yml") + "  requires: [program:no-such-program]\n"
    tree = greeter().tree.replace({"copier.yml": text_entry(config)})
    jobs = jobs_of([replace(greeter(), tree=tree)], CASES, place)
    results = run_trials(jobs, executor, store, Course(trial_of="t"))
    assert {each.verdict for each in results} == {"not_verified"}
    assert store.results("t") == ()


def test_where_a_limit_was_met_another_run_tries_again(tmp_path: Path) -> None:
    here = OpenPlaceOf(settings=settings_in(tmp_path, seconds=0.5))
    executor = LocalExecutor(here, 1)
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        jobs = jobs_of([greeter("sleep 5")], CASES[:1], here())
        told = [
            run_trials(jobs, executor, ledger.experiments, Course(trial_of=each))[0]
            for each in ("a", "a", "b")
        ]
        kept = [len(ledger.experiments.results(each)) for each in ("a", "b")]
    executor.close()
    assert {each.verdict for each in told} == {"failed"}
    assert [each.cached for each in told] == [False, True, False]
    assert kept == [1, 1]


def test_two_names_of_one_version_are_tried_once(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    heard: list[TrialResult] = []
    jobs = jobs_of([greeter(), greeter()], CASES, place)
    results = run_trials(jobs, executor, store, Course(trial_of="t", told=heard.append))
    assert (len(results), len(heard)) == (6, 3)


def test_when_the_money_is_spent_what_came_until_then_is_kept(
    place: Place, executor: LocalExecutor, store: ExperimentStore
) -> None:
    jobs, course = jobs_of([greeter()], CASES, place), Course(trial_of="t", money=1.5)
    with pytest.raises(BudgetSpentError):
        run_trials(jobs, Paid(executor), store, course)
    assert len(store.results("t")) == 2
    results = run_trials(jobs, Paid(executor), store, course)
    assert sorted(each.cached for each in results) == [False, True, True]
