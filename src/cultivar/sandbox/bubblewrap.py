"""The strongest wall that needs no root: namespaces and a system call filter, by bubblewrap.

The invariants: bubblewrap never has a real root's user id and never sees our environment; what
runs behind the wall is dead when `run` returns.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, cast

from cultivar.errors import SandboxUnavailableError
from cultivar.record import Record, replace
from cultivar.sandbox import transfer
from cultivar.sandbox.base import SYSTEM_PATH, TREE_ROOT, Command, Completed, Limits
from cultivar.sandbox.namespace import Namespace
from cultivar.sandbox.outcome import (
    completed,
    not_started,
    rlimits,
    too_large,
    unprinted,
)
from cultivar.sandbox.seccomp import filter_program
from cultivar.sandbox.watch import Watched, watch
from cultivar.tree import Tree

NOBODY: Final = 65534
"""The user and the group that bubblewrap runs as where we are root."""

_READY: Final = b"\x06"
_SCRIPT: Final = f"""printf '\\006'
tar -xf - -C {TREE_ROOT} && printf '\\002' && exec "$@" </dev/null"""
_HOME: Final = "/tmp/home"
_USER: Final = "1000"
_ETC: Final = {
    "/etc/passwd": f"root:x:0:0::/:/bin/false\nuser:x:{_USER}:{_USER}::{_HOME}:/bin/sh\n",
    "/etc/group": f"root:x:0:\nuser:x:{_USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_OF_THE_SYSTEM: Final = ("/etc/ld.so.cache", "/etc/alternatives")
_BESIDE_USR: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_START_SECONDS: Final = 20.0


class Wall(Record):
    """The parts of the wall. A test leaves one out, to prove that it is needed."""

    own_network: bool = True
    own_processes: bool = True
    own_files: bool = True
    clean_environment: bool = True
    no_user_namespaces: bool = True
    system_calls: bool = True
    unix_sockets_only: bool = True
    read_only: bool = True
    shared_memory_bytes: int = 1_000_000


class Bubblewrap:
    """Runs commands behind bubblewrap.

    The tree lies in memory, in the one place of limited size that can be written to.

    Args:
        wall: What the wall consists of; all of it, where it is not given.
    """

    name = "bubblewrap"
    confined = True

    def __init__(self, wall: Wall | None = None) -> None:
        self._wall = wall or Wall()

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """Run `command` over `tree`; see `Sandbox.run`."""
        if transfer.size(tree) > limits.disk_bytes:
            return too_large()
        with ExitStack() as held:
            process, status = self._start(command, limits, held)
            namespace = Namespace(_first_process(process, status))
            held.callback(namespace.close)
            watched = watch(process, namespace, limits, transfer.pack(tree))
            return _told(command, unprinted(watched, self.name), limits, namespace)

    def _start(
        self, command: Command, limits: Limits, held: ExitStack
    ) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        """Start bubblewrap; returns it with the pipe on which it reports."""
        status, report = _pipe(held)
        report_to = report.fileno()
        files = {at: _data(text.encode(), held) for at, text in _ETC.items()}
        calls = [_data(_filter(self._wall), held)] if self._wall.system_calls else []
        argv = [
            *(_program(), *self._around(command, limits, files)),
            *("--json-status-fd", str(report_to)),
            *(each for fd in calls for each in ("--seccomp", str(fd))),
            *("--", "prlimit", f"--nproc={limits.processes}:{limits.processes}"),
            *(*rlimits(limits), "sh", "-c", _SCRIPT, "sh", *command.argv),
        ]
        process = self._spawn(argv, [report_to, *files.values(), *calls])
        held.callback(_abandon, process)
        report.close()
        return process, status

    def _around(self, command: Command, limits: Limits, files: Mapping[str, int]) -> list[str]:
        """All that stands around the command: the later covers the earlier."""
        wall = self._wall
        written = files.items() if wall.own_files else ()
        return [
            *(*_isolation(wall), *_root(wall), *_places(wall, limits), *_mounts(wall, command)),
            *(each for at, fd in written for each in ("--file", str(fd), at)),
            *("--remount-ro", "/", *_variables(command)),
        ]

    def _spawn(self, argv: list[str], descriptors: list[int]) -> subprocess.Popen[bytes]:
        root = os.geteuid() == 0
        try:
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                env={} if self._wall.clean_environment else None,
                cwd="/",
                user=NOBODY if root else None,
                group=NOBODY if root else None,
                extra_groups=() if root else None,
            )
        except OSError as error:
            raise not_started(self.name, str(error).encode()) from error


def _isolation(wall: Wall) -> list[str]:
    options = ["--unshare-user", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--unshare-net"] if wall.own_network else []
    options += ["--unshare-pid"] if wall.own_processes else []
    options += ["--disable-userns"] if wall.no_user_namespaces else []
    options += ["--uid", _USER, "--gid", _USER, "--hostname", "sandbox", "--clearenv"]
    return [*options, "--cap-drop", "ALL", "--die-with-parent", "--new-session"]


def _root(wall: Wall) -> list[str]:
    """The system, read-only: programs and libraries, and of `/etc` what they need."""
    if not wall.own_files:
        return ["--ro-bind", "/", "/"]
    options = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _BESIDE_USR):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    return [*options, *(each for at in _OF_THE_SYSTEM for each in ("--ro-bind-try", at, at))]


def _places(wall: Wall, limits: Limits) -> list[str]:
    """The places that can be written to, each of limited size."""
    shared = str(wall.shared_memory_bytes)
    return [
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", shared, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *("--size", str(limits.disk_bytes), "--tmpfs", "/tmp"),
        *("--dir", TREE_ROOT, "--dir", _HOME, "--chdir", TREE_ROOT),
    ]


def _mounts(wall: Wall, command: Command) -> list[str]:
    kind = "--ro-bind" if wall.read_only else "--bind"
    outside = [str(each) for each in command.mounts if not each.is_relative_to("/usr")]
    return [each for path in outside for each in (kind, path, path)]


def _variables(command: Command) -> list[str]:
    given = {"PATH": SYSTEM_PATH, "HOME": _HOME, "TMPDIR": "/tmp", **command.environment}
    return [each for name, value in given.items() for each in ("--setenv", name, value)]


def _filter(wall: Wall) -> bytes:
    machine = os.uname().machine
    try:
        return filter_program(machine, network=not wall.unix_sockets_only)
    except KeyError:
        raise SandboxUnavailableError(
            f"There is no system call filter for machines of type {machine!r}.",
            "Use the container sandbox (`sandbox.use: container`).",
        ) from None


def _program() -> str:
    found = shutil.which("bwrap", path=SYSTEM_PATH) or shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailableError(
            "bubblewrap (`bwrap`) is not installed.",
            "Install it: `apt install bubblewrap`, `dnf install bubblewrap`.",
        )
    return found


def _pipe(held: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Both ends of a pipe, as files, which may be closed twice without harm."""
    reads, writes = os.pipe()
    ends = os.fdopen(reads, "rb", buffering=0), os.fdopen(writes, "wb", buffering=0)
    for end in ends:
        held.callback(end.close)
    return ends


def _data(content: bytes, held: ExitStack) -> int:
    """An open file that holds `content`, at its beginning."""
    descriptor = os.memfd_create("cultivar")
    held.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """End a bubblewrap that is still there because something went wrong before it was watched."""
    if process.returncode is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _first_process(process: subprocess.Popen[bytes], status: IO[bytes]) -> int:
    """The first process behind the wall, once the wall stands."""
    stdout = cast("IO[bytes]", process.stdout)
    printed, deadline = b"", time.monotonic() + _START_SECONDS
    while _READY not in printed:
        chunk = _read_before(deadline, stdout.fileno())
        if not chunk:
            raise not_started(Bubblewrap.name, printed)
        printed += chunk
    report, _ = json.JSONDecoder().raw_decode(status.read(1 << 12).decode())
    return int(report["child-pid"])


def _read_before(deadline: float, descriptor: int) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))
    return os.read(descriptor, 1 << 12) if ready else b""


def _told(command: Command, watched: Watched, limits: Limits, namespace: Namespace) -> Completed:
    outcome = completed(watched, limits, full=namespace.full)
    if not command.collect or outcome.ended_by not in ("exit", "signal"):
        return outcome
    try:
        tree = transfer.collect_folder(namespace.tree, limits.disk_bytes)
    except transfer.TooMuchError:
        return replace(outcome, ended_by="disk")
    return replace(outcome, tree=tree)
