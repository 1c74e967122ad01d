"""Tries a version of whatever kind on a case, and says what the result depends on."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from cultivar.errors import TemplateError, UnavailableError, UnsafeError
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.results import not_verified
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.record import to_builtins

_FORMAT: Final = 1
"""Of results: raised when the same version on the same case may give another one."""

_RUNNING: Final = frozenset({"succeeds", "python"})
"""The assertions that run something behind the wall."""


def try_case(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    """Use `subject` once, as `case` says, and say what came of it.

    A place that is down is no failure of the version: the result is `not_verified` then.

    Raises:
        RefusedError: It takes trust or a wall that is not there.
        BudgetSpentError: The trial has used what it may.
    """
    try:
        return _tried(subject, case, repeat, place)
    except UnavailableError as error:
        return not_verified(subject, case, repeat, str(error))


def key_of(subject: Subject, case: TrialCase, repeat: int, place: Place) -> str:
    """A hash of all that the result depends on; empty where the place is down.

    The environment is made where it is new.
    """
    try:
        said = [*_where(subject, case, place), *_with(subject, case, place)]
    except UnavailableError:
        return ""
    what = [_FORMAT, subject.artifact.kind, subject.tree_hash, subject.trusted, case.id, repeat]
    said += [place.among] if place.among else []
    return hashlib.sha256(json.dumps([what, said], sort_keys=True).encode()).hexdigest()


def _tried(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    if subject.artifact.kind == "template":
        from cultivar.evals.trying.templates import try_template

        return try_template(subject, case, repeat, place)
    if subject.artifact.kind == "prompt":
        from cultivar.evals.trying.prompts import try_prompt

        return try_prompt(subject, case, repeat, place)
    from cultivar.evals.trying.tools import try_tool

    return try_tool(subject, case, repeat, place)


def _where(subject: Subject, case: TrialCase, place: Place) -> list[object]:
    """The sandbox, its limits, and the environment in it; of a prompt, only where it takes one."""
    kind = subject.artifact.kind
    if kind == "prompt" and _RUNNING.isdisjoint(each.kind for each in case.assertions):
        return []
    runner = place.runner
    limits = to_builtins(runner.limits)
    return [runner.sandbox.name, limits, _environment(subject, place)]


def _environment(subject: Subject, place: Place) -> str:
    if subject.artifact.kind == "prompt":
        return place.runner.environments.get((), language="python").id
    try:
        return (
            _of_tool(subject, place)
            if subject.artifact.kind == "tool"
            else _of_template(subject, place)
        )
    except (TemplateError, UnsafeError):
        return ""  # a version that cannot be read fails anywhere


def _of_tool(subject: Subject, place: Place) -> str:
    from cultivar.evals.trying.tool_uses import environment_id

    return environment_id(place.runner, subject.tree, subject.artifact.name)


def _of_template(subject: Subject, place: Place) -> str:
    from cultivar.evals.trying.templates import environment_id

    return environment_id(place.template(subject), subject, place)


def _with(subject: Subject, case: TrialCase, place: Place) -> list[object]:
    """The model and how it is asked, where one takes part."""
    takes_part = subject.artifact.kind == "prompt" or (
        subject.artifact.kind == "template" and case.task
    )
    return [place.model, place.asked_with] if takes_part and place.model else []
