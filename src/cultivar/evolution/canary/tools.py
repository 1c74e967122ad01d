"""Which version of a tool a session gets, where a canary of it runs.

The invariant: what is loaded is what the content store holds under its hash, from a folder that
only its owner can enter; and a canary that cannot be loaded is no trouble of the tool's user.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cultivar.errors import CultivarError, UnsafeError
from cultivar.evolution.canary.choosing import receives, running_canary
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ArtifactStore, ExperimentStore
from cultivar.lifecycle import Artifact, Release
from cultivar.ownership import OTHERS
from cultivar.record import Record, field
from cultivar.tool import Tool
from cultivar.tree import Tree, read_entry

REFRESHED: Final = 60.0
"""Seconds after which a session asks again whether a canary runs."""

_PRIVATE: Final = 0o700

Load = Callable[[Path, str], Tool[..., Any]]
"""Loads the tool of a name from a file."""


class ToolCanaries(Record):
    """Gives a share of the sessions the canary of a tool.

    Args:
        artifacts: Knows where the alias points.
        experiments: Knows whether the canary runs.
        content: Holds its file.
        folder: Where it is put to be loaded; nobody else may enter it.
        load: Loads a tool.
    """

    artifacts: ArtifactStore
    experiments: ExperimentStore
    content: ContentStore
    folder: Path
    load: Load
    _known: dict[str, tuple[float, Release | None]] = field(
        default_factory=dict[str, tuple[float, "Release | None"]]
    )
    """By tool, the canary that ran when it was last asked for."""

    def __call__(
        self, name: str, tree_hash: str, session: str
    ) -> tuple[Tool[..., Any], str] | None:
        """The canary of a tool with its tree hash, where the session gets it; else None.

        Args:
            name: The tool's.
            tree_hash: Of the version that is on the disk.
            session: Who uses it.
        """
        canary = self._running(name)
        if canary is None or canary.before != tree_hash:
            return None
        if not receives(canary.artifact, session, canary.share, canary.after):
            return None
        try:
            return self.load(self._file(name, canary.after), name), canary.after
        except (Exception, SystemExit):  # its code may raise anything; there is the other version
            return None

    def _running(self, name: str) -> Release | None:
        at, canary = self._known.get(name, (-REFRESHED, None))
        if time.monotonic() - at >= REFRESHED:
            with suppress(CultivarError):  # a record that is down costs a tool's user nothing
                artifact = Artifact(kind="tool", name=name)
                canary = running_canary(self.artifacts, self.experiments, artifact)
            self._known[name] = time.monotonic(), canary
        return canary

    def _file(self, name: str, tree_hash: str) -> Path:
        """The file of a version, which is there, whole, and as it was kept."""
        folder, file = self.folder / tree_hash, f"{name}.py"
        _make_private(self.folder)
        _make_private(folder)
        path = folder / file
        if not _is_whole(path, tree_hash):
            tree = self.content.tree(tree_hash)
            if tree.hash != tree_hash:
                raise UnsafeError(f"What is kept as `{tree_hash}` is something else.")
            part = folder / f".{file}.{os.getpid()}"
            part.write_bytes(tree[file].content)
            part.chmod(0o700 if tree[file].mode == "executable" else 0o600)
            part.replace(path)
        return path


def _is_whole(path: Path, tree_hash: str) -> bool:
    is_file = path.is_file() and not path.is_symlink()
    return is_file and Tree({path.name: read_entry(path)}).hash == tree_hash


def _make_private(folder: Path) -> None:
    """Make a folder that nobody else may enter, or see that it is one.

    Raises:
        PermissionError: It is somebody else's, or leads elsewhere.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    about = folder.lstat()
    if folder.is_symlink() or about.st_uid != os.getuid():
        raise PermissionError(f"`{folder}` is not ours.")
    if about.st_mode & OTHERS:
        folder.chmod(_PRIVATE)
