"""What the record says of an artifact: its versions, and which of them is current."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cultivar.delivery.diffs import between
from cultivar.errors import NotKnownError
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ArtifactStore, ExperimentStore, Leases, Pointer
from cultivar.lifecycle import CURRENT, Artifact, ArtifactVersion
from cultivar.record import Record, replace
from cultivar.tree import Tree

SHIPPED = "shipped"
"""Who made a version that came with Cultivar."""

PERSON = "person"
"""Who made a version that was found on the disk."""


class Recorded(Record):
    """The stores that know of artifacts."""

    content: ContentStore
    artifacts: ArtifactStore
    experiments: ExperimentStore
    leases: Leases

    def current(self, artifact: Artifact) -> ArtifactVersion | None:
        """The version that is used; None where there is none."""
        pointer = self.artifacts.pointer(artifact, CURRENT)
        return None if pointer is None else self.artifacts.version(artifact, pointer.tree_hash)

    def version(self, artifact: Artifact, tree_hash: str) -> ArtifactVersion | None:
        """The version of exactly that tree; None where there is none."""
        found = {each.tree_hash: each for each in self.artifacts.versions(artifact)}
        return found.get(tree_hash)

    def trees(self, artifact: Artifact) -> Mapping[str, Tree]:
        """The files of all versions, by tree hash, the newest first."""
        versions = self.artifacts.versions(artifact)
        return {each.tree_hash: self.content.tree(each.tree_hash) for each in versions}

    def keep(self, version: ArtifactVersion, tree: Tree) -> ArtifactVersion:
        """Keep a version with its files; a known one comes back as it is."""
        self.content.put(tree)
        self.artifacts.keep(version)
        return self.version(version.artifact, version.tree_hash) or version

    def point(self, version: ArtifactVersion, expected: str) -> None:
        """Make a version current.

        Args:
            version: Which.
            expected: The tree hash of the one that it takes the place of; empty where none is.

        Raises:
            ChangedError: Another one is current by now.
        """
        to = Pointer(alias=CURRENT, tree_hash=version.tree_hash, since=datetime.now(UTC))
        self.artifacts.point(version.artifact, to, expected=expected)

    def diff(self, artifact: Artifact, one: str, other: str) -> str:
        """What changes between two versions, as a unified diff that git can apply.

        Args:
            artifact: Of what they are versions.
            one: An alias, a number, or a tree hash or its beginning.
            other: Likewise.

        Raises:
            NotKnownError: There is no such version.
        """
        found = (self.artifacts.version(artifact, which) for which in (one, other))
        old, new = (self.content.tree(each.tree_hash) for each in found)
        return between(old, new)

    def taken_back(self, artifact: Artifact, tree_hash: str, reason: str) -> None:
        """Note of the release that put a version in its place that it does not stand any more."""
        for each in self.experiments.releases(artifact):
            if each.after == tree_hash and each.status in {"canary", "watching", "kept"}:
                now = datetime.now(UTC)
                stands = replace(each, status="rolled_back", reason=reason, updated_at=now)
                return self.experiments.keep_release(stands)
        return None


def needed(found: ArtifactVersion | None, artifact: Artifact) -> ArtifactVersion:
    """The version, where there is one.

    Raises:
        NotKnownError: There is none.
    """
    if found is None:
        raise NotKnownError("artifact", artifact.id, remedy="`cultivar sync` takes up what is new.")
    return found
