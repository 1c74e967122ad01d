"""`tools`: what tools there are and how they do, and the use of one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cultivar.cli.options import command
from cultivar.cli.output import console, escape, plain, print_json, show, table
from cultivar.errors import UsageError
from cultivar.record import Record, field

if TYPE_CHECKING:
    from cultivar.application.tooling import ToolFacts, Tooling, Used
    from cultivar.model import Json

FAILED = 1
"""The exit code where a use did not succeed."""

_RUN = "run"


class ToolsCommand(Record):
    """What a user may say to `cultivar tools`."""

    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME | run NAME]", help="Show this one, or use it.", show_default=False
        ),
    ] = field(default_factory=list[str])
    input: Annotated[
        str, typer.Option(metavar="JSON", help="Its arguments, by parameter; `-` reads them.")
    ] = ""
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use it once for each line of JSON.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "tools", ToolsCommand)(tools)


def tools(options: ToolsCommand) -> int | None:
    """List the tools with how they do, show one, or use one as an agent would.

    Example: cultivar tools run failing_lines --input '{"output": "m.py:1: bad", "files": {}}'
    """
    from cultivar.application.tooling import Tooling

    with Tooling() as tooling:
        match options.words:
            case []:
                _list(tooling.tools(), options)
            case ["run", name]:
                return _use(tooling, name, options)
            case [name] if name != _RUN:
                _show(tooling.tool(name), options)
            case _:
                raise UsageError(
                    f"`cultivar tools {' '.join(options.words)}` says nothing.",
                    "Name one tool, or `run` and one tool.",
                )
    return None


def _use(tooling: Tooling, name: str, options: ToolsCommand) -> int | None:
    used = [tooling.use_tool(name, inputs) for inputs in _given(options)]
    failed = [each for each in used if each.error]
    if options.as_json:
        print_json(used if options.inputs else used[0])
    elif options.inputs:
        show(f"{len(used) - len(failed)} of {len(used)} uses succeeded.")
    else:
        _tell(used[0])
    return FAILED if failed else None


def _tell(used: Used) -> None:
    if used.error:
        show(f"[red]{escape(used.error)}[/]: {escape(used.message)}")
    elif isinstance(used.output, str):
        show(escape(used.output))
    else:
        show(escape(json.dumps(plain(used.output), ensure_ascii=False)))


def _given(options: ToolsCommand) -> Iterator[Mapping[str, Json]]:
    """The arguments of each use."""
    if options.inputs is None:
        yield _arguments(sys.stdin.read() if options.input == "-" else options.input or "{}")
        return
    try:
        lines = options.inputs.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{options.inputs}` cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _arguments(line, f"`{options.inputs}`, line {number}: ")


def _arguments(text: str, place: str = "") -> Mapping[str, Json]:
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}this is no JSON: {error}.", _SHAPE) from error
    if not isinstance(said, dict):
        raise UsageError(f"{place}the arguments are no object of JSON: {text[:80]!r}.", _SHAPE)
    return cast("Mapping[str, Json]", said)


_SHAPE = 'Write them by parameter, like \'{"a": 1, "b": 2}\'.'


def _list(found: tuple[ToolFacts, ...], options: ToolsCommand) -> None:
    if options.as_json:
        print_json([_facts(each) for each in found])
        return
    columns = ["tool", "version", "success", "like", "tried by"]
    console().print(table("Tools", columns, [_row(each) for each in found]))
    for each in found:
        if each.trouble:
            console().print(f"[yellow]{escape(each.name)}[/]: {escape(each.trouble)}")


def _row(tool: ToolFacts) -> list[str]:
    more = f" of {len(tool.versions)}" if len(tool.versions) > 1 else ""
    return [
        escape(tool.name),
        f"{escape(tool.version or tool.tree_hash[:8])}{more}",
        f"{tool.succeeded / tool.uses:.0%} of {tool.uses}" if tool.uses else "",
        escape(", ".join(_traits(tool))),
        tool.plan.strategy if tool.plan else "",
    ]


def _traits(tool: ToolFacts) -> list[str]:
    said: dict[str, Any] = plain(tool.characteristics) if tool.characteristics else {}
    return [name.replace("_", " ") for name, is_so in said.items() if is_so]


def _show(tool: ToolFacts, options: ToolsCommand) -> None:
    if options.as_json:
        print_json(_facts(tool))
        return
    console().print(
        table("Tools", ["tool", "version", "success", "like", "tried by"], [_row(tool)])
    )
    if tool.trouble:
        console().print(escape(tool.trouble))
    if tool.errors:
        rows = [[escape(error), str(count)] for error, count in tool.errors.items()]
        console().print(table("Failures", ["exception", "uses"], rows))
    if tool.cases:
        rows = [[escape(c.description), escape(dict(c.input)), _wanted(c)] for c in tool.cases]
        console().print(table("Cases", ["case", "input", "wanted"], rows))
    if tool.plan:
        show(f"A new version: {tool.plan.strategy}, {tool.plan.risk} risk. {tool.plan.why}")


def _wanted(case: Any) -> str:
    return escape(f"raises {case.should_raise}" if case.should_raise else case.expected_output)


def _facts(tool: ToolFacts) -> dict[str, Any]:
    """A tool for programs."""
    rate = tool.succeeded / tool.uses if tool.uses else None
    return {**plain(tool), "success_rate": rate}
