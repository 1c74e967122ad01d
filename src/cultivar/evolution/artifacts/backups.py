"""Takes old backups away, so that what is released for years does not fill the disk.

The invariant: a backup goes only where the record keeps what is in it, byte for byte, as a version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from cultivar.delivery.journal import Journals
from cultivar.errors import ChangedError, UnsafeError, WriteError
from cultivar.evolution.artifacts.finding import tree_at
from cultivar.evolution.artifacts.recording import Recorded
from cultivar.evolution.artifacts.replacing import clear
from cultivar.lifecycle import Release
from cultivar.record import replace
from cultivar.tree import Tree

KEPT: Final = 5
"""Backups of an artifact that stay, beside those of releases that are still watched."""

_DECIDED: Final = frozenset({"kept", "rolled_back"})
_MOST: Final = 1000


def prune(release: Release, place: Path, recorded: Recorded, journals: Journals) -> None:
    """Take away the backups beside `place` that are older than the latest ones.

    What cannot be taken away now is so after the next release.

    Args:
        release: The newest one of the artifact, as it ends.
        place: Where it is.
        recorded: The record.
        journals: The deliveries that are under way.
    """
    for each in [*_decided(release, place, recorded)][KEPT:]:
        with suppress(ChangedError, UnsafeError, WriteError):
            if _is_kept_elsewhere(each, place, recorded):
                clear(each.artifact, Path(each.backup), _tree(each, place), journals)
                recorded.experiments.keep_release(replace(each, backup=""))


def _decided(release: Release, place: Path, recorded: Recorded) -> Iterator[Release]:
    """The releases with a backup here that are not watched any more, the newest first."""
    made = recorded.experiments.releases(release.artifact, limit=_MOST)
    for each in (release, *(other for other in made if other.id != release.id)):
        backup = Path(each.backup)
        is_here = bool(each.backup) and backup.parent == place.parent and backup.exists()
        if is_here and each.status in _DECIDED:
            yield each


def _is_kept_elsewhere(release: Release, place: Path, recorded: Recorded) -> bool:
    return recorded.version(release.artifact, _tree(release, place).hash) is not None


def _tree(release: Release, place: Path) -> Tree:
    """What is in a backup, under the names that it had in its place."""
    tree = tree_at(Path(release.backup), release.artifact)
    if release.artifact.kind == "template":
        return tree
    return Tree(dict.fromkeys([place.name], *tree.values()) if tree else {})
