"""`versions`: what there has been of a template, tool or prompt, and what changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cultivar.cli.artifacts import artifact_named
from cultivar.cli.grid import Column, Grid, show_grid
from cultivar.cli.options import command
from cultivar.cli.output import print_json, printable, show
from cultivar.errors import UsageError
from cultivar.record import Record, asdict

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.lifecycle import Artifact, ArtifactVersion

_HASH = 8
"""So many characters of a tree hash are shown."""


class VersionsCommand(Record):
    """What a user may say to `cultivar versions`."""

    artifact: Annotated[
        str, typer.Argument(metavar="[ARTIFACT]", help="Like `tool:calculator`; all without.")
    ] = ""
    one: Annotated[
        str, typer.Argument(metavar="[ONE]", help="Show what changed since this version.")
    ] = ""
    other: Annotated[
        str, typer.Argument(metavar="[OTHER]", help="Show what changed until this one.")
    ] = "current"
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "versions", VersionsCommand)(versions)


def versions(options: VersionsCommand) -> None:
    """List every version of a template, tool or prompt, or show what changed between two.

    A version is said as its number, as the beginning of its hash, or as `current`.

    Example: cultivar versions tool:calculator 1.0.0
    """
    from cultivar.application.cultivar import Cultivar

    with Cultivar() as cultivar:
        if not options.artifact:
            _list_all(cultivar, as_json=options.as_json)
            return
        artifact = artifact_named(options.artifact)
        if options.one:
            _refuse_json(options)
            changes = cultivar.changes_between(artifact, options.one, options.other)
            sys.stdout.write(printable(changes) if sys.stdout.isatty() else changes)
            return
        _list(cultivar, artifact, as_json=options.as_json)


def _refuse_json(options: VersionsCommand) -> None:
    if options.as_json:
        raise UsageError("A diff is no JSON.", "Leave `--json` away; git can apply what is shown.")


def _list_all(cultivar: Cultivar, *, as_json: bool) -> None:
    found = {each.artifact.id: each.version for each in cultivar.check_sync_status()}
    if as_json:
        print_json([{"artifact": id, "current": version} for id, version in found.items()])
        return
    rows = [(id, version or "none yet") for id, version in found.items()]
    show_grid(Grid(title="Artifacts", columns=_columns("artifact", "current"), rows=rows))
    show("`cultivar versions ARTIFACT` lists the versions of one.")


def _list(cultivar: Cultivar, artifact: Artifact, *, as_json: bool) -> None:
    found = cultivar.versions(artifact)
    uses = {each.tree_hash: each.alias for each in cultivar.pointers(artifact)[::-1]}
    if as_json:
        print_json([{**asdict(each), "alias": uses.get(each.tree_hash)} for each in found])
        return
    columns = _columns("version", "hash", "is", "made", "by", "why")
    rows = [_row(each, uses.get(each.tree_hash, "")) for each in found]
    show_grid(Grid(title=f"Versions of {artifact.id}", columns=columns, rows=rows))


def _row(version: ArtifactVersion, alias: str) -> tuple[str, ...]:
    made_at = f"{version.made_at:%Y-%m-%d %H:%M}"
    return (
        *(version.version, version.tree_hash[:_HASH], alias),
        *(made_at, version.made_by, version.why),
    )


def _columns(*names: str) -> list[Column]:
    return [Column(name=each) for each in names]
