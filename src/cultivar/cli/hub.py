"""`hub`: what all instances find out, in one place, until it is told to stop."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.logs import begin_log, serve
from cultivar.cli.options import command
from cultivar.cli.output import escape, print_json, show
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.learning.hub.hub import Hub, HubSettings


_MOST_DAYS: Final = 36_500

_LONGEST_INTERVAL: Final = 86_400


class HubCommand(Record):
    """What a user may say to `cultivar hub`."""

    database_url: Annotated[
        str, typer.Option(metavar="URL", help="The hub's own database; else a file in `home`.")
    ] = ""
    bus_url: Annotated[
        str, typer.Option(metavar="URL", help="Like nats://host:4222; else the setting `bus.url`.")
    ] = ""
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where /health and /metrics are.")
    ] = "127.0.0.1:8790"
    insights: Annotated[
        float, typer.Option(metavar="SECONDS", help="How often insights are published.")
    ] = 300.0
    keep_days: Annotated[
        int, typer.Option(metavar="N", help="For how long generations are kept; 0: for ever.")
    ] = 0
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Count here what another database was counting."),
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "hub", HubCommand)(hub)


def hub(options: HubCommand) -> None:
    """Count what all instances generate, and answer what they ask, until it is stopped.

    Example: cultivar hub --bus-url nats://bus:4222 --database-url postgresql://hub@db/hub
    """
    begin_log()
    with _opened(options) as running:
        serve(
            lambda: _tell(running, as_json=options.as_json),
            "Stopping: what is in hand is counted first.",
        )


def _tell(running: Hub, *, as_json: bool) -> None:
    if as_json:
        print_json({"http": running.url})
        sys.stdout.flush()  # who reads it waits for it
        return
    show(f"The hub runs; see {escape(running.url)}/health and /metrics. Ctrl-C stops it.")


@contextmanager
def _opened(options: HubCommand) -> Generator[Hub]:
    from cultivar.bus.opening import open_bus
    from cultivar.learning.hub.hub import Hub
    from cultivar.learning.hub.store import HubStore
    from cultivar.settings import load_settings

    wanted = _settings(options)
    given: dict[str, Any] = {"bus": {"url": options.bus_url}} if options.bus_url else {}
    settings = load_settings(**given)
    url = options.database_url or f"sqlite:///{settings.home / 'hub.db'}"
    with (
        closing(HubStore(url)) as store,
        closing(open_bus(settings.bus, settings.home)) as bus,
        closing(Hub(bus, store, wanted)) as running,
    ):
        # What is loaded by now stays for good; thousands of messages set off collections that
        # would look at all of it each time.
        gc.freeze()
        yield running


def _settings(options: HubCommand) -> HubSettings:
    from cultivar.learning.hub.hub import HubSettings
    from cultivar.stack.addresses import read_address

    http = read_address(options.http)
    if not 0 < options.insights <= _LONGEST_INTERVAL:
        raise UsageError(
            f"`--insights` takes a number of seconds above 0, up to {_LONGEST_INTERVAL}.",
            "Write it like `--insights 300`.",
        )
    if options.keep_days < 0 or options.keep_days > _MOST_DAYS:
        raise UsageError(
            f"`--keep-days` takes a number of days up to {_MOST_DAYS}.",
            "Write it like `--keep-days 365`, or leave it out to keep all.",
        )
    return HubSettings(
        http=http,
        insights_seconds=options.insights,
        keep_days=options.keep_days,
        take_over=options.take_over,
    )
