"""Becomes a command that does not outlive its parent: `python tied.py PARENT_PID COMMAND …`.

It is a program of its own, and imports nothing of ours: between fork and exec, where else this
would have to be done, a process that has threads can run next to nothing safely.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""Of Linux: the signal that we get when the thread ends that started us."""


def main(parent: int, command: list[str]) -> None:
    """Become `command`, unless `parent` has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it was tied to us
        sys.exit(1)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a command inherits that
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"`{command[0]}` cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
