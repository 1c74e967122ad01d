"""The command `hub` alone, as the command line runs it."""

from __future__ import annotations

import sys

import typer

from cultivar.cli.hub import add_to
from cultivar.cli.options import Group


def nothing() -> None:
    """Nothing beside the commands."""


if __name__ == "__main__":
    app = typer.Typer(cls=Group)
    app.callback()(nothing)
    add_to(app)
    app(sys.argv[1:])
