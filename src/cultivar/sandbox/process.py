"""No wall: limits alone, for output that no model and no untrusted template wrote.

The command is a process like any other of the user. It is kept from running away, not from
reading or sending what it likes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from cultivar.record import replace
from cultivar.sandbox import transfer
from cultivar.sandbox.base import SYSTEM_PATH, TREE_ROOT, Command, Completed, Limits
from cultivar.sandbox.outcome import completed, not_started, rlimits, too_large, unprinted
from cultivar.sandbox.watch import Load, Watched, watch
from cultivar.tree import Tree

_SCRIPT: Final = "printf '\\002' && exec \"$@\" </dev/null"
_MARK: Final = "CULTIVAR_PROCESS"
"""A variable by which processes are found that left their parents."""
_WEIGH_SECONDS: Final = 0.5
_PATIENCE: Final = 10.0


class PlainProcess:
    """Runs commands in a folder of their own, with limits, unconfined."""

    name = "process"
    confined = False

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        """Run `command` over `tree`; see `Sandbox.run`."""
        if transfer.size(tree) > limits.disk_bytes:
            return too_large()
        with tempfile.TemporaryDirectory(prefix="cultivar-", ignore_cleanup_errors=True) as place:
            box = Path(place).resolve()
            for name in ("tree", "home", "tmp"):
                (box / name).mkdir()
            transfer.write(tree, box / "tree")
            mark = secrets.token_hex(16)
            process = self._start(command, limits, box, mark)
            watched = watch(process, _Family(process.pid, box, mark), limits)
            return _told(command, unprinted(watched, self.name), limits, box)

    def _start(
        self, command: Command, limits: Limits, box: Path, mark: str
    ) -> subprocess.Popen[bytes]:
        places = {"HOME": str(box / "home"), "TMPDIR": str(box / "tmp"), _MARK: mark}
        try:
            return subprocess.Popen(
                ["prlimit", *rlimits(limits), "sh", "-c", _SCRIPT, "sh", *command.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=box / "tree",
                env={"PATH": SYSTEM_PATH, **places, **command.environment},
                start_new_session=True,
            )
        except OSError as error:
            raise not_started(self.name, str(error).encode()) from error


class _Family:
    """A process and all that came of it."""

    def __init__(self, pid: int, box: Path, mark: str) -> None:
        self._pid, self._box, self._mark = pid, box, mark
        self._disk, self._next_weighing = Load(), 0.0

    def load(self) -> Load:
        """What they use now."""
        used = [_used(each) for each in self._descendants()]
        disk = self._weighed()
        return Load(
            memory_bytes=sum(memory for memory, _ in used),
            cpu_seconds=sum(cpu for _, cpu in used),
            processes=len(used),
            files=disk.files,
            disk_bytes=disk.disk_bytes,
        )

    def _descendants(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self._pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _weighed(self) -> Load:
        """How much they wrote; looked up now and then, because it takes a walk."""
        now = time.monotonic()
        if now >= self._next_weighing:
            sizes = list(_sizes(self._box))
            self._disk = Load(files=len(sizes), disk_bytes=sum(sizes))
            self._next_weighing = now + _WEIGH_SECONDS
        return self._disk

    def end(self) -> None:
        """Kill all of them; return when two looks in a row find nobody alive."""
        deadline, unseen = time.monotonic() + _PATIENCE, 0
        while unseen < 2 and time.monotonic() < deadline:
            alive = [each for each in (*self._descendants(), *self._strays()) if not _is_dead(each)]
            unseen = 0 if alive else unseen + 1
            for each in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    def _strays(self) -> list[psutil.Process]:
        return [each for each in psutil.process_iter() if self._is_marked(each)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARK) == self._mark
        except (psutil.Error, OSError):
            return False


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _used(process: psutil.Process) -> tuple[int, float]:
    try:
        with process.oneshot():
            return process.memory_info().rss, sum(process.cpu_times()[:4])
    except psutil.Error:
        return 0, 0.0


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                yield (Path(parent) / name).lstat().st_blocks * 512


def _told(command: Command, watched: Watched, limits: Limits, box: Path) -> Completed:
    output = watched.output.replace(os.fsencode(box / "tree"), TREE_ROOT.encode())
    outcome = completed(replace(watched, output=output), limits)
    if not command.collect or outcome.ended_by not in ("exit", "signal"):
        return outcome
    folder = os.open(box / "tree", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        tree = transfer.collect_folder(folder, limits.disk_bytes)
    except transfer.TooMuchError:
        return replace(outcome, ended_by="disk")
    finally:
        os.close(folder)
    return replace(outcome, tree=tree)
