"""Assertions on what was made: contains, equals, regex, is-json, file-exists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any, Final

from cultivar.evals.assertions.base import Finding, Outcome, no_file, shown, texts_at
from cultivar.lifecycle import Assertion
from cultivar.model import Json

_ANYTHING: Final[Mapping[str, Json]] = {}
_SECONDS: Final = 1.0
"""How long a regular expression may look through one text."""


def contains(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether the text stands in one of the files, or in the output."""
    wanted = str(assertion.value)
    return _any(assertion, outcome, lambda text: wanted in text, f"contains {shown(wanted)}")


def matches(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether the regular expression matches somewhere in one of the files, or in the output."""
    import regex

    pattern = str(assertion.value)

    def found(text: str) -> bool:
        return regex.search(pattern, text, regex.MULTILINE, timeout=_SECONDS) is not None

    try:
        return _any(assertion, outcome, found, f"matches {shown(pattern)}")
    except TimeoutError:
        return Finding(holds=None, said=f"{shown(pattern)} takes too long to look for.")


def equals(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether a file, the reply, or what a tool returned is the value."""
    if not assertion.path and not outcome.tree and outcome.value is not None:
        same = same_value(outcome.value, assertion.value)
        return Finding(holds=same, said=f"It is {shown(outcome.value)}.")
    if not assertion.path and len(outcome.tree) > 1:
        return Finding(holds=None, said="There are several files: name one with `path`.")
    wanted = _line_ended(str(assertion.value))
    found = texts_at(outcome, assertion.path)
    if not found:
        return no_file(outcome, assertion.path)
    differing = [name for name, text in found.items() if _line_ended(text) != wanted]
    said = f"{', '.join(differing)} differs." if differing else "It is the same."
    return Finding(holds=not differing, said=said)


def is_json(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether each of the files, or the output, is JSON, and fits the schema if there is one."""
    found = texts_at(outcome, assertion.path)
    if not found:
        return no_file(outcome, assertion.path)
    schema = assertion.value if isinstance(assertion.value, Mapping) else _ANYTHING
    unresolvable: type[Exception] = import_module("referencing.exceptions").Unresolvable
    try:
        misfits = {name: _misfit(text, schema) for name, text in found.items()}
    except (unresolvable, RecursionError) as error:
        return Finding(holds=None, said=f"The schema refers to what is not there: {error}")
    for name, why in misfits.items():
        if why:
            return Finding(holds=False, said=f"{name} {why}")
    return Finding(holds=True, said=f"{', '.join(found)} is JSON that fits.")


def file_exists(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether there is a file of that name, or one that the pattern matches."""
    found = [each for each in outcome.tree if fnmatchcase(each, assertion.path)]
    said = f"There is `{found[0]}`." if found else no_file(outcome, assertion.path).said
    return Finding(holds=bool(found), said=said)


def same_value(one: Json, other: Json) -> bool:
    """Whether two values of JSON are the same: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    return one == other


def _any(
    assertion: Assertion, outcome: Outcome, holds: Callable[[str], bool], what: str
) -> Finding:
    found = texts_at(outcome, assertion.path)
    if not found:
        return no_file(outcome, assertion.path)
    holding = [name for name, text in found.items() if holds(text)]
    said = f"{holding[0]} {what}." if holding else f"Nothing in {_all(found)} {what}."
    return Finding(holds=bool(holding), said=said)


def _all(found: Mapping[str, str]) -> str:
    return next(iter(found)) if len(found) == 1 else f"{len(found)} files"


def _line_ended(text: str) -> str:
    """`text` without the end of its last line, which editors add and YAML's blocks have."""
    return text.removesuffix("\n")


def _misfit(text: str, schema: Mapping[str, Json]) -> str:
    """Why `text` is no JSON that fits; empty where it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {error}."
    if not schema:
        return ""
    validator = schema_validator(schema)
    problem = next(iter(sorted(validator.iter_errors(value), key=lambda e: len(e.path))), None)
    if problem is None:
        return ""
    place = ".".join(str(each) for each in problem.absolute_path)
    return f"does not fit its schema{f' at `{place}`' if place else ''}: {problem.message}."


def schema_validator(schema: Mapping[str, Json]) -> Any:
    """What validates by `schema`; it fetches nothing that the schema refers to.

    Raises:
        ValueError: It is no JSON schema.
    """
    jsonschema: Any = import_module("jsonschema")  # it comes without types
    nothing: Any = import_module("referencing").Registry()
    kind = jsonschema.validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(error.message) from error
    return kind(schema, registry=nothing)
