"""Filters for paths; those that look at the machine do so for a trusted template only.

The invariant: an untrusted template learns nothing of the machine from them. To it, the current
folder is `/`, nobody has a home, and no variable is set.
"""

from __future__ import annotations

import glob
import ntpath
import os
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cultivar.errors import UntrustedError


def _neutral_realpath(path: str) -> str:
    return posixpath.normpath(posixpath.join("/", path))


def _neutral_relpath(path: str, start: str = ".") -> str:
    return posixpath.relpath(posixpath.join("/", path), posixpath.join("/", start))


def _unchanged(path: str) -> str:
    return os.fspath(path)


def _no_glob(pattern: str) -> list[str]:
    raise UntrustedError(
        f"The template lists the files of this machine at {pattern!r}.",
        "If you trust it, pass `--trust` or name its origin under `trust` in `cultivar.yaml`.",
    )


def _fileglob(pattern: str) -> list[str]:
    return [path for path in glob.glob(pattern) if Path(path).is_file()]  # noqa: PTH207


def _relpath(path: str, start: str = ".") -> str:
    return os.path.relpath(path, start)


_PURE: Final[Mapping[str, Callable[..., Any]]] = {
    "basename": posixpath.basename,
    "dirname": posixpath.dirname,
    "splitext": posixpath.splitext,
    "win_basename": ntpath.basename,
    "win_dirname": ntpath.dirname,
    "win_splitdrive": ntpath.splitdrive,
}
_NEUTRAL: Final[Mapping[str, Callable[..., Any]]] = {
    "expanduser": _unchanged,
    "expandvars": _unchanged,
    "fileglob": _no_glob,
    "realpath": _neutral_realpath,
    "relpath": _neutral_relpath,
}
_REAL: Final[Mapping[str, Callable[..., Any]]] = {
    "expanduser": posixpath.expanduser,
    "expandvars": posixpath.expandvars,
    "fileglob": _fileglob,
    "realpath": posixpath.realpath,
    "relpath": _relpath,
}


def place_filters(*, trusted: bool) -> Mapping[str, Callable[..., Any]]:
    """The filters for paths, by name."""
    return {**_PURE, **(_REAL if trusted else _NEUTRAL)}
