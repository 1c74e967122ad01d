"""What the rungs of the merge ladder take and return.

The words are git's: *base* is what the old template made, *ours* is the person's, *theirs* is what
the new template makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from cultivar.record import Record
from cultivar.tree import Entry, Tree

Rung = Literal["git", "lines", "keys", "code", "model"]
"""What settled a file: git's merge, the rules for lines, keys, syntax or tokens, a model."""

Side = Literal["ours", "theirs"]


class Trees(Record):
    """The three versions of all files.

    `base` and `theirs` are a template's; `ours` is the person's whole project, so that a file
    that they moved is found.
    """

    base: Tree
    ours: Tree
    theirs: Tree


class Versions(Record):
    """The three versions of one file; None where a side does not have it."""

    path: str
    """Where the result stands."""
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None


class Texts(Record):
    """The three versions of one text, as a rung gets them. None of them is binary."""

    path: str
    base: str
    ours: str
    theirs: str


class Resolution(Record):
    """A text without a conflict, and why it is right."""

    text: str
    rung: Rung
    reason: str = ""
    """What was decided, in a few words: `the version that the template pins is newer`."""


class Resolver(Protocol):
    """One rung of the ladder."""

    def __call__(self, texts: Texts, /) -> Resolution | None:
        """A text in which nothing of either side is lost; None where that is not certain."""
        ...


class Conflict(Record):
    """A file that a person has to settle."""

    versions: Versions
    reason: str
    """`both changed the same lines`, `the template deleted it, and it was edited`, …"""
    marked: Entry | None
    """What is shown: the file with markers (zdiff3), or one side whole where there is no text."""
    places: int = 1
    """How many places of the file are open."""


class MergedFile(Record):
    """What became of one file that the template changed, or that the merge changed."""

    path: str
    entry: Entry | None
    """What stands there now; None: nothing. Of a conflict, what is shown."""
    rung: Rung = "git"
    reason: str = ""
    moved_from: str = ""
    """Where it was in the project before."""
    conflict: Conflict | None = None

    @property
    def is_written(self) -> bool:
        """Whether anything changes at `path`: not where there is no room for what is new."""
        refused = self.conflict is not None and self.conflict.versions.ours is None
        return self.entry is not None or not refused


class Merge(Record):
    """What a merge came to.

    `files` holds every file whose result differs from ours, and every conflict.
    """

    files: tuple[MergedFile, ...] = ()
    kept: tuple[MergedFile, ...] = ()
    """Files that stay as ours has them though the template changed them, with the reason."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What a person has to settle."""
        return tuple(each.conflict for each in self.files if each.conflict is not None)

    @property
    def changes(self) -> Mapping[str, Entry | None]:
        """By path, what is to be written; None takes a file away."""
        moved = {each.moved_from: None for each in self.files if each.moved_from}
        return {**moved, **{each.path: each.entry for each in self.files if each.is_written}}


class Policy(Record):
    """What the merge is told about single files."""

    skip_if_exists: tuple[str, ...] = ()
    """Paths that the template writes only once: what stands there, or was taken away, stays."""
    answers_file: str = ""
    """It is written anew, never merged."""
    resolvers: tuple[Resolver, ...] | None = None
    """The rungs above git and the lines, in their order; None for those that are built in."""
    distrusted: str = ""
    """Why no rule of ours may settle a conflict that git sees; empty: each may."""
