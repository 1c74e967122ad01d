"""Uses of a tool are tried many at a time: one start of the sandbox serves them all.

They need no worker of their own, since a tool runs behind the wall alone; all else is left to the
executor underneath.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

from cultivar.errors import UnavailableError
from cultivar.evals.executing.base import Executor, Job, Tried
from cultivar.evals.trying.base import Place
from cultivar.evals.trying.place import key_of
from cultivar.evals.trying.results import not_verified
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.lifecycle import TrialResult

_AT_ONCE: Final = 32
"""Uses that one start of the sandbox serves."""


class Together:
    """Does the jobs of tools many at a time.

    Args:
        others: Does all other jobs.
        place: Where tools are used.
        workers: How many starts of the sandbox there are at a time.
    """

    def __init__(self, others: Executor, place: Place, workers: int) -> None:
        self._others, self._place = others, place
        self._threads = ThreadPoolExecutor(max_workers=workers)

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        """See `Executor`."""
        tools = [each for each in jobs if each.subject.artifact.kind == "tool"]
        started = [self._threads.submit(self._tried, each) for each in _parcels(tools)]
        try:
            for each in as_completed(started):
                yield from each.result()
        finally:
            for each in started:
                each.cancel()
        rest = [each for each in jobs if each.subject.artifact.kind != "tool"]
        if rest:
            yield from self._others.run(rest)

    def close(self) -> None:
        """See `Executor`."""
        self._threads.shutdown(cancel_futures=True)
        self._others.close()

    def _tried(self, jobs: Sequence[Job]) -> list[Tried]:
        results = self._results(jobs)
        return [
            Tried(
                job=job, result=result, key=key_of(job.subject, job.case, job.repeat, self._place)
            )
            for job, result in zip(jobs, results, strict=True)
        ]

    def _results(self, jobs: Sequence[Job]) -> Sequence[TrialResult]:
        subject, repeat = jobs[0].subject, jobs[0].repeat
        cases = [each.case for each in jobs]
        try:
            return try_tool_on(subject, cases, ToolUses(runner=self._place.runner), repeat)
        except UnavailableError as error:
            return [not_verified(subject, case, repeat, str(error)) for case in cases]


def _parcels(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Jobs of one version and one repeat, so many at once."""
    alike: dict[tuple[str, str, bool, int], list[Job]] = {}
    for job in jobs:
        subject = job.subject
        name = (subject.artifact.id, subject.tree_hash, subject.trusted, job.repeat)
        alike.setdefault(name, []).append(job)
    for group in alike.values():
        yield from (group[at : at + _AT_ONCE] for at in range(0, len(group), _AT_ONCE))
