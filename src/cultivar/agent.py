"""The decorator by which a definition fills a role, and what an agent may reach for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from cultivar.errors import DefinitionError
from cultivar.prompt import Prompt
from cultivar.record import Record, field
from cultivar.roles import Role
from cultivar.tool import Tool

In = TypeVar("In")
Out = TypeVar("Out")
Service = TypeVar("Service")


class Context(Record):
    """What an agent or a graph may reach for while it acts.

    Services are asked for by their type, so that a definition names what it needs and gets it
    from whoever wired the application.
    """

    services: Mapping[type[Any], object] = field(default_factory=dict[type[Any], object])
    prompts: Mapping[str, Prompt] = field(default_factory=dict[str, Prompt])
    """The definition's own `*.md.jinja`, by stem."""

    def get(self, kind: type[Service]) -> Service:
        """The service that was wired for `kind`, a class or a protocol.

        Raises:
            DefinitionError: Nothing was wired for it.
        """
        try:
            return cast("Service", self.services[kind])
        except KeyError:
            known = ", ".join(sorted(each.__name__ for each in self.services))
            raise DefinitionError(
                f"No service is wired for `{kind.__name__}`.", f"Wired are: {known}."
            ) from None


class Toolbox(Protocol):
    """The tools, by name: a service."""

    def __call__(self, name: str) -> Tool[..., Any]:
        """The tool called `name`.

        Raises:
            DefinitionError: There is none.
        """
        ...


class Agent(Record, Generic[In, Out]):
    """A role, and the function that fills it."""

    role: Role[In, Out]
    act: Callable[[In, Context], Out]


def agent(role: Role[In, Out]) -> Callable[[Callable[[In, Context], Out]], Agent[In, Out]]:
    """Fill `role` with the decorated function."""

    def fill(act: Callable[[In, Context], Out]) -> Agent[In, Out]:
        return Agent(role=role, act=act)

    return fill
