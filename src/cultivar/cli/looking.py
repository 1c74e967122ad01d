"""`history`, `show`, `stats`, `why` and `export`: questions to the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.options import command
from cultivar.cli.output import (
    MARKS,
    NOT_VERIFIED,
    answers_table,
    console,
    escape,
    plain,
    print_json,
    proof_table,
    summary,
    table,
    verdict_line,
)
from cultivar.errors import NotKnownError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.model import FailurePattern, Generation

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[
    str,
    typer.Argument(metavar="ID|FILE", help="A generation's id (or its beginning), or its file."),
]


_MOST = 1000
"""Experiments of one run that are shown."""


class HistoryCommand(Record):
    """What a user may say to `cultivar history`."""

    template: Annotated[str, typer.Option("--template", "-t", metavar="ID")] = ""
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed its checks.")] = False
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=100_000, help="The newest N.")
    ] = 20
    runs: Annotated[bool, typer.Option("--runs", help="List runs, also unfinished ones.")] = False
    as_json: Json = False


class OneCommand(Record):
    """What a user may say to `cultivar show` and `cultivar why`."""

    which: Which
    as_json: Json = False


class ExportCommand(Record):
    """What a user may say to `cultivar export`."""

    which: Which
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else printed.")
    ] = None


class StatsCommand(Record):
    """What a user may say to `cultivar stats`."""

    template: Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="One template's id.")] = ""
    as_json: Json = False


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "history", HistoryCommand)(history)
    command(app, "show", OneCommand)(show)
    command(app, "stats", StatsCommand)(stats)
    command(app, "why", OneCommand)(why)
    command(app, "export", ExportCommand)(export)


def history(options: HistoryCommand) -> None:
    """List what was generated, the newest first.

    Example: cultivar history --failed --json
    """
    from cultivar.ledger.base import Query

    with _open() as cultivar:
        if options.runs:
            _list_runs(cultivar, options)
            return
        success = False if options.failed else None
        query = Query(template_id=options.template, success=success, limit=options.limit)
        found = cultivar.history(query)
    if options.as_json:
        print_json([summary(each) for each in found])
        return
    columns = ["id", "when", "verdict", "quality", "template", "task"]
    console().print(table("Generations", columns, [_row(each) for each in found]))


def show(options: OneCommand) -> None:
    """Show one generation: answers, checks, files; of a run of `improve`, what was tried.

    Example: cultivar show out/cache.py
    """
    with _open() as cultivar:
        try:
            found = cultivar.generation(options.which)
        except NotKnownError:
            if not _is_improving(options.which, cultivar):
                raise
            _show_improving(options, cultivar)
            return
        files = cultivar.files(found)
    if options.as_json:
        attempts = plain(found.attempts)
        print_json(summary(found) | {"all_attempts": attempts, "files": files})
        return
    to = console()
    ref = f"[bold]{escape(found.template.id)}[/] {escape(found.template.version)}"
    to.print(f"{ref} · {escape(found.task)}\n")
    to.print(answers_table(found.answers))
    for attempt in found.attempts:
        to.print(f"Attempt {attempt.number}")
        to.print(proof_table(attempt.proof))
    to.print("\n".join(f"  {escape(path)}" for path in files))
    to.print(verdict_line(found))


def stats(options: StatsCommand) -> None:
    """Show how templates have done; of one, what its answers and their combinations did too.

    Example: cultivar stats quality_template:python-production
    """
    with _open() as cultivar:
        found = cultivar.stats(options.template)
        known = cultivar.statistics(options.template) if options.template else None
    if options.as_json:
        print_json(found if known is None else {**plain(known), "versions": found})
        return
    from cultivar.cli.statistics import show_statistics, show_versions

    if known is None:
        show_versions(found)
    else:
        show_statistics(known, found)


def why(options: OneCommand) -> None:
    """Say why: sources of answers, failures, known fixes.

    Example: cultivar why 3f2a
    """
    with _open() as cultivar:
        found = cultivar.generation(options.which)
        told, failed = cultivar.patterns_of(found)
    if options.as_json:
        print_json(summary(found) | {"recalled": told, "failure_patterns": failed})
        return
    to = console()
    to.print(answers_table(found.answers))
    for attempt in found.attempts:
        for result in attempt.proof.results:
            if result.verdict != "passed":
                mark = MARKS.get(result.verdict, NOT_VERIFIED)
                to.print(f"Attempt {attempt.number}, [bold]{escape(result.check)}[/] {mark}")
                to.print(f"{escape(result.output.strip())}\n")
    _show_patterns("Failure patterns of this generation", failed)
    _show_patterns("Recalled before it was drafted", told)
    to.print(verdict_line(found))


def export(options: ExportCommand) -> None:
    """Export the answers of a generation as YAML.

    Example: cultivar export 3f2a --output answers.yml
    """
    with _open() as cultivar:
        text = cultivar.export(cultivar.generation(options.which))
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, encoding="utf-8")


def _is_improving(which: str, cultivar: Cultivar) -> bool:
    """Whether that is a run of `improve`."""
    try:
        return cultivar.improves(which)
    except NotKnownError:
        return False


def _show_improving(options: OneCommand, cultivar: Cultivar) -> None:
    from cultivar.cli.experiments import show_experiments
    from cultivar.ledger.improvements import ExperimentQuery

    run = cultivar.run(options.which)
    found = cultivar.experiments(ExperimentQuery(campaign=run.id, limit=_MOST))[::-1]
    if options.as_json:
        print_json({**plain(run), "experiments": found})
        return
    console().print(f"[bold]{escape(run.order.task)}[/] · {_when(run.started_at)} · {run.status}")
    if run.error:
        console().print(escape(run.error))
    if found:
        show_experiments("What was tried", found)
        money = sum(each.money for each in found)
        console().print(f"${money:.4f}" if money else "It has cost nothing.")
    else:
        console().print("Nothing was tried.")


def _open() -> Cultivar:
    from cultivar.application.cultivar import Cultivar

    return Cultivar()


def _list_runs(cultivar: Cultivar, options: HistoryCommand) -> None:
    found = cultivar.runs(options.limit)
    if options.as_json:
        print_json(found)
        return
    rows = [
        [run.id[:8], _when(run.started_at), run.graph, run.status, escape(run.order.task)]
        for run in found
    ]
    console().print(table("Runs", ["id", "began", "graph", "status", "task"], rows))


def _row(found: Generation) -> list[str]:
    quality = found.proof.quality
    return [
        found.id[:8],
        _when(found.generated_at),
        MARKS.get(found.proof.verdict, NOT_VERIFIED),
        "" if quality is None else f"{quality:.2f}",
        f"{escape(found.template.id)} {escape(found.template.version)}",
        escape(found.task),
    ]


def _show_patterns(title: str, patterns: tuple[FailurePattern, ...]) -> None:
    if not patterns:
        return
    rows: list[list[str]] = []
    for pattern in patterns:
        fixes = [f"{fix.description}: worked {fix.worked} of {fix.tried}" for fix in pattern.fixes]
        rows.append(
            [
                pattern.id[:8],
                escape(pattern.check),
                escape(pattern.kind),
                str(pattern.seen),
                escape("\n".join(fixes)),
            ]
        )
    console().print(table(title, ["id", "check", "kind", "seen", "known fixes"], rows))


def _when(moment: Any) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
