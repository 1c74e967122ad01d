"""New files for which there is no room in the project: what stands in their way stays.

A path may lead through a file, or be a folder's; or there is a file whose name differs only in
upper and lower case, and half of the world's file systems would take them for one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from cultivar.tree import Tree
from cultivar.upgrade.merging.base import Conflict, MergedFile, Versions


def make_room(ours: Tree, files: Iterable[MergedFile]) -> list[MergedFile]:
    """The files; what cannot be written where `ours` stands is a conflict.

    Args:
        ours: The person's project.
        files: What the merge came to.
    """
    merged = list(files)
    if all(file.entry is None or file.path in ours for file in merged):
        return merged
    kept = set(ours) - {file.moved_from for file in merged}
    kept -= {file.path for file in merged if file.entry is None}
    standing = _Standing(kept, [file.path for file in merged if file.entry is not None])
    return [_placed(file, ours, standing) for file in merged]


def _placed(file: MergedFile, ours: Tree, standing: _Standing) -> MergedFile:
    if file.entry is None or file.path in ours:
        return file
    reason = standing.in_the_way(file.path)
    if not reason:
        return file
    versions = Versions(path=file.path, base=None, ours=None, theirs=file.entry)
    conflict = Conflict(versions=versions, reason=reason, marked=None)
    return MergedFile(path=file.path, entry=None, conflict=conflict)


class _Standing:
    """The paths of a project as it is to be."""

    def __init__(self, kept: set[str], written: Iterable[str]) -> None:
        self._paths = kept | set(written)
        self._folders = {folder for path in self._paths for folder in _above(path)}
        self._names = {path.casefold(): path for path in kept}

    def in_the_way(self, path: str) -> str:
        """Why there is no room for a file at `path`; empty: there is."""
        if path in self._folders:
            return "a folder of yours has its name"
        through = next((folder for folder in _above(path) if folder in self._paths), "")
        if through:
            return f"it needs a folder where {through!r} is a file"
        other = self._names.get(path.casefold(), path)
        return f"only upper and lower case tell it from {other!r}" if other != path else ""


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
