"""The one runner of trials: what is known is not tried again, what is tried is kept at once."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TypeAlias

from cultivar.errors import BudgetSpentError
from cultivar.evals.executing.base import Executor, Job, Tried
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.place import key_of
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.record import Record, replace

Told: TypeAlias = Callable[[TrialResult], None]
"""Hears each result as it comes."""


def no_one(result: TrialResult) -> None:
    """Hear nothing."""


class Course(Record):
    """How trials are run, beside what is tried."""

    trial_of: str
    """The id of the experiment, or of the run of a suite, that the results are kept under."""
    told: Told = no_one
    money: float | None = None
    """US dollars that new trials may cost together; None is no limit."""


def jobs_of(
    subjects: Sequence[Subject], cases: Sequence[TrialCase], place: Place, repeats: int = 0
) -> tuple[Job, ...]:
    """Every version on every case, as often as the case says, or `repeats` times.

    Args:
        subjects: The versions.
        cases: What they are tried on.
        place: Where we are, by which it is known what is known already.
        repeats: Instead of what the cases say; 0: as they say.
    """
    return tuple(
        Job(subject=subject, case=case, repeat=repeat, key=key_of(subject, case, repeat, place))
        for case in cases
        for repeat in range(repeats or case.repeats)
        for subject in subjects
    )


def run_trials(
    jobs: Sequence[Job], executor: Executor, store: ExperimentStore, course: Course
) -> tuple[TrialResult, ...]:
    """Do `jobs`, but for those whose results are known.

    Each result is kept as it comes, so that nothing is tried twice where this is killed and begun
    anew; one that is not verified is not kept, and tried again then.

    Args:
        jobs: What is to be tried.
        executor: Who does it.
        store: Where results are kept.
        course: Under what name, who hears of it, and what it may cost.

    Returns:
        The results, in the order of the jobs.

    Raises:
        BudgetSpentError: The trials have cost what they may; what came until then is kept.
        RefusedError: A version takes trust or a wall that is not there.
    """
    known = _known(jobs, store, course)
    found: dict[str, TrialResult] = {}
    for job in jobs:
        if job.key in known and _name(job) not in found:
            found[_name(job)] = known[job.key]
            course.told(known[job.key])
    missing = {_name(job): job for job in jobs if _name(job) not in found}
    batch = uuid.uuid4().hex
    with closing(_within(executor.run(tuple(missing.values())), course)) as trials:
        for each in trials:
            tried = replace(each, result=replace(each.result, batch=batch))
            _keep(tried, store, course)
            found[_name(tried.job)] = tried.result
            course.told(tried.result)
    return tuple(found[_name(job)] for job in jobs)


def _known(
    jobs: Sequence[Job], store: ExperimentStore, course: Course
) -> Mapping[str, TrialResult]:
    """What is known already, by the keys of jobs; what is timed, only from this run."""
    keys = {job.key: _own_key(job.key, course) for job in jobs if job.key}
    anywhere = {job.key for job in jobs if job.key and not job.timed}
    told = store.known_results({*anywhere, *keys.values()})
    found = {key: replace(each, cached=True) for key, each in told.items()}
    store.keep_results(course.trial_of, {key: found[key] for key in anywhere if key in found})
    known = {key: found.get(key) or found.get(own) for key, own in keys.items()}
    return {key: each for key, each in known.items() if each is not None}


def _keep(tried: Tried, store: ExperimentStore, course: Course) -> None:
    """Keep what is known now; where a limit was met, or it is timed, for this run alone."""
    if tried.key and tried.result.verdict != "not_verified":
        own = tried.result.limited or tried.job.timed
        key = _own_key(tried.key, course) if own else tried.key
        store.keep_results(course.trial_of, {key: tried.result})


def _own_key(key: str, course: Course) -> str:
    """The key of a result that no other run is to find."""
    return hashlib.sha256(f"{key} {course.trial_of}".encode()).hexdigest()


def _within(done: Iterator[Tried], course: Course) -> Generator[Tried]:
    """What is `done`, as long as it may cost more."""
    spent = 0.0
    for tried in done:
        yield tried
        spent += tried.result.money
        if course.money is not None and spent > course.money:
            raise BudgetSpentError("money", spent=spent, limit=course.money)


def _name(job: Job) -> str:
    """What tells jobs apart, also where their results have no key."""
    subject = job.subject
    return f"{subject.artifact.id} {subject.tree_hash} {subject.trusted} {job.case.id} {job.repeat}"
