"""A running bubblewrap, seen and ended from outside.

Its temporary files and its list of processes are opened through `/proc/<pid>/root` before the
command starts; from then on nothing in it needs to help, and its files outlive it until they are
closed here.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from typing import Final

from cultivar.errors import SandboxUnavailableError
from cultivar.sandbox.base import TREE_ROOT
from cultivar.sandbox.watch import Load

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_COUNTED: Final = (b"RssAnon:", b"RssShmem:", b"VmPTE:", b"VmSwap:")
"""What a process holds of its own; files of the system are shared and can be dropped."""
_SOCKET_BYTES: Final = 2 * 212_992
"""Linux' largest buffer for sending, as it is counted."""
_FREE_SOCKETS: Final = 32
"""So many sockets are nobody's attack."""
_PATIENCE: Final = 10.0
"""Seconds that the end of what was killed may take."""


class Namespace:
    """The processes and the files behind one wall.

    Args:
        pid: The first process in it, as the outside sees it.

    Raises:
        SandboxUnavailableError: It is gone, or cannot be looked into.
    """

    def __init__(self, pid: int) -> None:
        self._open = contextlib.ExitStack()
        try:
            self._first = self._keep(os.pidfd_open(pid))
            inside = f"/proc/{pid}/root"
            self._processes = self._folder(f"{inside}/proc")
            self._disks = [self._folder(f"{inside}{at}") for at in ("/tmp", "/dev/shm")]
            self.tree = self._folder(f"{inside}{TREE_ROOT}")
        except OSError as error:
            self.close()
            raise SandboxUnavailableError(
                f"The sandbox's process {pid} cannot be looked into: {error.strerror}."
            ) from error

    def _keep(self, descriptor: int) -> int:
        self._open.callback(os.close, descriptor)
        return descriptor

    def _folder(self, path: str) -> int:
        return self._keep(os.open(path, os.O_RDONLY | os.O_DIRECTORY))

    def load(self) -> Load:
        """What is used behind the wall now."""
        used = [_used(self._processes, pid) for pid in self._pids()]
        return Load(
            memory_bytes=sum(memory for memory, _ in used) + self._in_sockets(),
            cpu_seconds=sum(cpu for _, cpu in used),
            files=sum(disk.f_files - disk.f_ffree for disk in map(os.fstatvfs, self._disks)),
        )

    def _pids(self) -> list[str]:
        with contextlib.suppress(OSError), os.scandir(self._processes) as found:
            return [each.name for each in found if each.name.isdigit()]
        return []

    def _in_sockets(self) -> int:
        """What its sockets may hold at most: memory of the kernel, counted nowhere else."""
        try:
            lines = _read(self._processes, "1/net/protocols").splitlines()
        except OSError:
            return 0
        counts = [int(line.split()[2]) for line in lines if line.startswith(b"UNIX")]
        return max(sum(counts) - _FREE_SOCKETS, 0) * _SOCKET_BYTES

    @property
    def full(self) -> bool:
        """Whether its place for files is used up."""
        disk = os.fstatvfs(self._disks[0])
        return disk.f_bavail * 100 < disk.f_blocks

    def end(self) -> None:
        """Kill its first process, and with it all others; return when they are dead."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        dead, _, _ = select.select([self._first], [], [], _PATIENCE)
        if not dead:
            raise SandboxUnavailableError("What ran in the sandbox does not end when it is killed.")

    def close(self) -> None:
        """Let go of its files."""
        self._open.close()


def _used(processes: int, pid: str) -> tuple[int, float]:
    """The memory in bytes and the seconds of CPU of one process, dead children's included."""
    try:
        memory = sum(_kilobytes(line) for line in _read(processes, f"{pid}/status").splitlines())
        fields = _read(processes, f"{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0, 0.0
    return memory * 1024, sum(map(int, fields[11:15])) / _TICKS


def _kilobytes(line: bytes) -> int:
    return int(line.split()[1]) if line.startswith(_COUNTED) else 0


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return b"".join(_chunks(descriptor))
    finally:
        os.close(descriptor)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, 1 << 16):
        yield chunk
