"""A project's files, as a person has them on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cultivar.delivery.places import status_of
from cultivar.delivery.planning import parents
from cultivar.delivery.repository import names
from cultivar.delivery.transaction import STAGE
from cultivar.delivery.worktree import WorkTree
from cultivar.errors import UnsafeError, UsageError
from cultivar.record import Record
from cultivar.tree import Entry, Tree, read_entry

MAX_FILE: Final = 8 * 2**20
"""The largest file that is read: no template makes a larger one, and no merge shows it."""

MAX_BYTES: Final = 512 * 2**20
"""What all files of a project may take in memory."""

_JUNK: Final = frozenset(
    {".git", ".hg", ".svn", ".cultivar", "node_modules", "site-packages", "__pycache__"}
    | {".venv", "venv", ".tox", ".nox", ".direnv", ".gradle", ".terraform", ".elixir_ls", "_build"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", ".idea"}
)
"""Folders whose files others made; they are left out where no git tells which are the project's."""


class Project(Record):
    """The files of a project."""

    tree: Tree
    left_out: tuple[str, ...] = ()
    """The paths of which nothing is known: too large, not readable, not checked out, or such that
    no tree can hold them, like links that lead out of it."""


def read_project(worktree: WorkTree, also: Iterable[str] = ()) -> Project:
    """The files of a project.

    In a repository these are the ones that git knows or would take; else all but what tools
    leave behind.

    Args:
        worktree: What `state` said of its folder.
        also: Paths that are read in any case, also where git ignores them.

    Raises:
        UsageError: The files take more memory than they should.
    """
    known, absent = _known(worktree)
    reader = _Reader(worktree.folder)
    for path in sorted({*(known or _walked(worktree.folder)), *also}):
        reader.read(path)
    left_out = reader.left_out | (absent - reader.entries.keys())
    return Project(tree=Tree(reader.entries), left_out=tuple(sorted(left_out)))


@dataclass
class _Reader:
    """Reads a project's files, as many as memory should take."""

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    left_out: set[str] = field(default_factory=set[str])
    room: int = field(default_factory=lambda: MAX_BYTES)

    def read(self, path: str) -> None:
        """Read one file or link; what is neither, or stands below a link, is passed over."""
        status = status_of(self.folder / path)
        if status is None or parents(path) & self.entries.keys():
            return
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            return
        entry = self._entry(path, status.st_size)
        if entry is None:
            self.left_out.add(path)
        else:
            self.entries[path] = entry

    def _entry(self, path: str, size: int) -> Entry | None:
        if size > MAX_FILE:
            return None
        self.room -= size
        if self.room < 0:
            raise UsageError(
                f"The files in `{self.folder}` take more than {MAX_BYTES >> 20} MiB.",
                "Let git ignore those that are no source, or choose a smaller folder.",
            )
        try:
            entry = read_entry(self.folder / path)
            path.encode()
            Tree({path: entry})
        except (UnsafeError, UnicodeEncodeError, OSError):
            return None
        return entry


def _known(worktree: WorkTree) -> tuple[list[str], set[str]]:
    """The files that git knows or would take, and which of them are not to be checked out.

    There are none where git ignores the folder itself.
    """
    if worktree.repository is None:
        return [], set()
    listed = names(worktree.repository.run("ls-files", "-z", "-t", "--cached", "--", "."))
    absent = {each[2:] for each in listed if each.startswith("S ")}
    return [*(each[2:] for each in listed), *worktree.untracked], absent


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        kept = {name for name in folders if name not in _JUNK and not name.startswith(STAGE)}
        folders[:] = sorted(kept.difference(links))
        for name in [*files, *links]:
            yield os.path.relpath(f"{folder}/{name}", root)
