"""What every executor keeps to: on this machine, and on the two nodes of a real Ray cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest

from cultivar.application.evaluating import OpenPlaceOf, open_executor
from cultivar.errors import UntrustedError, UsageError
from cultivar.evals.executing.base import Executor, Job, OpenPlace
from cultivar.evals.trying.place import key_of
from cultivar.lifecycle import Assertion, TrialResult
from cultivar.record import replace
from cultivar.testing.greeters import OpenDying, case_of, greeter, settings_in
from cultivar.tree import text_entry

Open: TypeAlias = Callable[[OpenPlace], Executor]
"""Opens an executor of two workers."""


@pytest.fixture(params=["local", "ray"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    name: str = request.param
    if name == "ray":
        request.getfixturevalue("ray_nodes")
    made: list[Executor] = []

    def opening(open_place: OpenPlace) -> Executor:
        made.append(open_executor(name, open_place, 2))
        return made[-1]

    yield opening
    for each in made:
        each.close()


@pytest.fixture
def here(tmp_path: Path) -> OpenPlaceOf:
    return OpenPlaceOf(settings=settings_in(tmp_path))


def jobs(check: str = "grep -q hello greeting.txt", count: int = 4) -> list[Job]:
    names = [f"person {at}" for at in range(count)]
    return [Job(subject=greeter(check), case=case_of(name=each)) for each in names]


def verdicts(executor: Executor, given: list[Job]) -> dict[str, str]:
    done = list(executor.run(given))
    assert sorted(each.job.case.id for each in done) == sorted(each.case.id for each in given)
    return {str(each.job.case.inputs["name"]): each.result.verdict for each in done}


def timeless(result: TrialResult) -> TrialResult:
    return replace(result, seconds=0.0)


def test_all_jobs_are_done_as_they_would_be_here(opened: Open, here: OpenPlaceOf) -> None:
    from cultivar.evals.executing.base import do

    given = [*jobs(), *jobs("grep -q 'person 1' greeting.txt")]
    place, done = here(), {id(each.job): each for each in opened(here).run(given)}
    alone = [do(job, place) for job in given]
    together = [done[id(job)] for job in given]
    assert [timeless(each.result) for each in together] == [timeless(each.result) for each in alone]
    assert [each.key for each in together] == [each.key for each in alone]
    assert together[0].key == key_of(given[0].subject, given[0].case, 0, place)


def test_an_executor_does_jobs_again_and_again(opened: Open, here: OpenPlaceOf) -> None:
    executor = opened(here)
    assert list(executor.run([])) == []
    for _ in range(2):
        assert set(verdicts(executor, jobs()).values()) == {"passed"}


def test_a_worker_that_dies_costs_nothing_but_time(
    opened: Open, here: OpenPlaceOf, tmp_path: Path
) -> None:
    died = tmp_path / "died"
    died.mkdir()
    dying = OpenDying(settings=here.settings, deaths=2, counted_in=died)
    assert verdicts(opened(dying), jobs()) == {f"person {at}": "passed" for at in range(4)}
    assert len(list(died.iterdir())) == 2


def test_what_its_workers_die_of_is_not_verified_and_says_so(
    opened: Open, here: OpenPlaceOf, tmp_path: Path
) -> None:
    died = tmp_path / "died"
    died.mkdir()
    dying = OpenDying(settings=here.settings, deaths=1000, counted_in=died)
    (done,) = opened(dying).run(jobs(count=1))
    assert (done.result.verdict, done.key) == ("not_verified", "")
    assert "died 3 times" in done.result.output
    assert len(list(died.iterdir())) == 3


def test_an_error_of_a_job_is_raised_where_it_came_from(opened: Open, here: OpenPlaceOf) -> None:
    plain = greeter()
    config = "_jinja_extensions: [some.Extension]\n" + plain.tree.text("copier.yml")
    stranger = replace(plain, tree=plain.tree.replace({"copier.yml": text_entry(config)}))
    given = [Job(subject=replace(stranger, trusted=False), case=case_of()), *jobs()]
    with pytest.raises(UntrustedError, match="jinja_extensions"):
        list(opened(here).run(given))


def test_a_worker_that_is_killed_in_the_middle_costs_nothing_but_time(
    opened: Open, here: OpenPlaceOf, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            killed.extend(_kill_who_runs("sleep 1.7"))
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    done = verdicts(opened(here), jobs("sleep 1.7 && grep -q hello greeting.txt"))
    assert done == {f"person {at}": "passed" for at in range(4)}
    killer.join(timeout=10)
    assert len(killed) == 1


def _kill_who_runs(words: str) -> list[int]:
    """Kill the worker above one sandbox of ours whose command has these words; its number."""
    for child in _ours():
        try:
            if any(words in each for each in child.cmdline()) and (worker := _worker_of(child)):
                os.kill(worker.pid, signal.SIGKILL)
                return [worker.pid]
        except psutil.Error:
            continue
    return []


def _ours() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _worker_of(process: psutil.Process) -> psutil.Process | None:
    for above in process.parents():
        line = " ".join(above.cmdline())
        if "cultivar.evals.executing.local" in line or line.startswith("ray::"):
            return above
    return None


def test_who_stops_to_listen_stops_the_work(opened: Open, here: OpenPlaceOf) -> None:
    done = opened(here).run([*jobs(count=1), *jobs("sleep 30")])
    next(done)
    began = time.monotonic()
    done.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10


def test_an_executor_of_another_name_is_refused(here: OpenPlaceOf) -> None:
    with pytest.raises(UsageError, match="'cloud'"):
        open_executor("cloud", here)


def test_latencies_are_measured_where_the_job_is_done(opened: Open, here: OpenPlaceOf) -> None:
    slow = case_of(Assertion(kind="latency", value=0.5), Assertion(kind="checks", value=True))
    (done,) = opened(here).run([Job(subject=greeter("sleep 1"), case=slow)])
    assert done.result.verdict == "failed"
    assert done.result.seconds >= 1
