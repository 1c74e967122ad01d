"""Which Python the checks run on: one that the user of the sandbox can read."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

from cultivar.errors import EnvironmentUnavailableError
from cultivar.record import Record
from cultivar.sandbox.base import SYSTEM_PATH
from cultivar.sandbox.bubblewrap import NOBODY

_OLDEST: Final = 11
_NEWEST: Final = 20
_NOT_COPIED: Final = ("site-packages", "test", "idlelib", "config-*")


class Interpreter(Record):
    """A Python that is there."""

    path: Path
    """The program, with no link in its path."""
    prefix: Path
    """The folder that it is installed in."""

    @property
    def mounts(self) -> tuple[Path, ...]:
        """What a sandbox needs to be given to run it, beside the system."""
        return () if self.prefix.is_relative_to("/usr") else (self.prefix,)

    @property
    def id(self) -> str:
        """Changes when another Python takes its place."""
        found = self.path.stat()
        return f"{self.path}:{found.st_size}:{found.st_mtime_ns}"


def find_interpreter(cache: Path) -> Interpreter:
    """Our own Python, else the system's, else a copy of ours in `cache`.

    Raises:
        EnvironmentUnavailableError: The sandbox's user can read none, and ours cannot be copied.
    """
    ours = running_interpreter()
    if readable_in_sandbox(ours.path):
        return ours
    return system_interpreter() or copied_interpreter(ours, cache)


def running_interpreter() -> Interpreter:
    """The Python that runs us, without its virtual environment."""
    prefix = Path(sys.base_prefix).resolve()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Interpreter(path=(prefix / "bin" / name).resolve(), prefix=prefix)


def system_interpreter() -> Interpreter | None:
    """The newest Python of the system that is new enough."""
    for minor in range(_NEWEST, _OLDEST - 1, -1):
        found = shutil.which(f"python3.{minor}", path=SYSTEM_PATH)
        if found and (path := Path(found).resolve()).is_relative_to("/usr"):
            return Interpreter(path=path, prefix=path.parent.parent)
    return None


def copied_interpreter(ours: Interpreter, cache: Path) -> Interpreter:
    """A copy of `ours` in `cache`, made once.

    Raises:
        EnvironmentUnavailableError: The copy does not run.
    """
    prefix = cache / "interpreters" / f"{ours.path.name}-{ours.path.stat().st_mtime_ns}"
    copy = Interpreter(path=prefix / "bin" / ours.path.name, prefix=prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    from filelock import FileLock  # it imports much, and is rarely needed

    with FileLock(f"{prefix}.lock"):
        if not prefix.exists():
            _copy(ours, prefix)
        if not _runs(copy.path):
            shutil.rmtree(prefix, ignore_errors=True)
            raise EnvironmentUnavailableError(
                f"The Python at `{ours.path}` cannot be read by the sandbox's user, nor copied"
                f" to `{cache}`.",
                "Install the system's Python 3.11 or later (`apt install python3`).",
            )
    return copy


def _copy(ours: Interpreter, target: Path) -> None:
    """Copy the program, its library and its modules, without what was installed beside them."""
    half = target.with_name(target.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    name = ours.path.name
    (half / "bin").mkdir(parents=True)
    shutil.copy2(ours.path, half / "bin" / name)
    ignore = shutil.ignore_patterns(*_NOT_COPIED)
    shutil.copytree(ours.prefix / "lib" / name, half / "lib" / name, symlinks=True, ignore=ignore)
    for library in (ours.prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, half / "lib")
    half.chmod(0o755)
    half.rename(target)


def _runs(python: Path) -> bool:
    user = NOBODY if os.geteuid() == 0 else None
    try:
        done = subprocess.run(
            [python, "-I", "-c", "import encodings, json, venv"],
            capture_output=True,
            cwd="/",
            env={},
            user=user,
            group=user,
            extra_groups=None if user is None else (),
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def readable_in_sandbox(path: Path) -> bool:
    """Whether the user that the sandbox runs as can read `path`: another one, where we are root."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    try:
        modes = [each.stat().st_mode for each in (path, *path.parents)]
    except OSError:
        return False
    open_above = all(mode & stat.S_IXOTH for mode in modes[1:])
    return open_above and bool(modes[0] & stat.S_IROTH)
