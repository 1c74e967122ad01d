"""Puts one version's files in the place of another's, with a backup beside them, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cultivar.delivery.changes import Changes
from cultivar.delivery.journal import Journals
from cultivar.delivery.places import exists, standing
from cultivar.delivery.transaction import apply
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.tree import Entry, Tree

_BACKUP: Final = "backup"


class Exchange(Record):
    """What stands at a place, and what is to stand there."""

    artifact: Artifact
    place: Path
    """The file, or the template's folder."""
    old: Tree
    """Empty: nothing."""
    new: Tree
    """Empty: nothing."""
    backup: Path | None = None
    """Where the old files are kept, beside the place; None: they are not."""
    cleared: Path | None = None
    """A backup that goes, since what it holds comes back."""


def backup_beside(place: Path, artifact: Artifact, now: datetime) -> Path:
    """Where the backup of what stands at `place` goes, where nothing is yet.

    That of a template's folder is hidden, or it would be taken for a template.
    """
    hidden = "." if artifact.kind == "template" else ""
    name = f"{hidden}{place.name}.{_BACKUP}-{now:%Y%m%dT%H%M%SZ}"
    free, number = place.with_name(name), 1
    while exists(free):
        number += 1
        free = place.with_name(f"{name}-{number}")
    return free


def put(exchange: Exchange, journals: Journals) -> None:
    """Put the new files in their places, and the old ones into the backup, in one transaction.

    Raises:
        ChangedError: Something else than the old files stands there by now; nothing was written.
        UnsafeError: A link leads a path out of the folder.
        WriteError: The folder cannot be written to, or the disk is full; it is as it was.
    """
    old, new = _inside(exchange, exchange.old), _inside(exchange, exchange.new)
    gone: dict[str, Entry | None] = dict.fromkeys((*old, *_cleared(exchange)))
    kept = _kept(exchange)
    expected: dict[str, Entry | None] = {**dict.fromkeys((*new, *kept)), **old}
    changes = Changes(
        entries={**gone, **new, **kept},
        permissions=_permissions(exchange, old) if kept else {},
    )
    apply(changes, exchange.place.parent, journals, expected=expected)


def clear(artifact: Artifact, backup: Path, tree: Tree, journals: Journals) -> None:
    """Take a backup away, in one transaction.

    Raises:
        ChangedError: Something else than `tree` is there by now; nothing was taken away.
        UnsafeError: A link leads a path out of the folder.
        WriteError: The folder cannot be written to; it is as it was.
    """
    there = _below(artifact, backup.name, tree)
    gone: dict[str, Entry | None] = dict.fromkeys(there)
    apply(Changes(entries=gone), backup.parent, journals, expected=there)


def _inside(exchange: Exchange, tree: Tree, name: str = "") -> dict[str, Entry]:
    """The files by their path in the folder above the place."""
    return _below(exchange.artifact, name or exchange.place.name, tree)


def _below(artifact: Artifact, name: str, tree: Tree) -> dict[str, Entry]:
    if artifact.kind == "template":
        return {f"{name}/{path}": entry for path, entry in tree.items()}
    return dict.fromkeys([name], *tree.values()) if tree else {}


def _kept(exchange: Exchange) -> dict[str, Entry]:
    if exchange.backup is None:
        return {}
    return _inside(exchange, exchange.old, exchange.backup.name)


def _cleared(exchange: Exchange) -> dict[str, Entry]:
    if exchange.cleared is None:
        return {}
    return _inside(exchange, exchange.new, exchange.cleared.name)


def _permissions(exchange: Exchange, old: Mapping[str, Entry]) -> dict[str, int]:
    """A backup has the bits of `chmod` that the files had."""
    assert exchange.backup is not None
    folder = exchange.place.parent
    beside = _inside(exchange, exchange.old, exchange.backup.name)
    found = {name: standing(folder / path) for name, path in zip(beside, old, strict=True)}
    return {
        name: each.permissions for name, each in found.items() if each and each.entry.mode != "link"
    }
