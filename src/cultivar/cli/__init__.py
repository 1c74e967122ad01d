"""The command line: options in, a table or JSON out; the one place that prints."""

import gc

# Imports leave no garbage: to look for it in what they made takes a tenth of a start.
gc.set_threshold(100_000, 50, 100)

from cultivar.cli.main import main  # noqa: E402 (what it imports is what this is for)

__all__ = ["main"]
