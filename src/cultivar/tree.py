"""A rendered result in memory: paths to contents, addressed by its hash.

The invariant: every path is relative, normal and inside the tree, and so is the target of every
link. Nothing that holds a `Tree` needs to look at its paths again.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from cultivar.errors import UnsafeError
from cultivar.record import Record

Mode = Literal["file", "executable", "link"]
"""What an entry is; of a link, the content is its target."""


class Entry(Record, dict=True):
    """One file or link of a tree."""

    content: bytes
    mode: Mode = "file"

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Tree(Mapping[str, Entry]):
    """An immutable mapping of POSIX paths to entries, in the order of the paths.

    Raises:
        UnsafeError: A path, or a link's target, leads out of the tree.
    """

    entries: Mapping[str, Entry]

    def __post_init__(self) -> None:
        for path, entry in self.entries.items():
            _refuse_outside(path, entry)
        _refuse_through_files(self.entries)
        object.__setattr__(self, "entries", dict(sorted(self.entries.items())))

    def __getitem__(self, path: str) -> Entry:
        return self.entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def hash(self) -> str:
        """The SHA-256 over paths, modes and contents, in hexadecimal."""
        digest = hashlib.sha256()
        for path, entry in self.entries.items():
            digest.update(f"{entry.mode} {entry.hash} {path}\0".encode())
        return digest.hexdigest()

    def replace(self, changes: Mapping[str, Entry | None]) -> Tree:
        """The tree with `changes` made; None takes a path away."""
        merged: dict[str, Entry | None] = {**self.entries, **changes}
        return Tree({path: entry for path, entry in merged.items() if entry is not None})

    def text(self, path: str) -> str:
        """The content at `path`, decoded as UTF-8."""
        return self.entries[path].content.decode("utf-8")


def text_entry(text: str, mode: Mode = "file") -> Entry:
    """An entry that holds `text` as UTF-8."""
    return Entry(content=text.encode(), mode=mode)


def read_tree(root: Path, *, ignore: frozenset[str] = frozenset({".git"})) -> Tree:
    """Read the folder `root` into memory, without the names in `ignore`.

    Raises:
        UnsafeError: A link in the folder leads out of it.
    """
    found: dict[str, Entry] = {}
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links) - ignore)
        for name in [*files, *links]:
            path = Path(folder) / name
            if name not in ignore and (path.is_symlink() or path.is_file()):
                found[path.relative_to(root).as_posix()] = read_entry(path)
    return Tree(found)


def read_entry(path: Path) -> Entry:
    """Read the file or link at `path`."""
    if path.is_symlink():
        return Entry(content=os.fsencode(path.readlink()), mode="link")
    executable = bool(path.stat().st_mode & 0o100)
    return Entry(content=path.read_bytes(), mode="executable" if executable else "file")


def _refuse_outside(path: str, entry: Entry) -> None:
    broken = path in {"", "."} or "\0" in path or path != posixpath.normpath(path)
    if broken or "\\" in path or posixpath.isabs(path) or path.split("/")[0] == "..":
        raise UnsafeError(
            f"The path {path!r} leads out of the destination.",
            "Use a relative path with no `..` in it.",
        )
    if ".git" in path.lower().split("/"):
        raise UnsafeError(f"The path {path!r} is inside a git repository's own folder.")
    if entry.mode == "link":
        target = os.fsdecode(entry.content)
        landed = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if posixpath.isabs(target) or landed.split("/")[0] == "..":
            raise UnsafeError(f"The link {path!r} to {target!r} leads out of the destination.")


def _refuse_through_files(entries: Mapping[str, Entry]) -> None:
    for path in entries:
        above = posixpath.dirname(path)
        while above:
            if above in entries:
                raise UnsafeError(f"The path {path!r} leads through {above!r}, which is no folder.")
            above = posixpath.dirname(above)
