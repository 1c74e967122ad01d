"""What a check says it needs, read with suspicion: it is installed outside the sandbox.

The invariant: an installer is given nothing but names with versions; of whom nobody trusts, no
address, no path and no option.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from cultivar.errors import RequirementUnavailableError, UnsafeError
from cultivar.record import Record
from cultivar.sandbox.base import SYSTEM_PATH

_PROGRAM: Final = "program:"
_SYSTEM: Final = ("/usr", "/opt", "/nix/store", "/gnu/store")
"""Where programs are that belong to the machine and not to a user."""


class Program(Record):
    """A program of the system."""

    id: str
    """Changes when another version takes its place."""
    folders: tuple[Path, ...] = ()
    """Where it is found, if not where all programs are."""
    mounts: tuple[Path, ...] = ()
    """What a sandbox needs to be given to run it, beside the system."""


class Needs(Record):
    """What a set of checks needs."""

    requirements: tuple[str, ...] = ()
    """For Python's installer, normal and sorted."""
    programs: tuple[str, ...] = ()
    """Names of programs, sorted."""


def read_needs(requires: tuple[str, ...], *, trusted: bool = False) -> Needs:
    """Read `requires` of a template.

    Args:
        requires: Python requirements, or `program:NAME` each.
        trusted: Whether addresses are allowed.

    Raises:
        UnsafeError: An address, a path or an option where there should be a name.
    """
    programs = {each.removeprefix(_PROGRAM) for each in requires if each.startswith(_PROGRAM)}
    others = {_requirement(each, trusted) for each in requires if not each.startswith(_PROGRAM)}
    for name in programs:
        if not name or "/" in name or name.startswith((".", "-")):
            raise UnsafeError(
                f"{_PROGRAM + name!r} does not name a program.", "Write `program:NAME`."
            )
    return Needs(requirements=tuple(sorted(others)), programs=tuple(sorted(programs)))


def _requirement(text: str, trusted: bool) -> str:
    try:
        read = Requirement(text)
    except InvalidRequirement as error:
        raise UnsafeError(
            f"The template requires {text!r}, which is not a package's name with its version.",
            "Write it like `pytest>=8`, or `program:NAME` for a program of the system.",
        ) from error
    if read.url and not trusted:
        raise UnsafeError(
            f"The template requires {text!r}, which is installed from an address.",
            "Pass `--trust` if you trust the template.",
        )
    return str(read)


def find_program(name: str) -> Program:
    """The program `name` of the system.

    Raises:
        RequirementUnavailableError: It is not there, or only in a user's folder.
    """
    path = os.environ.get("PATH", "")
    elsewhere = ""
    for folder in (*SYSTEM_PATH.split(":"), *path.split(":")):
        found = shutil.which(name, path=folder)
        if found and str(real := Path(found).resolve()).startswith(_SYSTEM):
            return _program(name, Path(found), real)
        elsewhere = elsewhere or found or ""
    where = f" It stands at `{elsewhere}`, in a folder that checks are not given." * bool(elsewhere)
    raise RequirementUnavailableError(
        f"The program {name!r} is not installed on this system.{where}",
        f"Install it from the distribution's packages, like `apt install {name}`.",
    )


def _program(name: str, path: Path, real: Path) -> Program:
    found = real.stat()
    id_ = f"{name}={real}:{found.st_size}:{found.st_mtime_ns}"
    if real.is_relative_to("/usr"):
        return Program(id=id_)
    depth = 4 if "store" in real.parts[:3] else 3  # /nix/store/NAME, /opt/NAME
    return Program(id=id_, folders=(path.parent,), mounts=(Path(*real.parts[:depth]),))
