"""From what was watched to what is told: how a command ended, in the words of the seam."""

from __future__ import annotations

import resource
import signal
from typing import Final

from cultivar.errors import SandboxUnavailableError
from cultivar.model import EndedBy
from cultivar.record import replace
from cultivar.sandbox.base import Completed, Limits
from cultivar.sandbox.watch import Watched
from cultivar.tree import Tree

STARTED: Final = b"\x02"
"""Printed behind the wall right before the command: what comes before it is not the command's."""

OPEN_FILES: Final = 512
"""So many files one process may have open."""

_SIGNALS: Final = frozenset(int(each) for each in signal.valid_signals())


def unprinted(watched: Watched, wall: str) -> Watched:
    """`watched` without the mark that the command was started.

    Raises:
        SandboxUnavailableError: It never was, and no limit is to blame for it.
    """
    before, mark, output = watched.output.partition(STARTED)
    if not mark and watched.ended_by == "exit":
        raise not_started(wall, before)
    return replace(watched, output=output)


def not_started(wall: str, printed: bytes) -> SandboxUnavailableError:
    """The error for a wall that printed `printed` and ended."""
    said = printed.decode(errors="replace").strip() or "it said nothing"
    return SandboxUnavailableError(
        f"The sandbox ({wall}) could not start the command: {said}.",
        "`cultivar doctor` says what it needs.",
    )


def completed(
    watched: Watched, limits: Limits, *, full: bool = False, tree: Tree | None = None
) -> Completed:
    """What became of the command.

    Args:
        watched: How it ended.
        limits: What it was allowed.
        full: Whether its place for files was used up.
        tree: What came back of it.
    """
    code = exit_code(watched.returncode) if watched.ended_by == "exit" else -signal.SIGKILL
    return Completed(
        exit_code=code,
        output=watched.output,
        wall_seconds=watched.wall_seconds,
        cpu_seconds=watched.cpu_seconds,
        peak_bytes=watched.peak_bytes,
        ended_by=_ended_by(watched, code, limits, full=full),
        tree=tree,
    )


def too_large() -> Completed:
    """For a tree that cannot even be put in place under the limit on disk."""
    return Completed(
        exit_code=1,
        output=b"The tree is larger than the limit on disk.",
        wall_seconds=0.0,
        cpu_seconds=0.0,
        peak_bytes=0,
        ended_by="disk",
    )


def exit_code(returncode: int) -> int:
    """The negative number of the signal, where a shell or a wall reports it as 128 and more."""
    return 128 - returncode if returncode - 128 in _SIGNALS else returncode


def _ended_by(watched: Watched, code: int, limits: Limits, *, full: bool) -> EndedBy:
    if watched.ended_by != "exit" or code == 0:
        return watched.ended_by
    if code == -signal.SIGXCPU:
        return "cpu"
    if full or code == -signal.SIGXFSZ:
        return "disk"
    return "signal" if code < 0 else "exit"


def rlimits(limits: Limits) -> list[str]:
    """The options of `prlimit` for the limits that hold for each process by itself.

    Not the address space: Erlang and JavaScript reserve more of it than they ever use.
    """
    pairs = {
        "core": _lowered(resource.RLIMIT_CORE, 0),
        "data": _lowered(resource.RLIMIT_DATA, limits.memory_bytes),
        "fsize": _lowered(resource.RLIMIT_FSIZE, limits.disk_bytes),
        "nofile": _lowered(resource.RLIMIT_NOFILE, OPEN_FILES),
        "stack": _lowered(resource.RLIMIT_STACK, 8 << 20),
    }
    cpu = _lowered(resource.RLIMIT_CPU, max(round(limits.cpu_seconds), 1) + 1)
    return [f"--cpu={cpu - 1}:{cpu}", *(f"--{name}={each}:{each}" for name, each in pairs.items())]


def _lowered(kind: int, value: int) -> int:
    """`value`, or what we have ourselves where that is less and cannot be raised."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
