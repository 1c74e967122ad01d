"""`up`: bus, hub and bridge together, kept running until they are told to stop."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from cultivar.cli.options import command
from cultivar.cli.output import escape, plain, show
from cultivar.errors import UsageError, WriteError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.settings import Settings
    from cultivar.stack.kinds import StackOptions
    from cultivar.stack.log import Line, Log
    from cultivar.stack.plan import Plan
    from cultivar.stack.session import Session
    from cultivar.stack.supervisor import Started, Supervisor

_COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue")
_WIDTH: Final = 9
"""Of the names of parts in the log."""

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PASSWORD: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@|[?&]password=", re.IGNORECASE)


class UpCommand(Record):
    """What a user may say to `cultivar up`."""

    bus: Annotated[
        Literal["auto", "local", "nats"],
        typer.Option(help="NATS, or a file for this machine; else what is set or is here."),
    ] = "auto"
    nats_server: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The program; else it is looked for.")
    ] = None
    bus_port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Of NATS; else one that is free.")
    ] = 0
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the hub has /health and /metrics.")
    ] = "127.0.0.1:8790"
    database_url: Annotated[
        str, typer.Option(metavar="URL", help="The hub's own database; else a file in `home`.")
    ] = ""
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Let the hub count what another database was counting."),
    ] = False
    only: Annotated[
        list[str] | None, typer.Option(metavar="PART", help="Start it, and what else is named.")
    ] = None
    without: Annotated[list[str] | None, typer.Option(metavar="PART", help="Do not start it.")] = (
        None
    )
    crashes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Give up when a part crashed N times in a row.")
    ] = 5
    environment: Annotated[
        bool, typer.Option("--environment", help="Print how one joins the stack that runs here.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON when it is ready.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "up", UpCommand)(up)


def up(options: UpCommand) -> int:
    """Start bus, hub and, where there is a model, its bridge; keep them running until Ctrl-C.

    Example: cultivar up --bus nats
    """
    from cultivar.settings import load_settings
    from cultivar.stack.session import environment_of, session

    settings = load_settings(serving=True)
    if options.environment:
        sys.stdout.write(environment_of(settings.home))
        return 0
    with session(settings.home) as ours:
        return _run(options, settings, ours)


def _run(options: UpCommand, settings: Settings, ours: Session) -> int:
    """Run the stack; the exit code: who is told to stop twice, has not ended as it should."""
    from cultivar.stack.plan import plan
    from cultivar.stack.supervisor import Supervisor

    planned = plan(settings, _wanted(options))
    log = _log(ours, planned, settings)
    for note in planned.notes:
        log.write("up", note)
    teller = _Teller(ours, planned.joining, as_json=options.as_json)
    supervisor = Supervisor(planned.parts, log, teller)
    with closing(log), _stopping(supervisor) as received:
        supervisor.run()
    return 128 + received[1] if len(received) > 1 else 0


class _Teller:
    """Writes down where everything is, each time that it changed; shows it once."""

    def __init__(self, ours: Session, joining: Mapping[str, str], *, as_json: bool) -> None:
        self._ours, self._joining, self._as_json = ours, joining, as_json
        self._is_shown = False

    def __call__(self, started: tuple[Started, ...]) -> None:
        facts = _facts(started, self._ours)
        # A disk that is full by now is no reason to end what runs.
        with suppress(WriteError) if self._is_shown else nullcontext():
            self._ours.tell(facts, self._joining)
        if not self._is_shown:
            self._is_shown = True
            if self._as_json:
                _print_line(facts)
            else:
                _show_ready(started, self._ours)


def _wanted(options: UpCommand) -> StackOptions:
    from cultivar.stack.kinds import StackOptions
    from cultivar.stack.parts import RestartPolicy

    if _PASSWORD.search(options.database_url):
        raise UsageError(
            "`--database-url` holds a password, which every user of the machine could see.",
            "Set `PGPASSWORD` in the environment, and leave it out of the address.",
        )
    return StackOptions(
        bus=options.bus,
        nats_server=options.nats_server,
        bus_port=options.bus_port,
        http=options.http,
        database_url=options.database_url,
        take_over=options.take_over,
        only=tuple(options.only or ()),
        without=tuple(options.without or ()),
        restart=RestartPolicy(crashes=options.crashes),
    )


def _log(ours: Session, planned: Plan, settings: Settings) -> Log:
    from cultivar.stack.log import Log
    from cultivar.wiring import redactor_of

    redactor = redactor_of(settings)
    colours = dict(zip((each.name for each in planned.parts), cycle(_COLOURS), strict=False))
    return Log(ours.log, partial(_show_line, colours), redactor.text)


def _show_line(colours: Mapping[str, str], line: Line) -> None:
    colour, name = colours.get(line.part, "bold"), f"{line.part:{_WIDTH}}"
    show(f"[dim]{line.at:%H:%M:%SZ}[/] [{colour}]{name} |[/] {escape(line.text)}", stderr=True)


def _facts(started: tuple[Started, ...], ours: Session) -> dict[str, Any]:
    parts = [{"name": each.name, "pid": each.pid, **plain(each.place)} for each in started]
    return {"parts": parts, "environment": str(ours.environment), "log": str(ours.log)}


def _print_line(facts: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()  # who reads it waits for it


def _show_ready(started: tuple[Started, ...], ours: Session) -> None:
    rows = [(each.name, each.place.where, each.place.about) for each in started]
    wide = max(len(where) for _, where, _ in rows)
    show("[bold]Ready[/]")
    # Not a table: in a narrow one an address is cut, and this is where people copy it from.
    for name, where, about in rows:
        show(f"  {name:{_WIDTH}} {escape(where.ljust(wide))}  {escape(about)}")
    show(f"An instance joins with `. {escape(quote(str(ours.environment)))}`. Ctrl-C stops all.")


@contextmanager
def _stopping(supervisor: Supervisor) -> Generator[list[int]]:
    """Let the signals that end a program stop the stack; the second one kills what is left."""
    received: list[int] = []

    def stop(number: int, frame: object) -> None:
        received.append(number)
        supervisor.stop()

    before = {each: signal.signal(each, stop) for each in _ENDING}
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
