"""Puts a version on the disk in the place of another, proves that it loads, and makes it current.

The invariant: whatever interrupts it, the old or the new version is there, whole, and what is
current in the record is what is on the disk once `recover` was called.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from cultivar.delivery.journal import Journals
from cultivar.delivery.transaction import take_back
from cultivar.errors import ChangedError, CultivarError, WriteError
from cultivar.evolution.artifacts.backups import prune
from cultivar.evolution.artifacts.finding import Disk, Found, refuse_strange, tree_at
from cultivar.evolution.artifacts.notes import Notes, Underway
from cultivar.evolution.artifacts.recording import Recorded
from cultivar.evolution.artifacts.replacing import Exchange, backup_beside, put
from cultivar.evolution.artifacts.verifying import Verify
from cultivar.lifecycle import Artifact, ArtifactVersion, Release
from cultivar.record import Record, replace
from cultivar.tree import Tree

NOTHING = Tree({})


class Order(Record):
    """What is to be released, and what for."""

    version: ArtifactVersion
    before: ArtifactVersion
    """The version that is on the disk."""
    expected: str
    """The tree hash of the version that is current in the record."""
    experiment: str = ""
    """The id of the experiment that proved it."""
    status: Literal["watching", "kept"] = "watching"
    """What becomes of the release once it is in its place."""
    reason: str = ""
    compared: bool = True
    """Whether it must be no worse than `before`; else it only must work."""


class Releaser(Record):
    """Puts versions in their places.

    Args:
        recorded: The record.
        disk: What is on the disk.
        notes: What is under way on this machine.
        journals: The deliveries that are under way.
        verify: The smoke test.
    """

    recorded: Recorded
    disk: Disk
    notes: Notes
    journals: Journals
    verify: Verify

    def release(self, order: Order) -> Release:
        """Put a version in its place, and take it back where it does not work.

        Returns:
            The release: `rolled_back`, with the reason, where the version does not work.

        Raises:
            ChangedError: Somebody edited the old version, or released another one; theirs stands.
            WriteError: The place cannot be written to, or the disk is full; the old one stands.
            UnavailableError: Whether it works cannot be told now; the old one stands.
            RefusedError: It takes trust or a wall that is not there, or is no version at all; the
                old one stands.
        """
        place = self.place_of(order.version.artifact)
        with self.notes.alone(place):
            self._settle(place)
            found = self._standing(order)
            stood = tree_at(place, order.version.artifact)
            comes = self._comes(order, found)
            now = datetime.now(UTC)
            underway = Underway(
                release=_release(order, now, self._backup(place, order, stood, now)),
                place=str(place.resolve()),
                stood=stood.hash,
                comes=comes.hash,
                becomes=order.status,
            )
            self._begin(underway, stood, comes)
            return self._finished(order, underway, place)

    def rehearse(self, order: Order) -> str:
        """Use a version once without putting it anywhere.

        Returns:
            What is wrong with it; empty where nothing is.

        Raises:
            CultivarError: As `release` raises.
        """
        artifact = order.version.artifact
        found = self._standing(order)
        tree = self.recorded.content.tree(order.version.tree_hash)
        refuse_strange(artifact, self.place_of(artifact), tree)
        before = self.recorded.content.tree(order.before.tree_hash)
        trusted = found is not None and found.trusted
        return self.verify(artifact, tree, before, trusted=trusted)

    def place_of(self, artifact: Artifact) -> Path:
        """Where a version is to stand; of what is not on the disk, where it was last."""
        noted = self.notes.place(artifact)
        if noted is not None and self.disk.at(artifact) is None and self.disk.has_room(noted):
            return noted
        return self.disk.place_of(artifact)

    def recover(self) -> tuple[Release, ...]:
        """Take back, or finish, the releases on this machine that were interrupted."""
        found = [Path(each.place) for each in self.notes.interrupted()]
        settled: list[Release | None] = []
        for place in found:
            with self.notes.alone(place):
                settled.append(self._settle(place))
        return tuple(each for each in settled if each is not None)

    def _standing(self, order: Order) -> Found | None:
        """The old version as it is on the disk.

        Raises:
            ChangedError: It is not what is current.
        """
        artifact = order.version.artifact
        found = self.disk.at(artifact)
        self.disk.refuse_unused(artifact, found)
        if found is not None and found.tree.hash != order.before.tree_hash:
            raise _changed(order)
        return found

    def _comes(self, order: Order, found: Found | None) -> Tree:
        """What is to stand at the place: nothing, where ours is to be used again.

        Raises:
            UnsafeError: The files are no version of a tool or a prompt.
        """
        artifact, tree_hash = order.version.artifact, order.version.tree_hash
        stands = found is not None and not found.shipped
        ours = self.disk.shipped(artifact) if stands else NOTHING
        if ours and ours.hash == tree_hash:
            return NOTHING
        comes = self.recorded.content.tree(tree_hash)
        refuse_strange(artifact, self.place_of(artifact), comes)
        return comes

    def _backup(self, place: Path, order: Order, stood: Tree, now: datetime) -> str:
        if not stood:
            return ""
        return str(backup_beside(place.resolve(), order.version.artifact, now))

    def _begin(self, underway: Underway, stood: Tree, comes: Tree) -> None:
        for tree in (stood, comes):
            self.recorded.content.put(tree)
        self.notes.begin(underway)

    def _finished(self, order: Order, underway: Underway, place: Path) -> Release:
        try:
            self.recorded.experiments.keep_release(underway.release)
            self._put(underway)
            fault = self._fault(order, underway)
            if not fault:
                self.recorded.point(order.version, order.expected)
        except BaseException as error:
            self._take_back(underway, _told(error))
            raise
        if fault:
            return self._take_back(underway, fault)
        return self._done(underway)

    def _put(self, underway: Underway) -> None:
        release = underway.release
        put(
            Exchange(
                artifact=release.artifact,
                place=Path(underway.place),
                old=self.recorded.content.tree(underway.stood),
                new=self.recorded.content.tree(underway.comes),
                backup=Path(release.backup) if release.backup else None,
            ),
            self.journals,
        )

    def _fault(self, order: Order, underway: Underway) -> str:
        """What is wrong with the version in its place; empty where nothing is.

        Raises:
            ChangedError: Somebody edited it meanwhile.
        """
        artifact = order.version.artifact
        found = self.disk.at(artifact)
        tree = self.recorded.content.tree(order.version.tree_hash)
        trusted = found is not None and found.trusted
        before = self.recorded.content.tree(order.before.tree_hash) if order.compared else None
        fault = self.verify(artifact, tree, before, trusted=trusted)
        if fault:
            return fault
        if tree_at(Path(underway.place), artifact).hash != underway.comes:
            raise _changed(order)
        if found is None or found.tree.hash != tree.hash:
            return f"In `{underway.place}` it is not used, since another one comes before it."
        return ""

    def _take_back(self, underway: Underway, reason: str) -> Release:
        """Put back what stood there; what a person did since stays.

        Raises:
            WriteError: The place cannot be written to; the next `recover` tries again.
        """
        release, place = underway.release, Path(underway.place)
        stood = self.recorded.content.tree(underway.stood)
        there = tree_at(place, release.artifact)
        ended = replace(release, status="rolled_back", reason=reason, backup="")
        if there.hash == underway.comes != underway.stood:
            put(
                Exchange(
                    artifact=release.artifact,
                    place=place,
                    old=there,
                    new=stood,
                    cleared=Path(release.backup) if release.backup else None,
                ),
                self.journals,
            )
        elif there.hash != underway.stood:
            told = f"{reason} What a person changed meanwhile stands."
            ended = replace(ended, reason=told, backup=release.backup)
        return self._ended(ended, place)

    def _done(self, underway: Underway) -> Release:
        place = Path(underway.place)
        release = replace(underway.release, status=underway.becomes)
        with suppress(WriteError):  # it only spares a guess; the next `sync` notes it
            self.notes.agreed(release.artifact, place, release.after)
        prune(release, place, self.recorded, self.journals)
        return self._ended(release, place)

    def _ended(self, release: Release, place: Path) -> Release:
        ended = replace(release, updated_at=datetime.now(UTC))
        self.recorded.experiments.keep_release(ended)
        self.notes.end(place)
        return ended

    def _settle(self, place: Path) -> Release | None:
        """Take back, or finish, what was interrupted at a place; nothing where nothing was."""
        underway = self.notes.underway(place)
        if underway is None:
            return None
        place = Path(underway.place)
        take_back(place.parent, self.journals)
        release = underway.release
        current = self.recorded.current(release.artifact)
        is_current = current is not None and current.tree_hash == release.after
        if is_current and tree_at(place, release.artifact).hash != underway.stood:
            return self._done(underway)
        return self._take_back(underway, "It was interrupted.")


def _release(order: Order, now: datetime, backup: str) -> Release:
    return Release(
        id=str(uuid4()),
        experiment=order.experiment,
        artifact=order.version.artifact,
        before=order.before.tree_hash,
        after=order.version.tree_hash,
        status="preparing",
        backup=backup,
        reason=order.reason,
        released_at=now,
        updated_at=now,
    )


def outdated(artifact: Artifact) -> ChangedError:
    """The error that says that a candidate was made from what is not used any more."""
    error = ChangedError((artifact.id,))
    error.remedy = "Improve what is used now; `cultivar experiments` keeps what was tried."
    return error


def _changed(order: Order) -> ChangedError:
    error = ChangedError((order.version.artifact.id,))
    error.remedy = "`cultivar sync` takes the change up; then try again."
    return error


def _told(error: BaseException) -> str:
    return error.what if isinstance(error, CultivarError) else f"{type(error).__name__}: {error}"
