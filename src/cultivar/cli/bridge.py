"""`bridge`: a model for instances that have no key, until it is told to stop."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.logs import begin_log, serve
from cultivar.cli.options import command
from cultivar.cli.output import escape, show
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.llm.bridge.server import Bridge


class BridgeCommand(Record):
    """What a user may say to `cultivar bridge`."""

    bus_url: Annotated[
        str, typer.Option(metavar="URL", help="Like nats://host:4222; else the setting `bus.url`.")
    ] = ""
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "bridge", BridgeCommand)(bridge)


def bridge(options: BridgeCommand) -> None:
    """Ask the model for instances that have no key, until it is stopped.

    Example: cultivar bridge --bus-url nats://bus:4222
    """
    begin_log()
    with _opened(options) as running:
        serve(
            lambda: _tell(running, as_json=options.as_json),
            "Stopping: what is in hand is answered first.",
        )


@contextmanager
def _opened(options: BridgeCommand) -> Generator[Bridge]:
    from cultivar.bus.opening import open_bus
    from cultivar.ledger.sql import open_ledger
    from cultivar.llm.bridge.server import Bridge
    from cultivar.settings import load_settings
    from cultivar.wiring import redactor_of

    given: dict[str, Any] = {"bus": {"url": options.bus_url}} if options.bus_url else {}
    settings = load_settings(serving=True, **given)
    with (
        closing(open_ledger(settings.ledger_url)) as ledger,
        closing(open_bus(settings.bus, settings.home)) as bus,
        closing(Bridge(bus, settings, ledger.calls, redactor_of(settings))) as running,
    ):
        yield running


def _tell(running: Bridge, *, as_json: bool) -> None:
    from cultivar.llm.bridge.server import SUBJECTS

    if as_json:
        told = {"subjects": SUBJECTS, "model": running.models[0], "models": running.models}
        sys.stdout.write(json.dumps(told) + "\n")  # on one line: who reads it waits for its end
        sys.stdout.flush()
        return
    names = escape(", ".join(running.models))
    show(f"The bridge answers on {' and '.join(SUBJECTS)} with {names}. Ctrl-C stops it.")
