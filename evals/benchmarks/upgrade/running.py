"""Commands that are timed and ended in time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMED_OUT: Final = 124
"""The exit code of a command that took too long, as that of `timeout`."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command or a tool ended."""

    seconds: float
    exit_code: int = 0
    output: str = ""
    """The end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where a command works: a folder, an environment and the seconds that it may take."""

    folder: Path
    environment: Mapping[str, str]
    timeout: float

    def run(self, command: Sequence[str]) -> Ran:
        """Run `command` and everything that it starts, and take the time."""
        began = time.perf_counter()
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as process:
            try:
                output, _ = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return Ran(seconds=self.timeout, exit_code=TIMED_OUT, output="timed out")
        told = output[-3000:].decode(errors="replace")
        return Ran(seconds=time.perf_counter() - began, exit_code=process.returncode, output=told)
