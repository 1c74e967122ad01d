"""The decorator by which a function in `tools/` says what it is like, so that it can be tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from cultivar.model import Json
from cultivar.record import Record

P = ParamSpec("P")
R = TypeVar("R")


class Characteristics(Record):
    """What may be done with a tool without harm."""

    idempotent: bool = False
    side_effects: bool = True
    safe_for_shadow_testing: bool = False
    requires_mocking: bool = False
    test_data_available: bool = False


class Case(Record):
    """An input of a tool, with what must come out."""

    input: dict[str, Json]
    expected_output: Json = None
    should_raise: str = ""
    """The name of the exception's class; empty where none is expected."""
    description: str = ""


class Tool(Record, Generic[P, R]):
    """A function with its characteristics and its cases."""

    call: Callable[P, R]
    characteristics: Characteristics
    cases: tuple[Case, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.call, "__name__", "tool")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.call(*args, **kwargs)


def tool(
    characteristics: Characteristics, *, cases: tuple[Case, ...] = ()
) -> Callable[[Callable[P, R]], Tool[P, R]]:
    """Declare the decorated function to be a tool."""

    def declare(call: Callable[P, R]) -> Tool[P, Any]:
        return Tool(call=call, characteristics=characteristics, cases=cases)

    return declare
