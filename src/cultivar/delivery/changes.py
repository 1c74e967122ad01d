"""What is to become of a folder's files.

The invariant: every path is relative, normal and inside the folder, and so is the target of every
link that was not there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cultivar.record import Record, field
from cultivar.tree import Entry, Tree

Entries = Mapping[str, Entry | None]
"""By path, what stands there or is to stand there; None is nothing."""

IndexLines = Mapping[str, tuple[str, ...]]
"""By path, what git's index holds of it, each as `mode blob stage`."""


def index_lines(said: Mapping[str, Iterable[str]]) -> IndexLines:
    """What was noted of an index, as it was before it was noted."""
    return {path: tuple(lines) for path, lines in said.items()}


class Unmerged(Record):
    """The versions of a file that a person has to merge, as git's index keeps them."""

    base: Entry | None
    ours: Entry | None
    theirs: Entry | None


class Changes(Record):
    """What is to become of a folder's files.

    Raises:
        UnsafeError: A path, or a link's target, leads out of the folder.
    """

    entries: Entries = field(default_factory=dict[str, Entry | None])
    """By path, what to write, or None to take away what stands there."""
    unmerged: Mapping[str, Unmerged] = field(default_factory=dict[str, Unmerged])
    """The paths that git's index is to hold in conflict, where there is a repository."""
    index: IndexLines = field(default_factory=dict[str, tuple[str, ...]])
    """What git's index is to hold of other paths."""
    permissions: Mapping[str, int] = field(default_factory=dict[str, int])
    """The bits of `chmod` of files that are written, where they are known."""
    folders: Mapping[str, int] = field(default_factory=dict[str, int])
    """Folders that are to be there also without a file, with their bits should one be made."""
    restored: bool = False
    """Whether all of it was there before, so that a link may lead where it led then."""

    def __post_init__(self) -> None:
        written = {path: entry for path, entry in self.entries.items() if entry is not None}
        Tree(dict.fromkeys(written, _PLAIN) if self.restored else written)
        for path in {*self.entries, *self.unmerged, *self.index, *self.folders}:
            Tree({path: _PLAIN})


_PLAIN = Entry(content=b"")


class Applied(Record):
    """What became of a folder's files, by path."""

    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
