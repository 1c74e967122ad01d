"""Which `.cultivar` folders were made by this user: only those are believed.

A folder that came with somebody's repository could hold a ledger whose fixes are attacks. So the
mark in ours is signed with a key that never leaves the user's data folder.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

HOME = ".cultivar"
"""The folder of a workspace that holds its ledger."""

_MARK = "mark"

OTHERS: Final = 0o077
"""The rights to a file that its owner has not."""


def user_folder() -> Path:
    """Where what belongs to the user, and not to a workspace, is kept."""
    return user_data_path("cultivar", appauthor=False)


def home_of(workspace: Path) -> Path:
    """Where a workspace's ledger is: in it, where this user made that; else with the user."""
    inside = workspace / HOME
    if is_ours(inside):
        return inside
    digest = hashlib.sha256(str(workspace).encode()).hexdigest()[:16]
    return user_folder() / "workspaces" / f"{workspace.name}-{digest}"


def is_ours(home: Path) -> bool:
    """Whether this user made the folder, on this machine."""
    try:
        token, signature = (home / _MARK).read_text(encoding="utf-8").split()
        return not home.is_symlink() and hmac.compare_digest(signature, _signature(token, home))
    except (OSError, ValueError):
        return False


def mark(home: Path) -> None:
    """Say that this user made the folder."""
    token = secrets.token_hex(16)
    (home / _MARK).write_text(f"{token} {_signature(token, home)}\n", encoding="utf-8")


def make_private(file: Path) -> None:
    """Make a file that only its owner can read and write; one that is there stays as it is.

    Raises:
        OSError: It, or its folder, cannot be made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _signature(token: str, home: Path) -> str:
    """It holds for one place: a mark that was copied elsewhere says nothing there."""
    said = f"{token} {home.resolve()}".encode()
    return hmac.new(_key(), said, hashlib.sha256).hexdigest()


def _key() -> bytes:
    """The user's key, made when it is first needed."""
    path = user_folder() / "key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()
