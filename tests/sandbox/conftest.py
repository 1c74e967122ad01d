from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cultivar.checking.interpreters import Interpreter, find_interpreter
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits
from cultivar.sandbox.bubblewrap import Bubblewrap, Wall
from cultivar.tree import Tree

LIMITS = Limits(wall_seconds=30.0, memory_bytes=512 << 20, disk_bytes=64 << 20)


@dataclass(frozen=True, kw_only=True)
class Attacker:
    """Runs Python code of an attacker behind a wall."""

    python: Interpreter

    def run(
        self,
        code: str,
        wall: Wall | None = None,
        limits: Limits = LIMITS,
        *,
        mounts: tuple[Path, ...] = (),
        collect: bool = False,
    ) -> Completed:
        command = Command(
            argv=(str(self.python.path), "-I", "-S", "-B", "-c", code),
            mounts=(*mounts, *self.python.mounts),
            collect=collect,
        )
        if wall and not (wall.own_processes and wall.own_network):  # all of the machine counts
            limits = replace(limits, memory_bytes=1 << 50, cpu_seconds=1e9)
        return Bubblewrap(wall).run(command, Tree({}), limits)

    def breaks(
        self,
        code: str,
        wall: Wall | None = None,
        limits: Limits = LIMITS,
        *,
        mounts: tuple[Path, ...] = (),
    ) -> bool:
        """Whether the code gets as far as to print `BROKE`."""
        done = self.run(code, wall, limits, mounts=mounts)
        return b"BROKE" in done.output


@pytest.fixture(scope="session")
def attacker(shared: Path) -> Attacker:
    return Attacker(python=find_interpreter(shared))


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """A folder that the sandbox's user can read, outside of the temporary folders."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may read and write."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def outer_user() -> int | None:
    """Whom a process must belong to, to be in reach of what bubblewrap starts."""
    return 65534 if os.geteuid() == 0 else None
