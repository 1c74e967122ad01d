"""A wall for hosts where bubblewrap does not work: a container of podman or docker.

The invariant: the container has no network, no privilege, no folder of ours that it can write to,
and is removed when `run` returns.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from typing import IO, Final

from cultivar.errors import SandboxUnavailableError
from cultivar.record import replace
from cultivar.sandbox import transfer
from cultivar.sandbox.base import SYSTEM_PATH, TREE_ROOT, Command, Completed, Limits
from cultivar.sandbox.outcome import (
    OPEN_FILES,
    STARTED,
    completed,
    not_started,
    too_large,
    unprinted,
)
from cultivar.sandbox.watch import Load, watch
from cultivar.tree import Tree

ENGINES: Final = ("podman", "docker")
"""Looked for in this order: podman needs no service that runs as root."""

_SCRIPT: Final = f"""
mkdir -p {TREE_ROOT} /tmp/home && cd {TREE_ROOT} && tar -xf - && printf '\\002' || exit 125
"$@" </dev/null 2>&1
code=$?
test -z "$COLLECT" || tar -cf - -C {TREE_ROOT} . >&2
exit $code"""
_END_SECONDS: Final = 20.0


class Container:
    """Runs commands in a new container each.

    Args:
        engine: The path of `podman` or `docker`.
        image: What the container starts from; it has `sh` and `tar`.
    """

    name = "container"
    confined = True

    def __init__(self, engine: str, image: str) -> None:
        self.engine, self.image = engine, image

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """Run `command` over `tree`; see `Sandbox.run`."""
        if transfer.size(tree) > limits.disk_bytes:
            return too_large()
        name = f"cultivar-{secrets.token_hex(8)}"
        with tempfile.TemporaryFile() as back:
            process = self._start(self.argv(name, command, limits), back)
            cage = _Named(self.engine, name, process, back)
            watched = watch(process, cage, limits, transfer.pack(tree))
            if watched.ended_by == "exit" and STARTED not in watched.output:
                raise not_started(self.name, watched.output + _start_of(back))
            outcome = completed(unprinted(watched, self.name), limits)
            return self._with_tree(command, outcome, limits, back)

    def argv(self, name: str, command: Command, limits: Limits) -> list[str]:
        """The engine's command line for one run."""
        memory, disk = limits.memory_bytes, limits.disk_bytes
        cpu = max(round(limits.cpu_seconds), 1)
        variables = {"PATH": SYSTEM_PATH, "HOME": "/tmp/home", **command.environment}
        return [
            *(self.engine, "run", "--rm", "--interactive", "--name", name, "--pull=never"),
            *("--network=none", "--read-only", "--cap-drop=ALL", "--ipc=private"),
            *("--security-opt=no-new-privileges", "--user=65534:65534", "--hostname=sandbox"),
            *(f"--memory={memory}", f"--memory-swap={memory}", "--shm-size=1m"),
            *(f"--pids-limit={limits.processes}", f"--ulimit=fsize={disk}:{disk}"),
            *(
                "--ulimit=core=0:0",
                f"--ulimit=nofile={OPEN_FILES}:{OPEN_FILES}",
                "--ulimit=nproc=4096:4096",
            ),
            *(f"--ulimit=cpu={cpu}:{cpu + 1}", "--log-driver=none"),
            f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={disk}",
            *(f"--volume={path}:{path}:ro" for path in command.mounts),
            *(f"--env={name}={value}" for name, value in variables.items()),
            f"--env=COLLECT={'yes' if command.collect else ''}",
            *("--workdir=/tmp", "--entrypoint=sh", self.image, "-c", _SCRIPT, "sh"),
            *command.argv,
        ]

    def _start(self, argv: list[str], back: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=back, cwd="/"
            )
        except OSError as error:
            raise not_started(self.name, str(error).encode()) from error

    def _with_tree(
        self, command: Command, outcome: Completed, limits: Limits, back: IO[bytes]
    ) -> Completed:
        if not command.collect or outcome.ended_by not in ("exit", "signal"):
            return outcome
        back.seek(0)
        archive = back.read(2 * limits.disk_bytes)
        try:
            return replace(outcome, tree=transfer.collect_archive(archive, limits.disk_bytes))
        except transfer.TooMuchError:
            return replace(outcome, ended_by="disk")


class _Named:
    """A container by its name. Its engine holds it to its limits."""

    def __init__(
        self, engine: str, name: str, process: subprocess.Popen[bytes], back: IO[bytes]
    ) -> None:
        self._engine, self._name, self._process, self._back = engine, name, process, back

    def load(self) -> Load:
        """Only what it sent back is known here."""
        return Load(disk_bytes=self._back.seek(0, 2) // 2)

    def end(self) -> None:
        """Kill the container; return when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)  # `Popen.kill` would reap it
        for order in ("kill", self._name), ("rm", "--force", self._name):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [self._engine, *order], capture_output=True, timeout=_END_SECONDS, check=False
                )


def _start_of(back: IO[bytes]) -> bytes:
    back.seek(0)
    return back.read(4096)


def find_engine() -> str:
    """The path of the first engine that is installed.

    Raises:
        SandboxUnavailableError: There is none.
    """
    for engine in ENGINES:
        if found := shutil.which(engine):
            return found
    raise SandboxUnavailableError(
        "Neither podman nor docker is installed.",
        "Install one of them: `apt install podman`, `dnf install podman`.",
    )
