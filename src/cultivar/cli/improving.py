"""`improve` and what a person says to it: `experiments`, `approve`, `reject`, `rollback`."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.artifacts import artifact_named
from cultivar.cli.canaries import canary_line, show_canary, show_ended
from cultivar.cli.experiments import WATCHES, show_experiments
from cultivar.cli.options import command
from cultivar.cli.output import escape, plain, print_json, show
from cultivar.cli.reviews import show_review
from cultivar.cli.running import limit_of, progress
from cultivar.cli.verdicts import recommendation_of, show_verdict
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cultivar.application.cultivar import Cultivar
    from cultivar.application.improving import Improved, ImproveOptions
    from cultivar.cli.looping import Loop
    from cultivar.lifecycle import Experiment, Release

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Which = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its id, or its beginning.")]
_Real = Annotated[bool, typer.Option("--real", help="Put what is better on the disk.")]


class ImproveCommand(Record):
    """What a user may say to `cultivar improve`."""

    artifacts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARTIFACT]...", help="Like `tool:calculator`; all without."),
    ] = None
    once: Annotated[bool, typer.Option("--once", help="Look once; that is the default.")] = False
    loop: Annotated[bool, typer.Option("--loop", help="Look again and again, until stopped.")] = (
        False
    )
    rounds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --loop: end after so many looks.")
    ] = None
    every: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="With --loop: the rest between two looks."),
    ] = None
    seconds: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="With --loop: what all looks may take together."),
    ] = None
    money: Annotated[
        float | None,
        typer.Option(min=0, metavar="USD", help="With --loop: what all looks may cost together."),
    ] = None
    real: _Real = False
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Release without asking, where that is safe.")
    ] = False
    most: Annotated[int, typer.Option(min=1, help="How many opportunities to take up.")] = 3
    model: Annotated[
        str, typer.Option(metavar="NAME", help="The model, as litellm names it; `builtin` is none.")
    ] = ""
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=N", help="What one look may use: money (USD), tokens, calls, seconds."
        ),
    ] = None
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Run untrusted code without a wall.")
    ] = False
    as_json: _AsJson = False


class ExperimentsCommand(Record):
    """What a user may say to `cultivar experiments`."""

    which: Annotated[
        str, typer.Argument(metavar="[EXPERIMENT]", help="One of them, with all that is known.")
    ] = ""
    artifact: Annotated[
        str, typer.Option(metavar="ARTIFACT", help="Those of one, like `tool:calculator`.")
    ] = ""
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20
    as_json: _AsJson = False


class ApproveCommand(Record):
    """What a user may say to `cultivar approve`."""

    which: _Which
    real: _Real = False
    reviewed: Annotated[
        bool,
        typer.Option("--reviewed", help="You have tried it, where only a person may (MANUAL)."),
    ] = False
    canary: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="The share of the uses that get it first; 1: all."
        ),
    ] = None
    as_json: _AsJson = False


class RejectCommand(Record):
    """What a user may say to `cultivar reject`."""

    which: _Which
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the record.")] = ""
    as_json: _AsJson = False


class RollbackCommand(Record):
    """What a user may say to `cultivar rollback`."""

    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="Like `tool:calculator`.")]
    to: Annotated[
        str, typer.Option(metavar="VERSION", help="A version or hash; the one before without.")
    ] = ""
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the record.")] = ""
    as_json: _AsJson = False


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "improve", ImproveCommand)(improve)
    command(app, "experiments", ExperimentsCommand)(experiments)
    command(app, "approve", ApproveCommand)(approve)
    command(app, "reject", RejectCommand)(reject)
    command(app, "rollback", RollbackCommand)(rollback)


def improve(options: ImproveCommand) -> int:
    """Find templates, tools and prompts that fail, and prove better versions of them.

    It looks once; with --loop again and again, until it is stopped. Nothing on the disk changes
    without --real, and nothing is released without your word (see `cultivar approve`) unless
    --automatic says so.

    Example: cultivar improve tool:calculator --real
    """
    _refuse_unlike(options)
    if options.loop:
        from cultivar.cli.looping import improve_again_and_again

        return improve_again_and_again(_loop(options))
    with _open(options.model, options.budget) as cultivar:
        with progress(cultivar, quiet=options.as_json):
            done = cultivar.improve(**_said(options))
        show_improved(done, as_json=options.as_json)
    return 0


def experiments(options: ExperimentsCommand) -> None:
    """List what was tried to improve, and what became of it.

    Example: cultivar experiments --artifact tool:calculator
    """
    from cultivar.ledger.improvements import ExperimentQuery

    with _open() as cultivar:
        if options.which:
            _show_one(cultivar.experiment(options.which), cultivar, as_json=options.as_json)
            return
        artifact = artifact_named(options.artifact) if options.artifact else None
        found = cultivar.experiments(ExperimentQuery(artifact=artifact, limit=options.limit))
        watched = cultivar.watched()
    if options.as_json:
        print_json(found)
    elif found:
        show_experiments("Experiments", found, watched)
    else:
        show("Nothing was tried yet. `cultivar improve` looks for what fails.")


def approve(options: ApproveCommand) -> int:
    """Release the better version of an experiment that waits for your word.

    Example: cultivar approve 3f2a --real
    """
    with _open() as cultivar:
        made = cultivar.approve(
            options.which,
            by=_person(),
            real=options.real,
            reviewed=options.reviewed,
            canary=options.canary,
        )
    return _told(made, as_json=options.as_json)


def reject(options: RejectCommand) -> None:
    """Leave things as they are; the version of the experiment is not tried again.

    Example: cultivar reject 3f2a --why "changes what users see"
    """
    with _open() as cultivar:
        left = cultivar.reject(options.which, by=_person(), reason=options.why)
    if options.as_json:
        print_json(left)
        return
    show(f"Rejected: {escape(left.candidate.description)} Nothing on the disk has changed.")


def rollback(options: RollbackCommand) -> int:
    """Put an earlier version of a template, tool or prompt in its place again.

    Where a canary of it runs, that ends, and nothing else.

    Example: cultivar rollback tool:calculator
    """
    with _open() as cultivar:
        artifact = artifact_named(options.artifact)
        made = cultivar.rollback(artifact, options.to, by=_person(), reason=options.why)
    if made.share < 1:  # it was a canary, of which nothing was on the disk
        show_ended(made, as_json=options.as_json)
        return 0
    return _told(made, "Put back", as_json=options.as_json)


_MARKS: Final = {
    "running": "[cyan]running[/]",
    "refused": "refused",
    "rejected": "rejected",
    "waiting": "[yellow]waiting[/]",
    "canary": "[cyan]canary[/]",
    "released": "[green]released[/]",
    "rolled_back": "[red]rolled back[/]",
    "stopped": "stopped",
}


def _open(model: str = "", budget: list[str] | None = None) -> Cultivar:
    from cultivar.application.cultivar import Cultivar
    from cultivar.settings import load_settings

    given: dict[str, Any] = {"model": {"name": model}} if model else {}
    if budget:
        given["budget"] = dict(map(limit_of, budget))
    return Cultivar(load_settings(**given))


def _refuse_unlike(options: ImproveCommand) -> None:
    """Refuse what cannot be said together."""
    if options.once and options.loop:
        raise UsageError("`--once` and `--loop` are said both.", "Say one of them.")
    of_loop = ("rounds", "every", "seconds", "money")
    said = [f"`--{each}`" for each in of_loop if getattr(options, each) is not None]
    if said and not options.loop:
        raise UsageError(f"{said[0]} is of many looks, and this is one.", "Say `--loop`, too.")


def _loop(options: ImproveCommand) -> Loop:
    from cultivar.application.rounds import Bounds
    from cultivar.cli.looping import Loop

    bounds = Bounds(
        rounds=options.rounds, every=options.every, seconds=options.seconds, money=options.money
    )
    return Loop(
        open=lambda: _open(options.model, options.budget),
        bounds=bounds,
        options=_said(options),
        as_json=options.as_json,
    )


def _said(options: ImproveCommand) -> ImproveOptions:
    return {
        "artifacts": [artifact_named(each) for each in options.artifacts or ()],
        "real": options.real,
        "automatic": options.automatic,
        "most": options.most,
        "unconfined": options.unconfined,
    }


def _person() -> str:
    """Who is at the keyboard, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "a person"


def show_improved(done: Improved, *, as_json: bool) -> None:
    """Show what became of a run of `improve`."""
    if as_json:
        print_json(done)
        return
    for each in done.opportunities:
        show(f"[bold]{each.kind}[/] {escape(each.why)}")
    if done.experiments:
        show_experiments("What was tried", done.experiments)
    if done.standing:
        show_experiments("Still open, or decided now", done.standing)
    for line in _lines(done):
        show(line)
    if any(each.status == "waiting" for each in done.experiments):
        show("Nothing on the disk has changed.")
    if not (done.opportunities or done.standing or done.left_alone):
        show("Nothing is worth improving, as far as the evidence goes.")


def _lines(done: Improved) -> Iterator[str]:
    yield from map(_release_line, done.releases)
    yield from (f"[yellow]not used:[/] {escape(each)}" for each in done.troubles)
    yield from map(escape, (*done.fruitless, *done.left_alone))
    yield from (f"[dim]too little evidence:[/] {escape(each)}" for each in done.unsure)


def _show_one(experiment: Experiment, cultivar: Cultivar, *, as_json: bool) -> None:
    diff, review = cultivar.changes_of(experiment), cultivar.review(experiment)
    canary, watch = cultivar.canary_of(experiment), cultivar.watch_of(experiment)
    if as_json:
        more = {"diff": diff, "review": plain(review), "canary": plain(canary)}
        more["watch"] = plain(watch)
        advice = recommendation_of(experiment)
        print_json({**plain(experiment), "recommendation": advice, **more})
        return
    candidate, verdict = experiment.candidate, experiment.verdict
    show(f"[bold]{escape(candidate.artifact.id)}[/] {escape(candidate.version)}")
    show(f"{_MARKS[experiment.status]} {escape(experiment.reason)}")
    if watch is not None and experiment.status == "released":
        show(f"{WATCHES[watch.status].capitalize()}: {escape(watch.sentence)}")
    show(f"{escape(candidate.description)} (by {escape(candidate.operator)})\n")
    show(escape(experiment.opportunity.why))
    if verdict is not None:
        show_verdict(experiment)
    if experiment.money:
        show(f"Making and trying it has cost ${experiment.money:.4f}.")
    show_review(review)
    if canary is not None:
        show_canary(canary, experiment)
    show(escape(diff))


def _told(made: Release, head: str = "", *, as_json: bool) -> int:
    """Show a release; returns the exit code."""
    if as_json:
        print_json(made)
    else:
        show(_release_line(made, head))
    return 1 if made.status == "rolled_back" else 0


def _release_line(made: Release, head: str = "") -> str:
    name = escape(made.artifact.id)
    if made.status == "rolled_back":
        return f"[red]Rolled back:[/] {name}: {escape(made.reason)}"
    if made.status == "canary":
        return canary_line(made)
    head = head or ("Kept" if made.status == "kept" else "Released")
    backup = f" The one before is in {escape(made.backup)}." if made.backup else ""
    return f"[green]{head}:[/] {name}: {escape(made.reason)}{backup}"
