"""How an artifact on the disk stands against the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.tree import Tree

SyncState = Literal["in_sync", "disk_ahead", "database_ahead", "diverged", "missing", "new"]
"""`disk_ahead`: a person edited; `database_ahead`: it was improved, or taken back, elsewhere;
`diverged`: both; `missing`: it is in the record alone; `new`: it is on the disk alone."""


class SyncStatus(Record):
    """How one artifact stands."""

    artifact: Artifact
    state: SyncState
    place: Path
    """The file, or the template's folder."""
    shipped: bool = False
    """Whether what is used is what Cultivar ships."""
    disk: str = ""
    """The tree hash of what is on the disk; empty where nothing is."""
    database: str = ""
    """That of the current version; empty where there is none."""
    version: str = ""
    """What people call the current version."""
    base: str = ""
    """The tree hash of the last version that both had; empty where there is none."""
    done: str = ""
    """What `sync` did, in words; empty where it did nothing."""
    problem: str = ""
    """Why they are not the same still, in words; empty where nothing stands in the way."""
    conflicts: tuple[str, ...] = ()
    """The files that a person has to settle, since both sides changed them."""


def check_sync_status(
    disk: str, current: str, base: str = "", known: Collection[str] = ()
) -> SyncState:
    """Say how what is on the disk stands against the current version.

    Args:
        disk: The tree hash of what is on the disk; empty where nothing is.
        current: That of the current version; empty where there is none.
        base: That of the version that was on this disk when both were last the same; empty where
            that is not known.
        known: Those of all versions.
    """
    if not current:
        return "new"
    if not disk:
        return "missing"
    if disk == current:
        return "in_sync"
    if disk == base or (not base and disk in known):
        return "database_ahead"
    return "disk_ahead" if base == current else "diverged"


def likeliest_base(disk: Tree, versions: Mapping[str, Tree]) -> str:
    """The version that what is on the disk was most likely made from; empty where there is none.

    Args:
        disk: What is on the disk.
        versions: The files of all versions, the newest first.
    """
    return max(versions, key=lambda each: _likeness(disk, versions[each]), default="")


def _likeness(one: Tree, other: Tree) -> float:
    """How much of two trees is the same, 0 to 1."""
    paths = {*one, *other}
    return sum(_alike(one, other, path) for path in paths) / len(paths) if paths else 1.0


def _alike(one: Tree, other: Tree, path: str) -> float:
    if path not in one or path not in other:
        return 0.0
    if one[path] == other[path]:
        return 1.0
    old, new = (Counter(tree[path].content.splitlines()) for tree in (one, other))
    return 2 * (old & new).total() / max(old.total() + new.total(), 1)
