"""Workers on many machines: Ray starts them, moves versions to them, and replaces those that die.

Cultivar, and the programs that checks need, must be installed on each machine.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final, TypeAlias

from cultivar.errors import UnavailableError, UsageError
from cultivar.evals.executing.base import DEATHS, Job, OpenPlace, Tried, deadly, do
from cultivar.evals.trying.base import Place, Subject
from cultivar.lifecycle import TrialCase, TrialResult

_ADDRESS: Final = "RAY_ADDRESS"
"""The variable that names a cluster; without it one is started here."""

_HERE: Final = "local"

_Done: TypeAlias = tuple[TrialResult, str]


class RayExecutor:
    """Does jobs as tasks of a Ray cluster.

    Joins the cluster that this process is part of already, else the one that `RAY_ADDRESS` names,
    else starts one on this machine, which ends with the executor.

    Args:
        open_place: Opens the place of one worker.
        workers: How many jobs run at a time at most; 0: as many as the cluster has processors.

    Raises:
        UsageError: The package is not installed.
        UnavailableError: The cluster cannot be reached.
    """

    def __init__(self, open_place: OpenPlace, workers: int = 0) -> None:
        self._ray = _library()
        self._open_place = open_place
        self._own = not self._ray.is_initialized()
        if self._own:
            _join(self._ray)
        self._workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._task: Any = self._ray.remote(num_cpus=1, max_retries=DEATHS - 1)(_do)

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        """See `Executor`."""
        kept = {_known(each.subject): each.subject for each in jobs}
        subjects = {known: self._ray.put(subject) for known, subject in kept.items()}
        waiting, running = deque(jobs), dict[Any, Job]()
        try:
            while waiting or running:
                for job in _taken(waiting, self._workers - len(running)):
                    running[self._begin(job, subjects[_known(job.subject)])] = job
                (done, *_), _ = self._ray.wait(list(running), num_returns=1)
                yield self._ended(running.pop(done), done)
        finally:
            for each in running:
                self._ray.cancel(each, force=True)

    def close(self) -> None:
        """See `Executor`."""
        if self._own:
            self._ray.shutdown()

    def _begin(self, job: Job, subject: Any) -> Any:
        return self._task.remote(self._open_place, subject, job.case, job.repeat, job.among)

    def _ended(self, job: Job, task: Any) -> Tried:
        """What came of a task; Ray has begun it anew where its worker had died."""
        try:
            done, error = self._ray.get(task)
        except self._ray.exceptions.RayError as gone:
            return deadly(job, " ".join(str(gone).split()))
        if error is not None:
            raise error
        result, key = done
        return Tried(job=job, result=result, key=key)


def _taken(waiting: deque[Job], most: int) -> list[Job]:
    """The next jobs, which do not wait any more."""
    return [waiting.popleft() for _ in range(min(most, len(waiting)))]


def _library() -> Any:
    if _address() == _HERE and "ray" not in sys.modules:  # it reads them when it is imported
        _prepare()
    try:
        return import_module("ray")
    except ImportError as missing:
        raise UsageError(
            "The executor `ray` needs the package `ray`, which is not installed.",
            "`pip install 'cultivar[ray]'`, or leave `--executor ray` out.",
        ) from missing


def _join(ray: Any) -> None:
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address=_address(), **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UnavailableError(
            f"The Ray cluster at {_address()!r} cannot be joined: {error}",
            f"Set `{_ADDRESS}` to one that runs, or unset it to have one started here.",
        ) from error


def _address() -> str:
    return os.environ.get(_ADDRESS) or _HERE


def _prepare() -> None:
    """Have a cluster of our own tell nobody of itself, and let no stranger join it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _known(subject: Subject) -> tuple[str, str, bool]:
    """What tells versions apart."""
    return subject.artifact.id, subject.tree_hash, subject.trusted


def _do(
    open_place: OpenPlace, subject: Subject, case: TrialCase, repeat: int, among: str
) -> tuple[_Done | None, Exception | None]:
    """Do one job in a worker; an error goes back as it is, where Ray would wrap it."""
    try:
        job = Job(subject=subject, case=case, repeat=repeat, among=among)
        tried = do(job, _place(open_place))
    except Exception as error:  # it is raised where the job came from
        return None, error
    return (tried.result, tried.key), None


@cache
def _place(open_place: OpenPlace) -> Place:
    """The place of this worker, opened once."""
    return open_place()
