"""`sync`: templates, tools and prompts on the disk against what the record says of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from cultivar.cli.artifacts import artifact_named
from cultivar.cli.changes import CONFLICTS
from cultivar.cli.options import command
from cultivar.cli.output import escape, plain, print_json, show, table
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.evolution.artifacts.standing import SyncStatus


class SyncCommand(Record):
    """What a user may say to `cultivar sync`."""

    artifacts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARTIFACT]...", help="Like `tool:calculator`; all without."),
    ] = None
    check: Annotated[bool, typer.Option("--check", help="Only say how they stand.")] = False
    prefer: Annotated[
        str, typer.Option(metavar="disk|database", help="The side that counts in a conflict.")
    ] = ""
    restore: Annotated[
        bool, typer.Option("--restore", help="Write what is missing on the disk again.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def sync(options: SyncCommand) -> int:
    """Bring templates, tools and prompts on the disk together with the record.

    What you edited becomes a version, what was released elsewhere is written, and where both
    happened they are merged. With --check nothing changes, and the exit code is 1 where anything
    is to be done. Conflicts are left as they are, and exit with 3.

    Example: cultivar sync --check
    """
    found = _done(options)
    if options.as_json:
        print_json([_facts(each) for each in found])
    elif found:
        show(_table(found))
    if any(each.conflicts for each in found):
        return CONFLICTS
    return 0 if all(each.state == "in_sync" or _is_left(each, options) for each in found) else 1


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "sync", SyncCommand)(sync)


_STATES: Final = {
    "in_sync": "[green]in sync[/]",
    "disk_ahead": "[yellow]edited on the disk[/]",
    "database_ahead": "[cyan]released elsewhere[/]",
    "diverged": "[bold red]both changed[/]",
    "missing": "[red]missing on the disk[/]",
    "new": "[yellow]new on the disk[/]",
}


def _done(options: SyncCommand) -> tuple[SyncStatus, ...]:
    from cultivar.application.cultivar import Cultivar
    from cultivar.evolution.artifacts.syncing import SyncOrder

    artifacts = [artifact_named(each) for each in options.artifacts or ()]
    order = SyncOrder(prefer=_side(options.prefer), restore=options.restore)
    with Cultivar() as cultivar:
        if options.check:
            return cultivar.check_sync_status(artifacts)
        return cultivar.sync(artifacts, order)


def _side(text: str) -> Literal["", "disk", "database"]:
    for each in ("", "disk", "database"):
        if text == each:
            return each
    raise UsageError(f"`--prefer {text}` is no side.", "Expected is `disk` or `database`.")


def _is_left(status: SyncStatus, options: SyncCommand) -> bool:
    """Whether what is missing may stay so, since nobody asked for it back."""
    return status.state == "missing" and not (options.check or options.restore)


def _facts(status: SyncStatus) -> dict[str, Any]:
    facts: dict[str, Any] = plain(status)
    return {**facts, "artifact": status.artifact.id}


def _table(found: Iterable[SyncStatus]) -> Any:
    rows = [
        [
            escape(each.artifact.id),
            escape(each.version),
            _STATES[each.state],
            "ships with Cultivar" if each.shipped else escape(str(_near(each.place))),
            escape(_told(each)),
        ]
        for each in found
    ]
    return table("Artifacts", ["artifact", "version", "state", "where", ""], rows)


def _near(place: Path) -> Path:
    here = Path.cwd()
    return place.relative_to(here) if place.is_relative_to(here) else place


def _told(status: SyncStatus) -> str:
    return status.problem or status.done
