"""`improve --loop`: a line for each fact with its time, or a line of JSON for each round."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cultivar.cli.logs import begin_log, note
from cultivar.cli.output import counted, plain, show
from cultivar.cli.stopping import Signals
from cultivar.errors import CultivarError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.improving import Improved, ImproveOptions
    from cultivar.application.rounds import Bounds, Round
    from cultivar.lifecycle import Experiment, Release

_OPEN = frozenset({"running", "waiting", "canary"})


class Loop(Record):
    """What a loop is told to do."""

    open: Callable[[], Cultivar]
    bounds: Bounds
    options: ImproveOptions
    as_json: bool


def improve_again_and_again(loop: Loop) -> int:
    """Improve until the bounds are met, or a signal comes; returns the exit code."""
    begin_log()
    with Signals() as stop, loop.open() as cultivar:
        if not loop.as_json:
            show("Improving, again and again. Ctrl-C stops it after the step that it is at.")
        try:
            code = 0
            for done in cultivar.improve_loop(loop.bounds, stop=stop, **loop.options):
                code = done.trouble.exit_code if done.trouble else 0
                _tell(done, as_json=loop.as_json)
        except CultivarError as error:
            if not loop.as_json:
                raise
            _print_line({"error": _facts(error)})
            return error.exit_code
        if stop.is_set():
            note("Stopping: what is under way is kept, and goes on with the next start.")
            return 0
    return code


def _tell(done: Round, *, as_json: bool) -> None:
    if as_json:
        _print_line(plain(done))
        return
    for line in _lines(done):
        note(" ".join(line.split()))


def _print_line(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()  # who reads it waits for it


def _facts(error: CultivarError) -> dict[str, object]:
    from cultivar.application.rounds import trouble_of

    return {**plain(trouble_of(error)), "run_id": error.run_id}


def _lines(done: Round) -> Iterator[str]:
    head = f"Round {done.number}"
    if done.again:
        yield f"{head} took up the run {done.run_id}, which had been interrupted."
    if done.improved is not None:
        yield from _came_to(done.improved)
    if done.trouble is not None:
        yield f"{head} came to no good end: {done.trouble.what} {done.trouble.remedy}"
    if done.unknown:
        yield "Some trials could not be made; they are made again. `cultivar doctor` says more."
    if done.closed:
        yield f"The run {done.run_id} cannot be taken up again; its trials are stopped."
    yield f"{head} is over. {_outlook(done)}"


def _came_to(improved: Improved) -> Iterator[str]:
    for opportunity in improved.opportunities:
        yield f"{opportunity.kind}: {opportunity.why}"
    decided = [each for each in improved.standing if each.status not in _OPEN]
    for experiment in (*improved.experiments, *decided):
        yield _experiment(experiment)
    for release in improved.releases:
        yield _release(release)
    yield from (*improved.fruitless, *improved.troubles)


def _experiment(experiment: Experiment) -> str:
    candidate, status = experiment.candidate, experiment.status.replace("_", " ")
    cost = f" ${experiment.money:.4f}." if experiment.money else ""
    said = experiment.reason or candidate.description
    return f"{status}: {candidate.artifact.id}, experiment {experiment.id[:8]}: {said}{cost}"


def _release(release: Release) -> str:
    return f"{release.status.replace('_', ' ')}: {release.artifact.id}: {release.reason}"


def _outlook(done: Round) -> str:
    """What is left to do, and when it goes on."""
    improved = done.improved
    idle = improved is not None and not (improved.experiments or improved.releases)
    said = ["There was nothing to do."] if idle else []
    if done.waiting:
        word = "waits" if done.waiting == 1 else "wait"
        waiting = counted(done.waiting, "experiment")
        said.append(f"{waiting} {word} for your word: see `cultivar experiments`.")
    if done.rest is not None:
        when = f"in {done.rest:.0f} s" if done.rest else "at once"
        said.append(f"The next one begins {when}.")
    return " ".join(said)
