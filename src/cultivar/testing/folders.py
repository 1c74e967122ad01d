"""What is in a folder, to the last bit; and work on one that is interrupted anywhere."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cultivar.errors import CultivarError

Picture = dict[str, tuple[int, bytes]]
"""By path, the mode and the content of each file, link and folder."""

Ending = Literal["done", "failed", "killed"]
"""How work in another process ended."""

_CHANGING = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
    *("os.truncate", "os.utime", "shutil.rmtree", "shutil.copyfile", "subprocess.Popen"),
}


def picture(folder: Path) -> Picture:
    """All that is in a folder, but for what git keeps of it."""
    found = (path for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): _seen(path) for path in found}


def _seen(path: Path) -> tuple[int, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return mode, os.fsencode(path.readlink())
    return mode, path.read_bytes() if stat.S_ISREG(mode) else b""


Interrupt = Callable[[str, int], None]
"""What happens before a change: it is told of which kind that is, and how many came before."""


def kill(_kind: str, _number: int) -> None:
    """End this process without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail_once(_kind: str, number: int) -> None:
    """Fail, and let pass all that follows."""
    if number == 0:
        raise OSError(errno.EIO, "Input/output error")


def fill_disk(kind: str, _number: int) -> None:
    """Fail like a disk that is full, and stays so: nothing new has room on it."""
    if kind in {"open", "os.mkdir", "os.link", "os.symlink", "shutil.copyfile"}:
        raise OSError(errno.ENOSPC, "No space left on device")


def interrupted_at(step: int, work: Callable[[], object], interrupt: Interrupt) -> Ending:
    """Do `work` in another process, and call `interrupt` before a change that it makes and later.

    Changes are what Python audits: files that are opened to be written, renamed, removed, linked;
    folders; processes that are started.

    Args:
        step: Which change it is, counted from 1.
        work: What changes something.
        interrupt: What happens then.

    Returns:
        How it ended; `done` where it makes fewer changes.
    """
    child = os.fork()
    if child == 0:
        _work_and_end(step, work, interrupt)
    _, status = os.waitpid(child, 0)
    return _ENDINGS[status]


_FAILED = 3
_ENDINGS: dict[int, Ending] = {0: "done", _FAILED << 8: "failed", signal.SIGKILL: "killed"}


def _work_and_end(step: int, work: Callable[[], object], interrupt: Interrupt) -> None:
    """End without what the parent would do at its end."""
    code = 1
    try:
        _count(step, interrupt)
        work()
        code = 0
    except CultivarError:
        code = _FAILED
    finally:
        os._exit(code)


def _count(step: int, interrupt: Interrupt) -> None:
    number = -step

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal number
        if event in _CHANGING or (event == "open" and _is_written(arguments)):
            number += 1
            if number >= 0:
                interrupt(event, number)

    sys.addaudithook(count)


def _is_written(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
