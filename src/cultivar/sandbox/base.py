"""The seam to the walls: one command, run over a tree, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cultivar.errors import UnsafeError
from cultivar.model import EndedBy
from cultivar.record import Record, field
from cultivar.tree import Tree

TREE_ROOT = "/tmp/tree"
"""How a command's output names the root of its tree, whatever the backend."""

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
"""Where programs are looked for, where a command does not say."""


class Limits(Record):
    """What a command may use, all of its processes together."""

    wall_seconds: float = 120.0
    cpu_seconds: float = 120.0
    memory_bytes: int = 2 << 30
    processes: int = 64
    disk_bytes: int = 256 << 20
    output_bytes: int = 1 << 20
    """Of its output the first and the last halves of this are kept; a flood ends it."""


class Command(Record):
    """What to run, and with what in reach.

    Raises:
        UnsafeError: A text in it that cannot be given to a program.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """All of it: nothing is inherited. `HOME`, `TMPDIR` and `PATH` are set where they are not."""
    mounts: tuple[Path, ...] = ()
    """Folders outside that it may read, at the same path, and nothing else of ours."""
    collect: bool = False
    """Whether to bring back the tree as the command left it."""

    def __post_init__(self) -> None:
        for text in (*self.argv, *self.environment, *self.environment.values()):
            if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
                raise UnsafeError(f"A command cannot hold the text {text!r}.")


class Completed(Record):
    """A command that ran, whatever became of it."""

    exit_code: int
    """Of a signal, its negative number."""
    output: bytes
    """Standard output and error, as they came."""
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """The largest sum of resident memory that was seen."""
    ended_by: EndedBy = "exit"
    tree: Tree | None = None
    """The tree afterwards, where `collect` asked for it."""


class Sandbox(Protocol):
    """Runs untrusted code behind a wall.

    The tree is writable and is the working folder; nothing that the command does to it, or
    anywhere else, is there after it. It has no network, sees no other process, no user's files
    and no variable of ours, and does not outlive the call.
    """

    @property
    def name(self) -> str:
        """`bubblewrap`, `container` or `process`."""
        ...

    @property
    def confined(self) -> bool:
        """Whether untrusted code may run in it."""
        ...

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """Run `command` over `tree`.

        Raises:
            SandboxUnavailableError: The wall could not be built; nothing is known of the command.
            UnsafeError: What came back reaches out of the tree, or is no file.
        """
        ...
