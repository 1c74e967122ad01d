"""Trials that compare time: both versions anew and side by side, in an order that is drawn.

The invariant: which version goes first depends on nothing that makes it quick or slow. So of two
equal versions each is as likely the quicker one of a pair, whatever else the machine does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cultivar.evals.comparing.pairing import Pairs
from cultivar.evals.executing.base import Job
from cultivar.evals.trying.base import Place
from cultivar.evolution.gate.guarding import standings
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import Experiment, TrialCase
from cultivar.record import replace


def drawn(experiment: Experiment, jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs of one case in the order in which they are done.

    It is the same each time that it is asked, so that a run that was killed goes on as it began.

    Args:
        experiment: Whose.
        jobs: One with each version.
    """
    said = f"{experiment.id} {jobs[0].case.id} {jobs[0].repeat}".encode()
    turned = hashlib.sha256(said).digest()[0] % 2
    return tuple(reversed(jobs)) if turned else tuple(jobs)


def timed(job: Job, experiment: Experiment, place: Place) -> Job:
    """The job, tried anew for its time; as it is where a model that was asked before would answer.

    Args:
        job: What is tried.
        experiment: In which.
        place: Where.
    """
    modelled = experiment.candidate.artifact.kind == "prompt" or (job.case.task and place.model)
    return job if modelled else replace(job, timed=True)


def is_for_time(experiment: Experiment) -> bool:
    """Whether all its trials are made to compare time."""
    return experiment.opportunity.kind == "slow"


def lacks_times(pairs: Pairs, gate: GateSettings) -> bool:
    """Whether it is open what it takes, because one version was tried at another time.

    Args:
        pairs: What both versions did.
        gate: What may be lost.
    """
    apart = pairs.aspects["seconds"].apart
    return bool(apart) and standings(pairs, gate, steady=False).get("seconds") == "open"


def telling_first(cases: Iterable[TrialCase], pairs: Pairs) -> list[TrialCase]:
    """The cases, those first that both versions passed, which alone tell what they take."""
    return sorted(cases, key=lambda case: not _both_pass(pairs, case))


def _both_pass(pairs: Pairs, case: TrialCase) -> bool:
    known = pairs.cases[case.id]
    return bool(known.before and known.after)
