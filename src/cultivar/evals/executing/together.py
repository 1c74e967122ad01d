"""Uses of a tool are tried many at a time, where one start of the sandbox serves them all.

They need no worker of their own, since a tool runs behind the wall alone; nor do prompts, of which
nothing runs at all, but somebody waits for a model. All else is left to the executor underneath.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import zip_longest
from typing import Final

from cultivar.errors import UnavailableError
from cultivar.evals.executing.base import Executor, Job, Tried, do, key_for
from cultivar.evals.trying.base import Place
from cultivar.evals.trying.results import not_verified
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.lifecycle import TrialResult

_AT_ONCE: Final = 32
"""Uses that one start of the sandbox serves."""


class Together:
    """Does the jobs of tools many at a time, and those of prompts beside each other.

    Args:
        others: Does all other jobs.
        place: Where tools are used, and models asked.
        workers: How many starts of the sandbox, or open questions, there are at a time.
    """

    def __init__(self, others: Executor, place: Place, workers: int) -> None:
        self._others, self._place = others, place
        self._threads = ThreadPoolExecutor(max_workers=workers)

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        """See `Executor`."""
        tools = [each for each in jobs if each.subject.artifact.kind == "tool"]
        started = [self._threads.submit(self._tried, each) for each in _parcels(tools)]
        prompts = [each for each in jobs if each.subject.artifact.kind == "prompt"]
        started += [self._threads.submit(self._asked, each) for each in prompts]
        try:
            for each in as_completed(started):
                yield from each.result()
        finally:
            for each in started:
                each.cancel()
        rest = [each for each in jobs if each.subject.artifact.kind == "template"]
        if rest:
            yield from self._others.run(rest)

    def close(self) -> None:
        """See `Executor`."""
        self._threads.shutdown(cancel_futures=True)
        self._others.close()

    def _asked(self, job: Job) -> list[Tried]:
        return [do(job, self._place)]

    def _tried(self, jobs: Sequence[Job]) -> list[Tried]:
        results = self._results(jobs)
        return [
            Tried(job=job, result=result, key=key_for(job, self._place))
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
    """Jobs of one version and one repeat, so many at once; versions take turns.

    What is timed goes alone: what slows down one start of the sandbox would slow down all in it.
    """
    alike: dict[tuple[str, str, bool, int], list[Job]] = {}
    for job in jobs:
        if job.timed:
            yield [job]
            continue
        subject = job.subject
        name = (subject.artifact.id, subject.tree_hash, subject.trusted, job.repeat)
        alike.setdefault(name, []).append(job)
    cut = [_cut(group) for group in alike.values()]
    yield from (each for turn in zip_longest(*cut) for each in turn if each)


def _cut(jobs: Sequence[Job]) -> list[Sequence[Job]]:
    return [jobs[at : at + _AT_ONCE] for at in range(0, len(jobs), _AT_ONCE)]
