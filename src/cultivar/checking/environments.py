"""The environments that checks run in: each built once per set of requirements, then only read.

The invariant: an environment that is handed out is whole. It is whole when its mark is there,
which is written last, under a lock that holds between processes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from cultivar.checking.interpreters import readable_in_sandbox
from cultivar.checking.requirements import Program, read_needs
from cultivar.errors import EnvironmentUnavailableError
from cultivar.record import Record
from cultivar.sandbox.base import SYSTEM_PATH

_FORMAT: Final = 1
_MARK: Final = "cultivar.json"

_VARIABLES: Final = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "RUFF_NO_CACHE": "true",
    "MYPY_CACHE_DIR": "/dev/null",
    "MIX_OS_CONCURRENCY_LOCK": "false",
    "HEX_OFFLINE": "1",
    # As many threads as a limit on processes allows, however many cores there are.
    "ERL_FLAGS": "+S 2:2 +SDcpu 2:2 +SDio 2 +A 2",
    "RAYON_NUM_THREADS": "2",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "GOMAXPROCS": "2",
    "UV_OFFLINE": "1",
}


class Environment(Record):
    """What a check has in reach."""

    id: str
    """Changes with anything in it."""
    folders: tuple[Path, ...] = ()
    """Looked into first for programs."""
    mounts: tuple[Path, ...] = ()
    """What a sandbox must be given to read."""

    @property
    def variables(self) -> Mapping[str, str]:
        """All variables that a command in it gets."""
        path = ":".join([*map(str, self.folders), SYSTEM_PATH])
        return {**_VARIABLES, "PATH": path}


class Maker(Protocol):
    """Knows what is installed where checks run, and installs more."""

    @property
    def id(self) -> str:
        """Changes when its Python does."""
        ...

    @property
    def mounts(self) -> tuple[Path, ...]:
        """What its Python needs, beside the system."""
        ...

    def program(self, name: str) -> Program:
        """The program of that name.

        Raises:
            EnvironmentUnavailableError: It is not there.
        """
        ...

    def make(self, folder: Path, requirements: tuple[str, ...], *, wheels_only: bool) -> None:
        """Make a virtual environment in `folder`, with the requirements installed.

        Raises:
            EnvironmentUnavailableError: It cannot be made.
        """
        ...


class Environments(Record):
    """Has environments made, and keeps them in a folder.

    Args:
        cache: The folder. Where we are root, everybody must be able to read it.
        maker: Makes them.
    """

    cache: Path
    maker: Maker

    def get(
        self, requires: tuple[str, ...], *, language: str = "", trusted: bool = False
    ) -> Environment:
        """The environment for what a template's checks require; made where it is new.

        Args:
            requires: Python requirements, or `program:NAME` each.
            language: Of the template; `python` needs an interpreter in any case.
            trusted: Whether requirements may name addresses and be built from source.

        Raises:
            UnsafeError: A requirement that only a trusted template may have.
            EnvironmentUnavailableError: A program or a package is not to be had.
        """
        needs = read_needs(requires, trusted=trusted)
        programs = [self.maker.program(name) for name in needs.programs]
        if not needs.requirements and language != "python":
            return _joined(programs)
        return _joined(programs, self._folder(needs.requirements, trusted), self.maker.mounts)

    def _folder(self, requirements: tuple[str, ...], trusted: bool) -> Path:
        """The folder of a whole environment."""
        key = _hash([_FORMAT, requirements, self.maker.id, trusted])[:32]
        folder = self.cache / "environments" / key
        if not _is_whole(folder):
            try:
                self._make(folder, requirements, trusted)
            except OSError as error:
                raise EnvironmentUnavailableError(
                    f"`{folder}` cannot be written: {error.strerror}.",
                    "Set `cache` to a folder that you may write to.",
                ) from error
        if not readable_in_sandbox(folder / _MARK):
            raise EnvironmentUnavailableError(
                f"The sandbox's user cannot read `{self.cache}`.",
                "Set `cache` to a folder that everybody may read, like /var/cache/cultivar.",
            )
        return folder

    def _make(self, folder: Path, requirements: tuple[str, ...], trusted: bool) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock  # it imports much, and is rarely needed

        with FileLock(f"{folder}.lock"):
            if not _is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
                self.maker.make(folder, requirements, wheels_only=not trusted)
                _mark(folder)


def _packages(folder: Path) -> list[str]:
    """The packages that are installed in an environment, with their versions."""
    return sorted(each.name for each in folder.glob("lib/python*/site-packages/*.dist-info"))


def _mark(folder: Path) -> None:
    half = folder / f"{_MARK}.half"
    half.write_text(json.dumps({"packages": _packages(folder)}))
    half.chmod(0o644)
    folder.chmod(0o755)
    half.replace(folder / _MARK)


def _is_whole(folder: Path) -> bool:
    try:
        marked = json.loads((folder / _MARK).read_text())
    except (OSError, ValueError):
        return False
    return os.path.lexists(folder / "bin" / "python") and marked == {"packages": _packages(folder)}


def _joined(
    programs: list[Program], folder: Path | None = None, mounts: tuple[Path, ...] = ()
) -> Environment:
    parts = [program.id for program in programs]
    folders = [each for program in programs for each in program.folders]
    mounted = [*mounts, *(mount for program in programs for mount in program.mounts)]
    if folder:
        parts.append(folder.name)
        mounted.append(folder)
        folders.insert(0, folder / "bin")
    return Environment(
        id=_hash([_FORMAT, parts, _VARIABLES]),
        folders=tuple(dict.fromkeys(folders)),
        mounts=tuple(dict.fromkeys(mounted)),
    )


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
