"""`simulate`: generations that never were, of which it is known what is true.

The invariant: what nobody asked to keep is gone when the command ends, however it ends.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.grid import Column, Grid, show_grid
from cultivar.cli.options import command
from cultivar.cli.output import console, counted, escape, plain, print_json, show
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.evals.recognition import Recognised
    from cultivar.evals.simulation import Simulated, Told
    from cultivar.evals.truths import Effect
    from cultivar.evals.worlds import Scenario, World
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
        typer.Option("--into", metavar="FOLDER|URL", help="An empty ledger to keep; else none is."),
    ] = ""
    mine: Annotated[
        bool, typer.Option("--mine", help="Into your own ledger, among what is real.")
    ] = False
    counts_only: Annotated[
        bool, typer.Option("--counts-only", help="Count them, keep no more of them.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "simulate", SimulateCommand)(simulate)


def simulate(options: SimulateCommand) -> None:
    """Simulate generations in which something is true, and see whether learning finds it.

    The ledger is kept where you say, and holds all of up to 10,000 generations; else they are only
    counted, as is seen by `cultivar stats`.

    Example: cultivar simulate -n 2000 --instances 20
    """
    from cultivar.evals.simulation import RECORDED

    is_kept = bool(options.into) or options.mine
    counts_only = options.counts_only or options.generations > RECORDED or not is_kept
    if options.mine and counts_only:
        raise UsageError(
            "What is only counted would be gone from your own ledger when it is counted anew.",
            f"Leave `--counts-only` out and simulate at most {RECORDED:,}, or leave `--mine` out.",
        )
    done, name = _simulated(options, counts_only=counts_only)
    if options.as_json:
        kept = name if is_kept else None
        print_json({"ledger": kept, "counts_only": counts_only, "worlds": _facts(done)})
        return
    for each in done:
        show_grid(_planted(each))
    _tell([each.simulated for each in done], name if is_kept else "", options.into)


class _Done(Record):
    """A world that was simulated, and what learning finds of it."""

    simulated: Simulated
    found: Recognised


def _simulated(options: SimulateCommand, *, counts_only: bool) -> tuple[list[_Done], str]:
    """What was simulated, and the name of the ledger that it is in."""
    with ExitStack() as stack:
        told = stack.enter_context(_progress())
        from cultivar.evals.recognition import recognised
        from cultivar.evals.simulation import address_of, count, opened, record
        from cultivar.ledger.tallies import SqlTallies

        worlds, own = _worlds(options)
        place = options.into
        if not place and not options.mine:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="cultivar-simulated-"))
        address = address_of(place, own, mine=options.mine)
        database = stack.enter_context(opened(address, mine=options.mine))
        fill = count if counts_only else record
        each_one = told(sum(each.scenario.generations for each in worlds))
        done = [fill(each, database, each_one) for each in worlds]
        store = SqlTallies(database)
        found = [_Done(simulated=each, found=recognised(each.planted, store)) for each in done]
        return found, database.name


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
def _progress() -> Generator[Callable[[int], Told]]:
    """Show how far it is, on a terminal; it is told how many there are when that is known."""
    if not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading templates", total=None)

        def begin(total: int) -> Told:
            progress.update(task, description="simulating", total=total)
            return lambda more: progress.advance(task, more)

        yield begin


def _facts(done: Iterable[_Done]) -> list[dict[str, Any]]:
    return [
        {
            **plain(each.simulated),
            "per_second": round(each.simulated.per_second, 1),
            "found": plain(each.found),
        }
        for each in done
    ]


def _planted(done: _Done) -> Grid:
    """What was planted, and whether it was found."""
    return Grid(
        title=f"Planted in {done.simulated.planted.template_id}",
        columns=(
            Column(name="what"),
            Column(name="success", is_number=True),
            Column(name="otherwise", is_number=True),
            Column(name="found"),
            Column(name="answers"),
        ),
        rows=list(_planted_rows(done)),
    )


def _planted_rows(done: _Done) -> Iterator[list[str]]:
    from cultivar.cli.statistics import worded

    planted, found = done.simulated.planted, done.found
    best = worded(planted.best)
    yield ["best together", f"{planted.success:.0%}", "", _yes(found.best), best]
    for each, is_found in zip(planted.matters, found.matters, strict=True):
        yield ["succeeds more", *_effect(each, _yes(is_found))]
    if planted.ceases is not None and found.ceases is not None:
        yield ["fails more of late", *_effect(planted.ceases, _yes(found.ceases))]
    yield ["most choose", "", "", "", worded(planted.favourites)]


def _effect(each: Effect, found: str) -> list[str]:
    from cultivar.cli.statistics import worded

    answer = worded({each.question: each.value})
    return [f"{each.success:.0%}", f"{each.otherwise:.0%}", found, answer]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _tell(done: list[Simulated], name: str, into: str) -> None:
    total, seconds = sum(each.generations for each in done), sum(each.seconds for each in done)
    how = "Recorded" if done[0].recorded else "Counted"
    took = f"{seconds:.1f} s ({total / seconds:,.0f} a second)"
    if not name:
        show(f"{how} {counted(total, 'generation')} in {took}, and kept nothing.")
        show("With `--into FOLDER` you can look at them: `cultivar stats`.")
        return
    kept = "" if done[0].recorded else ", and kept nothing else of them"
    show(f"{how} {counted(total, 'generation')} in {took}{kept}, in `{escape(name)}`.")
    if into:
        # An address may hold a password.
        where = "CULTIVAR_DATABASE_URL=…" if "://" in into else f"CULTIVAR_HOME={quote(into)}"
        command_line = f"{where} cultivar stats {done[0].planted.template_id}"
        show(f"What can be learned from it: {escape(command_line)}")
