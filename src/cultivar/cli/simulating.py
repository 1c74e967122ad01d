"""`simulate`: a ledger of generations that never were, in which it is known what is true."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.options import command
from cultivar.cli.output import console, escape, plain, print_json, show, table
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.evals.simulation import Simulated, Told
    from cultivar.evals.worlds import Planted, Scenario, World
    from cultivar.templating.template import Template

BUILT_IN: Final = ("quality_template:python-production", "quality_template:elixir-production")
"""The templates whose use is simulated, where none is named."""


class SimulateCommand(Record):
    """What a user may say to `cultivar simulate`."""

    template: Annotated[
        str, typer.Argument(metavar="[TEMPLATE]", help="An id, a folder or a git address.")
    ] = ""
    generations: Annotated[
        int, typer.Option("--generations", "-n", min=1, help="How many, of each template.")
    ] = 1000
    instances: Annotated[
        int, typer.Option("--instances", min=1, max=100_000, help="How many make them.")
    ] = 10
    days: Annotated[int, typer.Option("--days", min=1, max=10_000, help="Over how many days.")] = 90
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="When they end; else last midnight, UTC.")
    ] = ""
    versions: Annotated[
        str, typer.Option("--versions", metavar="A,B,…", help="The template's versions in use.")
    ] = ""
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed and days, the same ledger.")
    ] = 1
    into: Annotated[
        str,
        typer.Option("--into", metavar="FOLDER|URL", help="An empty ledger; else one is made."),
    ] = ""
    mine: Annotated[
        bool, typer.Option("--mine", help="Into your own ledger, among what is real.")
    ] = False
    counts_only: Annotated[
        bool, typer.Option("--counts-only", help="Count them, keep none; always above 10,000.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "simulate", SimulateCommand)(simulate)


def simulate(options: SimulateCommand) -> None:
    """Fill a new ledger with simulated generations, and say what there is to learn from them.

    Example: cultivar simulate -n 2000 --instances 20
    """
    from cultivar.evals.simulation import RECORDED, address_of, count, opened, record

    counts_only = options.counts_only or options.generations > RECORDED
    if options.mine and counts_only:
        raise UsageError(
            "What is only counted would be gone from your own ledger when it is counted anew.",
            f"Leave `--counts-only` out and simulate at most {RECORDED:,}, or leave `--mine` out.",
        )
    worlds, own = _worlds(options)
    new = "" if options.into or options.mine else tempfile.mkdtemp(prefix="cultivar-simulated-")
    place = options.into or new
    address = address_of(place, own, mine=options.mine)
    fill = count if counts_only else record
    total = sum(each.scenario.generations for each in worlds)
    with opened(address, mine=options.mine) as database, _progress(total) as told:
        done = [fill(each, database, told) for each in worlds]
    if options.as_json:
        print_json({"ledger": database.name, "counts_only": counts_only, "worlds": _facts(done)})
        return
    for each in done:
        _show_planted(each.planted)
    _tell(done, database.name, "" if options.mine else place)


def _worlds(options: SimulateCommand) -> tuple[list[World], str]:
    """The worlds that are simulated, and the address of the user's own ledger."""
    from cultivar.application.cultivar import Cultivar
    from cultivar.evals.worlds import World

    with Cultivar() as cultivar:
        names = (options.template,) if options.template else BUILT_IN
        templates = [cultivar.template(each) for each in names]
        own = cultivar.services.settings.ledger_url
    return [World(_scenario(options, each)) for each in templates], own


def _scenario(options: SimulateCommand, template: Template) -> Scenario:
    from cultivar.evals.worlds import Scenario

    given: dict[str, Any] = {"until": _moment(options.until)} if options.until else {}
    return Scenario(
        template=template,
        generations=options.generations,
        instances=options.instances,
        days=options.days,
        versions=tuple(each for each in map(str.strip, options.versions.split(",")) if each),
        seed=options.seed,
        **given,
    )


def _moment(date: str) -> datetime:
    try:
        found = datetime.fromisoformat(date)
    except ValueError as error:
        raise UsageError(f"`--until {date}` is no date.", "Write it like 2026-01-31.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@contextmanager
def _progress(total: int) -> Generator[Told]:
    """Show how far it is, on a terminal."""
    to = console(stderr=True)
    if not to.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=to, transient=True) as progress:
        task = progress.add_task("simulating", total=total)
        yield lambda more: progress.advance(task, more)


def _facts(done: Iterable[Simulated]) -> list[dict[str, Any]]:
    return [{**plain(each), "per_second": round(each.per_second, 1)} for each in done]


def _show_planted(planted: Planted) -> None:
    from cultivar.cli.statistics import worded

    rows = [["best together", f"{planted.success:.0%}", "", escape(worded(planted.best))]]
    effects = [("succeeds more", each) for each in planted.matters]
    if planted.ceases is not None:
        effects.append(("fails more of late", planted.ceases))
    for what, each in effects:
        answer = escape(worded({each.question: each.value}))
        rows.append([what, f"{each.success:.0%}", f"{each.otherwise:.0%}", answer])
    rows.append(["most choose", "", "", escape(worded(planted.favourites))])
    columns = ["planted", "success", "otherwise", "answers"]
    show(table(escape(planted.template_id), columns, rows))


def _tell(done: list[Simulated], name: str, place: str) -> None:
    total, seconds = sum(each.generations for each in done), sum(each.seconds for each in done)
    how = "Recorded" if done[0].recorded else "Counted, and kept nothing else of,"
    show(
        f"{how} {total:,} generations in {seconds:.1f} s ({total / seconds:,.0f} a second) "
        f"in `{escape(name)}`."
    )
    if place:
        # An address may hold a password.
        where = "CULTIVAR_DATABASE_URL=…" if "://" in place else f"CULTIVAR_HOME={quote(place)}"
        command_line = f"{where} cultivar stats {done[0].planted.template_id}"
        show(f"What can be learned from it: {escape(command_line)}")
