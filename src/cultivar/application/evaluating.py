"""`eval`: a suite's cases, tried on any set of versions."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from cultivar.agent import Context
from cultivar.application.subjects import Subjects
from cultivar.definitions import Definitions
from cultivar.errors import TemplateError, UnsafeError, UsageError
from cultivar.evals.executing.base import Executor, OpenPlace
from cultivar.evals.executing.local import LocalExecutor
from cultivar.evals.executing.running import Course, Told, jobs_of, no_one, run_trials
from cultivar.evals.reporting.evaluation import Evaluation, TriedVersion
from cultivar.evals.suites.expanding import cases_of
from cultivar.evals.suites.reading import read_suite
from cultivar.evals.suites.suite import Suite
from cultivar.evals.trying.base import Place, Subject
from cultivar.ledger.base import VerdictCache
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.llm.base import Provider
from cultivar.model import CheckResult
from cultivar.record import Record, replace
from cultivar.settings import NO_MODEL, Settings
from cultivar.wiring import Services


class EvalOrder(Record):
    """What a user asked of `eval`."""

    suite: Path
    versions: tuple[str, ...] = ()
    """Versions, tags, folders; else those of the suite, else the current one."""
    compare: tuple[str, str] | None = None
    """Two versions, the one before and the one after, that are tried instead."""
    repeats: int = 0
    """How often each case is tried, instead of what the suite says; 0: as it says."""
    workers: int = 0
    """How many trials run at a time; 0: as many as there are processors."""
    executor: str = "local"
    """`local`, or `ray` for many machines."""
    min_pass_rate: float | None = None
    """The share of trials that must pass, instead of what the suite says."""
    trust: bool = False
    """Whether the templates' own code may run, in the sandbox."""


class OpenPlaceOf(Record):
    """Opens a place as the settings have it, in whatever process it is called in."""

    settings: Settings

    def __call__(self) -> Place:
        """The place; what is opened stays open as long as its process lives."""
        return place_of(Services(self.settings, {VerdictCache: NoVerdicts()}))


class NoVerdicts:
    """Remembers no verdict, for processes that open no ledger."""

    def verdict(self, key: str) -> CheckResult | None:
        """None, always."""
        return None

    def remember(self, key: str, result: CheckResult) -> None:
        """Forget `result`."""


def place_of(services: Services) -> Place:
    """The place that `services` make."""
    model = services.settings.model.name.strip()
    if model in NO_MODEL and (handed := services.given(Provider)) is not None:
        model = handed.name
    if model in NO_MODEL:
        return Place(context=Context(services=services))
    prompts = services.need(Definitions).prompts("inferrer")
    asked = services.settings.model
    return Place(
        context=Context(services=services, prompts=prompts),
        model=model,
        asked_with=(asked.temperature, asked.max_tokens, asked.api_base),
    )


def open_executor(name: str, open_place: OpenPlace, workers: int = 0) -> Executor:
    """The executor of that name.

    Args:
        name: `local` or `ray`.
        open_place: Opens the place of one worker.
        workers: How many trials run at a time; 0: as many as there are processors.

    Raises:
        UsageError: There is none of that name, or a package is missing.
        UnavailableError: The cluster cannot be reached.
    """
    if name == "ray":
        from cultivar.evals.executing.ray import RayExecutor

        return RayExecutor(open_place, workers)
    if name != "local":
        raise UsageError(f"There is no executor {name!r}.", "Expected is `local` or `ray`.")
    return LocalExecutor(open_place, workers or len(os.sched_getaffinity(0)))


def evaluate(services: Services, order: EvalOrder, told: Told = no_one) -> Evaluation:
    """Try the versions on the suite's cases; what is known from before is not tried again.

    Args:
        services: What is open.
        order: What was asked.
        told: Hears each result as it comes.

    Raises:
        UsageError: The suite, or a version, is not as it must be.
        RefusedError: A version takes trust or a wall that is not there.
        BudgetSpentError: The model has cost what it may; the next run goes on from there.
        UnavailableError: The executor is down.
    """
    began = time.monotonic()
    suite = read_suite(order.suite)
    labels = order.compare or order.versions or suite.versions or ("",)
    found = Subjects(services, trust=order.trust).found(suite, tuple(dict.fromkeys(labels)))
    if order.compare:
        _refuse_same(tuple(found.values()))
    place = place_of(services)
    cases = _cases(suite, tuple(found.values()), place)
    trials = _Trials(services=services, place=place, order=order, told=told)
    run_id = _run_id(suite, tuple(found.values()), cases)
    results = trials.results(run_id, tuple(found.values()), cases)
    least = suite.min_pass_rate if order.min_pass_rate is None else order.min_pass_rate
    done = Evaluation(
        id=run_id,
        suite=suite.name,
        artifact=next(iter(found.values())).artifact,
        versions=tuple(_version(label, each) for label, each in found.items()),
        cases=cases,
        results=results,
        min_pass_rate=least,
        judged=tuple(found)[1:] if order.compare else tuple(found),
        seconds=time.monotonic() - began,
    )
    return _compared(done, noisy=suite.noisy) if order.compare else done


class _Trials(Record):
    """What is needed to have jobs done."""

    services: Services
    place: Place
    order: EvalOrder
    told: Told

    def results(
        self, run_id: str, subjects: tuple[Subject, ...], cases: tuple[TrialCase, ...]
    ) -> tuple[TrialResult, ...]:
        """The results of all versions on all cases."""
        settings = self.services.settings
        jobs = jobs_of(subjects, cases, self.place, self.order.repeats)
        course = Course(trial_of=run_id, told=self.told, money=settings.budget.money)
        open_place = OpenPlaceOf(settings=settings)
        executor = open_executor(self.order.executor, open_place, self.order.workers)
        try:
            return run_trials(jobs, executor, self.services.need(ExperimentStore), course)
        finally:
            executor.close()


def _version(label: str, subject: Subject) -> TriedVersion:
    return TriedVersion(label=label, tree_hash=subject.tree_hash)


def _refuse_same(subjects: tuple[Subject, ...]) -> None:
    if len({each.tree_hash for each in subjects}) < 2:
        raise UsageError("Both names stand for the same version.", "Name two that differ.")


def _compared(done: Evaluation, *, noisy: bool | None) -> Evaluation:
    """`done` with what is to be said of its two versions."""
    from cultivar.evals.comparing.comparison import compare

    before, after = map(done.of, done.versions)
    return replace(done, comparison=compare(before, after, cases=done.cases, noisy=noisy))


def _cases(suite: Suite, subjects: tuple[Subject, ...], place: Place) -> tuple[TrialCase, ...]:
    """The cases, as the first version that can be read takes them.

    Raises:
        TemplateError: None can be read.
    """
    if suite.kind != "template":
        return cases_of(suite)
    read = [each for each in subjects if _is_read(each, place)] or subjects[:1]
    return cases_of(suite, [place.template(each) for each in read], place.workshop)


def _is_read(subject: Subject, place: Place) -> bool:
    try:
        place.template(subject)
    except (TemplateError, UnsafeError):
        return False  # trials of it fail, and say why
    return True


def _run_id(suite: Suite, subjects: tuple[Subject, ...], cases: tuple[TrialCase, ...]) -> str:
    """The id of the run: the same for the same cases and versions, however often it is begun."""
    said = [suite.name, *(each.tree_hash for each in subjects), *(each.id for each in cases)]
    return f"eval-{hashlib.sha256(' '.join(said).encode()).hexdigest()[:16]}"
