"""`upgrade`: what was generated earlier, brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cultivar.cli.changes import show_all_upgraded, show_upgraded
from cultivar.cli.options import command
from cultivar.cli.output import console, escape
from cultivar.cli.running import RunOptions, opened, progress, said_answers
from cultivar.errors import NotKnownError, UsageError

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.opened import Ask
    from cultivar.application.upgrading import Upgraded, UpgradeOptions
    from cultivar.upgrade.outputs import Output
    from cultivar.upgrades import ConflictStyle


class UpgradeCommand(RunOptions):
    """What a user may say to `cultivar upgrade`."""

    template: Annotated[
        str,
        typer.Argument(metavar="[TEMPLATE]", help="Only what this template made: id or address."),
    ] = ""
    to: Annotated[
        str, typer.Option(metavar="V", help="Version, tag or commit. The newest release without.")
    ] = ""
    from_version: Annotated[
        str, typer.Option("--from", metavar="V", help="Instead of what the answers file says.")
    ] = ""
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="One generated file, or one output's answers file."),
    ] = None
    every: Annotated[
        bool, typer.Option("--all", help="All outputs here and below, of any template.")
    ] = False
    source: Annotated[
        str, typer.Option(metavar="FOLDER|GIT", help="Where the template is now, if it moved.")
    ] = ""
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers as YAML or JSON.")
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show diff, risk and checks; write nothing.")
    ] = False
    conflict: Annotated[
        str, typer.Option(metavar="STYLE", help="`markers` in the file, or `rej` beside it.")
    ] = ""
    test: Annotated[
        str, typer.Option(metavar="COMMAND", help="Runs your own tests over the merged files.")
    ] = ""
    trust: Annotated[
        bool, typer.Option("--trust", help="Let the template's own code run, in the sandbox.")
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Upgrade a working tree with uncommitted changes.")
    ] = False
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Take an older version.")
    ] = False
    pre_releases: Annotated[
        bool, typer.Option("--pre-releases", help="Take a pre-release, if it is the newest.")
    ] = False
    skip_tasks: Annotated[
        bool, typer.Option("--skip-tasks", help="Leave out the template's tasks and scripts.")
    ] = False
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Run untrusted code without a wall.")
    ] = False


def upgrade(options: UpgradeCommand) -> int:
    """Bring what a template made to its newer version, and keep your edits.

    Exits with 3 where conflicts are left, each in its file and in git's index.

    Example: cultivar upgrade quality_template:python-production --to 1.1.0 --dry-run
    """
    with opened(options) as (cultivar, ask):
        found = _meant(options, cultivar)
        if len(found) == 1:
            return show_upgraded(
                _upgraded(found[0], options, cultivar, ask), as_json=options.as_json
            )
        if not (options.force or options.dry_run):
            cultivar.refuse_dirty(found)
        made = [_upgraded(output, options, cultivar, ask, among=True) for output in found]
        return show_all_upgraded(made, as_json=options.as_json)


def _meant(options: UpgradeCommand, cultivar: Cultivar) -> tuple[Output, ...]:
    """The outputs that the user means.

    Raises:
        NotKnownError: There is none.
        UsageError: Two ways to choose contradict each other.
    """
    if options.every and options.file:
        raise UsageError("`--all` and `--file` exclude each other.", "Give one of them.")
    if options.file is not None:
        return (cultivar.output(options.file, options.template),)
    if not options.every and not options.template:
        return (cultivar.output(),)
    found = cultivar.outputs(".", options.template)
    for broken in found.broken:
        console(stderr=True).print(f"[yellow]Passed over[/]: {escape(str(broken))}")
    if not found.outputs:
        what = f"output of the template {options.template!r}" if options.template else "output"
        raise NotKnownError(
            f"{what} in", str(Path().resolve()), (), "`cultivar check` lists what there is."
        )
    return found.outputs


def _upgraded(
    output: Output,
    options: UpgradeCommand,
    cultivar: Cultivar,
    ask: Ask | None,
    *,
    among: bool = False,
) -> Upgraded:
    """Upgrade one output; `among` others, what they changed does not make the tree dirty."""
    said = _said(options, output)
    said["seen_clean"] = among
    with progress(cultivar, quiet=options.as_json):
        return cultivar.upgrade(output, ask=ask, **said)


def _said(options: UpgradeCommand, output: Output) -> UpgradeOptions:
    from cultivar.templating.questions.answers_file import read_answers

    answers = read_answers(options.answers) if options.answers else {}
    said: UpgradeOptions = {
        "to": options.to,
        "from_version": options.from_version,
        "template": options.source,
        "file": _part(options.file, output),
        "answers": {**answers, **said_answers(options.answer)},
        "test": options.test,
        "interactive": options.interactive,
        "trust": options.trust,
        "force": options.force,
        "dry_run": options.dry_run,
        "allow_downgrade": options.allow_downgrade,
        "pre_releases": options.pre_releases,
        "skip_tasks": options.skip_tasks,
        "unconfined": options.unconfined,
    }
    if options.conflict:
        said["conflicts"] = _style(options.conflict)
    return said


def _style(said: str) -> ConflictStyle:
    if said == "markers":
        return "markers"
    if said == "rej":
        return "rej"
    raise UsageError(f"`--conflict {said}` is no style.", "It is `markers` or `rej`.")


def _part(file: Path | None, output: Output) -> str:
    """The one file of a larger output that is meant; empty: all of it."""
    if file is None or output.file:
        return ""
    path = (file.parent.resolve() / file.name).relative_to(output.folder).as_posix()
    return "" if path in {".", output.answers_file} else path


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "upgrade", UpgradeCommand)(upgrade)
