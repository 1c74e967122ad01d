"""Brings disk and record together: what a person edited becomes a version, what came is put down.

The invariant: what stood on the disk is a version in the record, or in a backup, before anything
takes its place.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from cultivar.errors import CultivarError, NotKnownError, UnsafeError
from cultivar.evolution.artifacts.finding import Found, tree_at
from cultivar.evolution.artifacts.merging import merged
from cultivar.evolution.artifacts.numbers import next_version, numbered
from cultivar.evolution.artifacts.recording import PERSON, SHIPPED, needed
from cultivar.evolution.artifacts.releasing import Order, Releaser
from cultivar.evolution.artifacts.standing import SyncStatus, check_sync_status, likeliest_base
from cultivar.lifecycle import Artifact, ArtifactVersion
from cultivar.record import Record, replace
from cultivar.tree import Tree

FIRST: Final = "1.0.0"
"""What the first version of a tool or a prompt is called."""

_UNREADABLE: Final = "What stands there cannot be read."

Side = Literal["", "disk", "database"]
"""Which side to take where both changed and cannot be merged; empty: neither."""


class SyncOrder(Record):
    """How to bring them together."""

    prefer: Side = ""
    """Which side counts where both changed the same lines."""
    restore: bool = False
    """Whether what is missing on the disk is put there again."""


class Syncer(Record):
    """Brings disk and record together.

    Args:
        releaser: Puts versions in their places.
    """

    releaser: Releaser

    def status(self, artifact: Artifact, found: Found | None) -> SyncStatus:
        """How an artifact stands.

        Args:
            artifact: Which.
            found: What is on the disk.

        Raises:
            NotKnownError: It is in neither.
        """
        recorded = self.releaser.recorded
        current = recorded.current(artifact)
        if found is None and current is None:
            raise NotKnownError("artifact", artifact.id)
        place, problem = self._place(artifact, found)
        known = [each.tree_hash for each in recorded.artifacts.versions(artifact)]
        disk, now = (found.tree.hash if found else ""), (current.tree_hash if current else "")
        base = self._base(artifact, found, known)
        return SyncStatus(
            artifact=artifact,
            state=check_sync_status(disk, now, base, known),
            place=place,
            shipped=found is not None and found.shipped,
            disk=disk,
            database=now,
            version=current.version if current else "",
            base=base,
            problem=problem,
        )

    def sync(self, status: SyncStatus, found: Found | None, order: SyncOrder) -> SyncStatus:
        """Bring one artifact together.

        Returns:
            How it stands then, with what was done, or why nothing could be.
        """
        try:
            return self._sync(status, found, order)
        except CultivarError as error:
            return replace(status, problem=str(error))

    def _sync(self, status: SyncStatus, found: Found | None, order: SyncOrder) -> SyncStatus:
        if found is None:
            return self._restored(status) if order.restore else status
        if status.state == "in_sync":
            self.releaser.notes.agreed(status.artifact, status.place, status.disk)
            return status
        if status.state in {"new", "disk_ahead"}:
            return self._adopted(status, found)
        if status.state == "database_ahead":
            return self._put_down(status, found)
        return self._settled(status, found, order.prefer)

    def _place(self, artifact: Artifact, found: Found | None) -> tuple[Path, str]:
        """Where it is or was, and why what stands there is not it."""
        if found is not None:
            return found.place, ""
        try:
            place = self.releaser.place_of(artifact)
        except UnsafeError as error:
            return Path(), str(error)
        return place, _UNREADABLE if tree_at(place, artifact) else ""

    def _base(self, artifact: Artifact, found: Found | None, known: list[str]) -> str:
        """The version that what is on the disk was made from; empty where there is none."""
        if found is None:
            return ""
        noted = self._noted(artifact, found)
        if noted in known:
            return noted
        if not known or found.tree.hash in known:
            return ""
        return likeliest_base(found.tree, self.releaser.recorded.trees(artifact))

    def _noted(self, artifact: Artifact, found: Found) -> str:
        """What is noted of the place; of what we ship, the last that we shipped."""
        if not found.shipped:
            return self.releaser.notes.base(found.place)
        versions = self.releaser.recorded.artifacts.versions(artifact)
        return next((each.tree_hash for each in versions if each.made_by == SHIPPED), "")

    def _adopted(self, status: SyncStatus, found: Found) -> SyncStatus:
        """What is on the disk becomes the current version."""
        version = self._kept(found, status.database)
        self.releaser.recorded.point(version, status.database)
        self.releaser.notes.agreed(status.artifact, status.place, version.tree_hash)
        done = f"{version.version} is taken up from the disk"
        return _in_sync(status, version, done)

    def _put_down(self, status: SyncStatus, found: Found) -> SyncStatus:
        """The current version takes the place of what is on the disk."""
        recorded = self.releaser.recorded
        current = needed(recorded.current(status.artifact), status.artifact)
        before = self._kept(found, status.base)
        return self._placed(status, current, before, "It was released elsewhere.")

    def _restored(self, status: SyncStatus) -> SyncStatus:
        current = self.releaser.recorded.current(status.artifact)
        version = needed(current, status.artifact)
        return self._placed(status, version, version, "It was missing.")

    def _settled(self, status: SyncStatus, found: Found, prefer: Side) -> SyncStatus:
        """Both changed: merge them, or take the side that is preferred."""
        if prefer == "disk":
            return self._adopted(status, found)
        if prefer == "database":
            return self._put_down(status, found)
        content = self.releaser.recorded.content
        base = content.tree(status.base) if status.base else Tree({})
        both = merged(status.artifact, base, found.tree, content.tree(status.database))
        if both.conflicts:
            told = f"Both changed {', '.join(both.conflicts)}; `--prefer` takes one side."
            return replace(status, conflicts=both.conflicts, problem=told)
        if both.same_as == "disk":
            return self._adopted(status, found)
        if both.same_as == "database":
            return self._put_down(status, found)
        return self._merged(status, found, both.tree)

    def _merged(self, status: SyncStatus, found: Found, tree: Tree) -> SyncStatus:
        before = self._kept(found, status.base)
        recorded = self.releaser.recorded
        tree, number = numbered(status.artifact, tree, self._numbers(status.artifact))
        version = ArtifactVersion(
            artifact=status.artifact,
            tree_hash=tree.hash,
            version=number,
            parent=status.database,
            made_by=PERSON,
            why=f"An edit on the disk, merged with {status.version}.",
            made_at=datetime.now(UTC),
        )
        return self._placed(status, recorded.keep(version, tree), before, version.why)

    def _placed(
        self, status: SyncStatus, version: ArtifactVersion, before: ArtifactVersion, why: str
    ) -> SyncStatus:
        release = self.releaser.release(
            Order(
                version=version,
                before=before,
                expected=status.database,
                status="kept",
                reason=why,
                compared=False,
            )
        )
        if release.status == "rolled_back":
            return replace(status, problem=f"{version.version} cannot be used: {release.reason}")
        return _in_sync(status, version, f"{version.version} is on the disk now")

    def _kept(self, found: Found, parent: str) -> ArtifactVersion:
        """What is on the disk, as a version; a known one as it is."""
        recorded, artifact = self.releaser.recorded, found.artifact
        return recorded.keep(
            ArtifactVersion(
                artifact=artifact,
                tree_hash=found.tree.hash,
                version=found.version or self._next(artifact),
                parent=parent,
                made_by=SHIPPED if found.shipped else PERSON,
                why="It was on the disk.",
                made_at=datetime.now(UTC),
            ),
            found.tree,
        )

    def _next(self, artifact: Artifact) -> str:
        known = self._numbers(artifact)
        return next_version(known) if known else FIRST

    def _numbers(self, artifact: Artifact) -> list[str]:
        return [each.version for each in self.releaser.recorded.artifacts.versions(artifact)]


def _in_sync(status: SyncStatus, version: ArtifactVersion, done: str) -> SyncStatus:
    return replace(
        status,
        state="in_sync",
        disk=version.tree_hash,
        database=version.tree_hash,
        base=version.tree_hash,
        version=version.version,
        done=done,
        problem="",
    )
