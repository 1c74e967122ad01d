"""The Jinja extensions that a template names: which come with us, and how its own are loaded.

The invariant: an author's code is imported only inside of `loading`, which a worker behind the
wall enters and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias

from jinja2.ext import Extension

LoadExtension: TypeAlias = Callable[[str], type[Extension]]
"""Imports the extension of that name."""

STOCK: Final = frozenset({"jinja2.ext.do", "jinja2.ext.loopcontrols"})
"""Extensions that reach nothing; a trusted template gets them in any process."""

_BUILT_IN: Final = frozenset({"jinja2_ansible_filters.AnsibleCoreFiltersExtension"})
"""What they bring is in every environment of ours."""

_load: ContextVar[LoadExtension | None] = ContextVar("_load", default=None)


@contextmanager
def loading(load: LoadExtension) -> Generator[None]:
    """Let environments have the templates' own extensions, which `load` imports."""
    token = _load.set(load)
    try:
        yield
    finally:
        _load.reset(token)


def is_loading() -> bool:
    """Whether the templates' own extensions are loaded here."""
    return _load.get() is not None


def foreign(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the extensions `names` that are somebody's own code."""
    return tuple(name for name in names if name not in STOCK | _BUILT_IN)


def extensions_of(names: Iterable[str]) -> list[str | type[Extension]]:
    """What an environment of ours takes in for a template that names these extensions."""
    load = _load.get()
    if load is None:
        return [name for name in names if name in STOCK]
    return [name if name in STOCK else load(name) for name in names if name not in _BUILT_IN]
