"""The seam to executors: they try jobs, somewhere and side by side, and hand back what came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeAlias

from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.place import key_of, try_case
from cultivar.evals.trying.results import not_verified
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.record import Record, replace

OpenPlace: TypeAlias = Callable[[], Place]
"""Opens the place of one worker, in the worker; so it survives pickling, and equals its copy."""

DEATHS: Final = 3
"""A job that so many workers died of is not tried again."""


class Job(Record):
    """One trial: a version, a case, and which of its repeats."""

    subject: Subject
    case: TrialCase
    repeat: int = 0
    key: str = ""
    """Of its result, as far as is known before; see `key_of`."""
    timed: bool = False
    """Whether its time is compared: it is tried by itself, whatever is known from elsewhere."""
    among: str = ""
    """The trials that share results with it; see `Place`."""


class Tried(Record):
    """A job, and what came of it."""

    job: Job
    result: TrialResult
    key: str = ""
    """Of the result, as it is where the job was done."""


class Executor(Protocol):
    """Does jobs.

    A worker that dies costs nothing but time: its job is done again by another. One that `DEATHS`
    workers died of is `not_verified`, and says so.
    """

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        """Do the jobs side by side, and hand each over as it is done, in whatever order.

        Who stops to listen (closes the iterator) stops the work.

        Raises:
            CultivarError: What a job raised; the others are given up.
        """
        ...

    def close(self) -> None:
        """End the workers."""
        ...


def do(job: Job, place: Place) -> Tried:
    """Do one job in `place`."""
    here, key = shared(place, job.among), key_for(job, place)
    return Tried(job=job, result=try_case(job.subject, job.case, job.repeat, here), key=key)


def key_for(job: Job, place: Place) -> str:
    """The key of a job's result, where it is done in `place`; see `key_of`."""
    return key_of(job.subject, job.case, job.repeat, shared(place, job.among))


def shared(place: Place, among: str) -> Place:
    """The place, for trials that share results among themselves alone; see `Place`."""
    return replace(place, among=among) if place.among != among else place


def deadly(job: Job, why: str) -> Tried:
    """What is said of a job that its workers died of."""
    said = f"The worker died {DEATHS} times in this trial: {why}."
    return Tried(job=job, result=not_verified(job.subject, job.case, job.repeat, said))
