"""The command line: options in, a table or JSON out; the one place that prints."""

from cultivar.cli.main import main

__all__ = ["main"]
