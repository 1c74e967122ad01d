"""Ansible's filters for regular expressions, each with an end to the time that it may take.

The invariant: no pattern and no text holds the process. Python's own `re` cannot be interrupted,
so it only judges the pattern; what runs it is `regex`, which looks at the clock. It is imported
when a template first uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from jinja2 import pass_environment
from jinja2.exceptions import FilterArgumentError

from cultivar.errors import UnsafeError
from cultivar.templating.jinja.guards import GuardedEnvironment

_LONGEST: Final = 5_000
_LARGEST: Final = 100_000
_TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<times>\d+)(?:,\d*)?\}|.", re.DOTALL
)
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z]*x")
_BACK = re.compile(r"\\g<(?P<name>\S+)>|\\(?P<number>\d+)")


@cache
def _engine() -> Any:
    """`regex`; behind the wall of a worker, whose limits end what takes too long, Python's `re`."""
    try:
        return import_module("regex")
    except ImportError:
        return import_module("cultivar.templating.jinja.untimed")


def _compiled(pattern: str, **flags: bool) -> Any:
    """The pattern, where Python's `re` takes it."""
    if len(pattern) > _LONGEST or _expanded(pattern) > _LARGEST:
        raise UnsafeError(f"The regular expression {pattern[:60]!r} repeats itself too often.")
    re.compile(pattern)
    engine = _engine()
    chosen: int = engine.VERSION0
    for name, wanted in flags.items():
        chosen |= getattr(engine, name.upper()) if wanted else 0
    return engine.compile(pattern, chosen)


def _expanded(pattern: str) -> int:
    """The size of `pattern` once what it repeats at least so often is written out.

    A verbose pattern may hide a bracket in a comment, so there all repeats count as nested.
    """
    nested = not _VERBOSE.search(pattern)
    totals, atom = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token["times"] is not None:
            times = min(int(token["times"][:9]), _LARGEST + 1)
            totals[-1] += atom * max(times - 1, 0)
            atom *= max(times, 1)
        elif token[0] == "(" and nested:
            totals.append(0)
        elif token[0] == ")" and len(totals) > 1:
            atom = totals.pop() + 1
            totals[-1] += atom
        else:
            atom = atom + 1 if not nested else 1
            totals[-1] += 1
    return sum(totals)


def _limited(environment: GuardedEnvironment, pattern: str, run: Callable[[float], Any]) -> Any:
    """What `run` gives within the seconds that are left to the render."""
    try:
        return run(environment.meter.left())
    except TimeoutError as error:
        raise UnsafeError(
            f"The regular expression {pattern[:60]!r} takes too long.",
            "Write it so that it does not try the same text in many ways.",
        ) from error


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def regex_escape(text: str, re_type: str = "python") -> str:
    """`text` with a backslash before what a regular expression would read."""
    if re_type == "python":
        return re.escape(_text_of(text))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", text)
    raise NotImplementedError(f"There is no escaping for {re_type!r}.")


@pass_environment
def regex_findall(
    environment: GuardedEnvironment,
    text: str,
    pattern: str,
    multiline: bool = False,
    ignorecase: bool = False,
) -> list[Any]:
    """All that matches, as `re.findall` has it."""
    compiled = _compiled(pattern, multiline=multiline, ignorecase=ignorecase)
    text = _text_of(text)
    found: list[Any] = _limited(
        environment, pattern, lambda left: compiled.findall(text, timeout=left)
    )
    return found


@pass_environment
def regex_replace(
    environment: GuardedEnvironment,
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
) -> str:
    """`value` with all that matches replaced."""
    compiled, text = _compiled(pattern, ignorecase=ignorecase), str(value)
    size = len(text) + (len(text) + 1) * len(replacement) if len(replacement) > 99 else 0
    environment.meter.charge(size)
    return str(
        _limited(environment, pattern, lambda left: compiled.sub(replacement, text, timeout=left))
    )


@pass_environment
def regex_search(
    environment: GuardedEnvironment,
    text: str,
    pattern: str,
    *groups: str,
    multiline: bool = False,
    ignorecase: bool = False,
) -> str | list[Any] | None:
    r"""What matches first; with `groups` like `\1` or `\g<name>`, a list of these."""
    wanted = [_group(group) for group in groups]
    compiled = _compiled(pattern, multiline=multiline, ignorecase=ignorecase)
    text = _text_of(text)
    found = _limited(environment, pattern, lambda left: compiled.search(text, timeout=left))
    if found is None:
        return None
    return [found.group(group) for group in wanted] if wanted else str(found.group())


def _group(reference: str) -> str | int:
    found = _BACK.match(reference)
    if found is None:
        raise FilterArgumentError(f"{reference!r} names no group.")
    name: str = found["name"] or found["number"]
    return int(name) if name.isdecimal() and found["number"] else name


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "regex_escape": regex_escape,
    "regex_findall": regex_findall,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
}
"""By the names that templates know them by."""
