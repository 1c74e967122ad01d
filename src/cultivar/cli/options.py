"""Commands whose options are a record: one name for what a user gave.

A field's type is written as for Typer, `Annotated[type, typer.Option(...)]`; its default is the
option's.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import typer
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo
from typer.core import TyperCommand, TyperGroup

from cultivar.record import Record, fields

Options = TypeVar("Options", bound=Record)
Action = Callable[[Options], int | None]
"""What a command does; it returns the exit code, None for 0."""


class Stopped(Exception):  # noqa: N818 (a signal is no failure)
    """The user ended the command.

    Args:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def command(
    app: typer.Typer, name: str, options: type[Options]
) -> Callable[[Action[Options]], Action[Options]]:
    """Register the decorated function as the command `name` of `app`.

    Args:
        app: Where to.
        name: As the user types it.
        options: A record whose fields are the command's arguments and options.
    """

    def register(act: Action[Options]) -> Action[Options]:
        def callback(**given: Any) -> None:
            try:
                code = act(options(**given))
            except KeyboardInterrupt as stopped:
                # Typer would end here without a word.
                raise Stopped(stopped.args[0] if stopped.args else signal.SIGINT) from stopped
            if code:
                raise typer.Exit(code)

        hints = get_type_hints(options, include_extras=True)
        parameters = [_parameter(field, hints) for field in fields(options)]
        callback.__doc__ = act.__doc__
        callback.__annotations__ = hints
        vars(callback)["__signature__"] = inspect.Signature(parameters)
        app.command(name, cls=_Command)(callback)
        return act

    return register


class Group(TyperGroup):
    """All commands; as each of them, it reads texts and paths itself; Typer would load pydantic."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _spared(super().get_help_option(ctx), None)


class _Command(TyperCommand):
    def __init__(self, name: str | None, **given: Any) -> None:
        super().__init__(name, **given)
        hints = given["callback"].__annotations__
        for each in self.params:
            _spared(each, _kind(hints[each.name]))

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _spared(super().get_help_option(ctx), None)


def _spared(parameter: Any, kind: Any) -> Any:
    """The `parameter`, now without Typer where its value is as given."""
    if parameter is not None:
        read = partial(_read, parameter.process_value, kind, parameter.required)
        parameter.__dict__.setdefault("process_value", read)
    return parameter


def _kind(hint: Any) -> Any:
    """The type in `Annotated[type | None, ...]`."""
    kind = get_args(hint)[0]
    return next((each for each in get_args(kind) if each is Path or each == list[str]), kind)


def _read(
    fully: Callable[[Any, Any], Any], kind: Any, required: bool, context: Any, value: Any
) -> Any:
    """`value` as the type `kind`; what takes more than a look, as Typer has it."""
    if value is None:
        return fully(context, value) if required else None
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind == list[str]:
        return value if all(isinstance(each, str) for each in value) else fully(context, value)
    return value if type(value) is kind else fully(context, value)


def _parameter(field: FieldInfo, hints: dict[str, Any]) -> inspect.Parameter:
    default: Any = inspect.Parameter.empty
    if field.default is not NODEFAULT:
        default = field.default
    elif field.default_factory is not NODEFAULT:
        default = field.default_factory()
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=hints[field.name],
    )
