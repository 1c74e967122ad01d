"""The command line: options in, a table or JSON out; the one place that prints."""

import gc
import sys

# Imports leave no garbage: to look for it in what they made takes a tenth of a start.
gc.set_threshold(100_000, 50, 100)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    from cultivar.cli import beside

    beside.begin(given)
    from cultivar.cli.commands import run

    run(given)
