"""`check`, `undo`, `blame` and `adopt`: how what was generated stands, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.changes import CONFLICTS
from cultivar.cli.options import command
from cultivar.cli.output import console, escape, plain, print_json, printable
from cultivar.errors import NotKnownError
from cultivar.record import Record

if TYPE_CHECKING:
    from rich.console import Console

    from cultivar.application.cultivar import Cultivar
    from cultivar.upgrade.blame import BlamedLine
    from cultivar.upgrade.drift import Standing
    from cultivar.upgrade.undoing import Undone

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Place = Annotated[Path, typer.Argument(metavar="[PATH]", help="A folder, or what is in it.")]


class CheckCommand(Record):
    """What a user may say to `cultivar check`."""

    place: _Place = Path()
    edited: Annotated[
        bool, typer.Option("--edited", help="Fail where generated files were edited, too.")
    ] = False
    pre_releases: Annotated[
        bool, typer.Option("--pre-releases", help="Count pre-releases as newer versions.")
    ] = False
    as_json: _AsJson = False


class UndoCommand(Record):
    """What a user may say to `cultivar undo`."""

    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The run's id; the latest upgrade here without.")
    ] = ""
    as_json: _AsJson = False


class BlameCommand(Record):
    """What a user may say to `cultivar blame`."""

    file: Annotated[Path, typer.Argument(metavar="FILE", help="A generated file.")]
    as_json: _AsJson = False


class AdoptCommand(Record):
    """What a user may say to `cultivar adopt`."""

    place: _Place = Path()
    source: Annotated[
        str, typer.Option(metavar="FOLDER|GIT", help="Where the template is now, if it moved.")
    ] = ""
    trust: Annotated[
        bool, typer.Option("--trust", help="Let the template's own code run, in the sandbox.")
    ] = False
    as_json: _AsJson = False


def check(options: CheckCommand) -> int:
    """Say what is out of date, and what was edited; for CI.

    Exits with 1 where an output is out of date, or a conflict is not settled.

    Example: cultivar check --json
    """
    with _open() as cultivar:
        found = cultivar.outputs(options.place)
        if not found.outputs and not found.broken:
            raise NotKnownError("output of a template in", str(options.place.resolve()))
        standing = [
            cultivar.standing(output, pre_releases=options.pre_releases) for output in found.outputs
        ]
    if options.as_json:
        broken = [str(each) for each in found.broken]
        print_json({"outputs": [_facts(each) for each in standing], "broken": broken})
    else:
        for each in standing:
            _print_standing(each, console())
        for error in found.broken:
            console().print(f"[red]![/] {escape(str(error))}")
    good = all(each.clean and not (options.edited and each.files) for each in standing)
    return 0 if good and not found.broken else 1


def undo(options: UndoCommand) -> int:
    """Take an upgrade back, and nothing that you did since.

    Example: cultivar undo 3f2a
    """
    with _open() as cultivar:
        done = cultivar.undo(options.run)
    if options.as_json:
        print_json(done)
    else:
        _print_undone(done)
    return CONFLICTS if done.conflicts else 0


def blame(options: BlameCommand) -> None:
    """Say where each line of a generated file came from.

    Example: cultivar blame out/cache.py
    """
    with _open() as cultivar:
        lines = cultivar.blame(options.file)
    if options.as_json:
        print_json(lines)
        return
    told = [_origin(each) for each in lines]
    width = min(max(map(len, told), default=0), _WIDEST)
    for line, origin in zip(lines, told, strict=True):
        text = printable(line.text.rstrip("\n"))
        console().print(f"[dim]{escape(origin[:_WIDEST].ljust(width))}[/] {escape(text)}")


def adopt(options: AdoptCommand) -> None:
    """Bring what Copier generated into the ledger.

    No upgrade of it needs the old version of its template any more.

    Example: cultivar adopt --trust
    """
    with _open() as cultivar:
        output = cultivar.output(options.place)
        made = cultivar.adopt(output, trust=options.trust, template=options.source)
    if options.as_json:
        print_json({"generation_id": made.id, "template": plain(made.template)})
        return
    console().print(
        f"Adopted {escape(str(output.path))}: [bold]{escape(made.template.id)}[/] "
        f"{escape(made.template.ref or made.template.version)} · {made.id[:8]}"
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "check", CheckCommand)(check)
    command(app, "undo", UndoCommand)(undo)
    command(app, "blame", BlameCommand)(blame)
    command(app, "adopt", AdoptCommand)(adopt)


_WIDEST: Final = 56
"""Of the column that says where a line came from, in characters."""

_CHANGES: Final = {"edited": "[yellow]~[/]", "deleted": "[red]-[/]", "moved": "[cyan]→[/]"}


def _open() -> Cultivar:
    from cultivar.application.cultivar import Cultivar

    return Cultivar()


def _facts(standing: Standing) -> dict[str, Any]:
    output = standing.output
    return {
        "folder": str(output.folder),
        "answers_file": output.answers_file,
        "template_id": output.template_id,
        "version": standing.version,
        "newest": standing.newest,
        "outdated": standing.outdated,
        "new_questions": standing.questions,
        "files": plain(standing.files),
        "conflicts": standing.conflicts,
        "problems": _problems(standing),
    }


def _print_standing(standing: Standing, to: Console) -> None:
    output = standing.output
    newer = f" → [yellow]{escape(standing.newest)}[/]" if standing.outdated else ""
    state = "" if newer else " [green]up to date[/]" if standing.newest else ""
    to.print(
        f"[bold]{escape(output.template_id)}[/] {escape(standing.version)}{newer}{state} "
        f"in {escape(str(output.path))}"
    )
    for path in standing.conflicts:
        to.print(f"  [bold red]![/] {escape(path)}: a conflict that is not settled")
    for each in standing.files:
        place = f" → {escape(each.moved_to)}" if each.moved_to else ""
        counts = f" [dim]+{each.added} -{each.removed}[/]" if each.change != "deleted" else ""
        to.print(f"  {_CHANGES[each.change]} {escape(each.path)}{place}{counts}")
    for problem in _problems(standing):
        to.print(f"  [red]![/] {escape(problem)}")


def _problems(standing: Standing) -> list[str]:
    """What is not known, each thing once."""
    return list(dict.fromkeys(map(str, standing.problems)))


def _print_undone(done: Undone) -> None:
    to = console()
    to.print(f"Taken back in [bold]{escape(done.folder)}[/]:")
    for sign, paths in (
        ("=", done.restored),
        ("[yellow]~ edited since, the edit stays:[/]", done.merged),
        ("[bold red]! edited since, in conflict:[/]", done.conflicts),
    ):
        for path in paths:
            to.print(f"  {sign} {escape(path)}")


def _origin(line: BlamedLine) -> str:
    """Where a line came from, in a few words."""
    if line.origin == "person":
        return "you"
    place = f"{line.file}:{line.line}" if line.file else line.origin
    answers = f" ({', '.join(line.answers)})" if line.answers else ""
    return f"{line.version} {place}{answers}"
