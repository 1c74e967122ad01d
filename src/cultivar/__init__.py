"""Cultivar: generate code from templates, prove it in a sandbox, learn from every outcome.

```python
from cultivar import Cultivar

with Cultivar() as cultivar:
    made = cultivar.generate("An async TTL cache with metrics", output="out")
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# At once, since `agent` and `tool` are also the names of the modules that they are in.
from cultivar.agent import Agent, Context, agent
from cultivar.tool import Case, Characteristics, Tool, tool

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.generating import Generated, GenerateOptions
    from cultivar.application.upgrading import Upgraded
    from cultivar.errors import (
        BudgetSpentError,
        CultivarError,
        RefusedError,
        UnavailableError,
        UsageError,
    )
    from cultivar.ledger.base import Query
    from cultivar.model import Answer, Check, CheckResult, Generation, OpenQuestion
    from cultivar.settings import Settings, load_settings
    from cultivar.tree import Tree

__all__ = [
    "Agent",
    "Answer",
    "BudgetSpentError",
    "Case",
    "Characteristics",
    "Check",
    "CheckResult",
    "Context",
    "Cultivar",
    "CultivarError",
    "GenerateOptions",
    "Generated",
    "Generation",
    "OpenQuestion",
    "Query",
    "RefusedError",
    "Settings",
    "Tool",
    "Tree",
    "UnavailableError",
    "Upgraded",
    "UsageError",
    "agent",
    "load_settings",
    "tool",
]

_HOMES = {
    "application.cultivar": ("Cultivar",),
    "application.generating": ("GenerateOptions", "Generated"),
    "application.upgrading": ("Upgraded",),
    "errors": (
        *("BudgetSpentError", "CultivarError", "RefusedError"),
        *("UnavailableError", "UsageError"),
    ),
    "ledger.base": ("Query",),
    "model": ("Answer", "Check", "CheckResult", "Generation", "OpenQuestion"),
    "settings": ("Settings", "load_settings"),
    "tree": ("Tree",),
}
"""Where each name lives; it is imported when it is first asked for, so that starting is quick."""

_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'cultivar' has no attribute {name!r}")
    value: object = getattr(import_module(f"cultivar.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
