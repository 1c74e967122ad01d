"""The log of a command that runs on: lines on standard error, each with its time."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from cultivar.cli.output import printable
from cultivar.stack.log import TIME, TIMED

_LOG: Final = logging.getLogger(__name__)


def begin_log() -> None:
    """Write every warning, and what is noted, with the time, unless whoever reads it adds that."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.getLogger().addHandler(handler)
    _LOG.setLevel(logging.INFO)


def note(text: str) -> None:
    """Write a line that is no warning."""
    _LOG.info("%s", text)


def serve(tell: Callable[[], None], last: str) -> None:
    """Say that something runs, and wait until a signal ends it, even while that is being said.

    Args:
        tell: Says it.
        last: Noted at the end: what is done with what is in hand.
    """
    try:
        tell()
        threading.Event().wait()
    except KeyboardInterrupt:
        note(last)


class _Lines(logging.Formatter):
    """UTC, since what is compared with it was written on another machine."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(message)s" if TIMED in os.environ else "%(asctime)s %(message)s", TIME)

    def format(self, record: logging.LogRecord) -> str:
        """A record as it is written; control characters of others do not reach the terminal."""
        return printable(super().format(record))
