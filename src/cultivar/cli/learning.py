"""`learn`: what was found out here, told to the others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.logs import begin_log, note, serve
from cultivar.cli.options import command
from cultivar.cli.output import escape, print_json, show
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.telling import Untold

_UNAVAILABLE = 6
"""The exit code where something is left that the bus did not take."""


class LearnCommand(Record):
    """What a user may say to `cultivar learn`."""

    retry: Annotated[
        bool, typer.Option("--retry", help="Try again what the bus has refused before.")
    ] = False
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is generated, until stopped.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "learn", LearnCommand)(learn)


def learn(options: LearnCommand) -> int:
    """Tell the hub what was found out here and has not been told yet.

    Every run tells what it made; this is for what was made while the bus was down.

    Example: cultivar learn --retry
    """
    from cultivar.application.cultivar import Cultivar

    if options.follow:
        begin_log()
    with Cultivar() as cultivar:
        left = cultivar.tell(retry=options.retry)
        if options.as_json:
            print_json(_facts(left))
            sys.stdout.flush()  # who reads it waits for it
        else:
            _print(left)
        if options.follow:
            _follow(cultivar)
            return 0
    return _UNAVAILABLE if left.waiting or left.parked else 0


def _follow(cultivar: Cultivar) -> None:
    cultivar.keep_telling()
    serve(
        lambda: note("What is generated is told as it comes. Ctrl-C stops it."),
        "Stopping: what is left is told the next time.",
    )


def _print(left: Untold) -> None:
    if not left.waiting and not left.parked:
        show("All that was generated here is told.")
    if left.waiting:
        why = f": {left.trouble}" if left.trouble else ", more than can be told at once."
        show(f"Waiting to be told: {left.waiting:,}{escape(why)}")
    for each in left.parked:
        show(f"Refused by the bus: {each.outgoing.generation_id[:8]}: {escape(each.reason)}")


def _facts(left: Untold) -> dict[str, Any]:
    parked = [
        {"generation_id": each.outgoing.generation_id, "reason": each.reason}
        for each in left.parked
    ]
    return {"waiting": left.waiting, "parked": parked, "trouble": left.trouble}
