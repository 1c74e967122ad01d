"""Loops over files: the tag `{% yield x from xs %}…{% endyield %}` in the name of a path."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import UndefinedError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from cultivar.errors import TemplateError
from cultivar.record import Record


class PathLoop(Record):
    """What a name loops over: `name` takes each of `values` in turn."""

    name: str
    values: Iterable[Any]


_found: ContextVar[list[PathLoop] | None] = ContextVar("_found", default=None)


@contextmanager
def path_loops() -> Generator[list[PathLoop]]:
    """Collect the loops of the one name that is rendered inside."""
    loops: list[PathLoop] = []
    token = _found.set(loops)
    try:
        yield loops
    finally:
        _found.reset(token)


class YieldExtension(Extension):
    """Reports the loop to `path_loops` and renders the body as it stands."""

    tags = {"yield"}  # noqa: RUF012  (Jinja declares it so)

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse `yield NAME from EXPRESSION`, a body, and `endyield`."""
        line = next(parser.stream).lineno
        target = parser.parse_assign_target(name_only=True)
        parser.stream.expect("name:from")
        values = parser.parse_expression()
        body = parser.parse_statements(("name:endyield",), drop_needle=True)
        call = self.call_method("report", [nodes.Const(target.name), values])
        return nodes.CallBlock(call, [], [], body, lineno=line)

    def report(self, name: str, values: Iterable[Any], caller: Callable[[], str]) -> str:
        """Called when the tag is rendered.

        Raises:
            TemplateError: The name already has a loop, or this is no name of a path.
        """
        loops = _found.get()
        if loops:
            raise TemplateError(
                f"There are two `yield` tags in one name, over {loops[0].name!r} and {name!r}.",
                remedy="Put each in a folder's name of its own.",
            )
        if loops is not None:
            loops.append(PathLoop(name=name, values=values))
        try:
            return caller()
        except UndefinedError:
            return ""  # the loop's variable has no value before the loop runs
