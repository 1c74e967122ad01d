"""The versions of what improves: what there is of them on the disk and in the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cultivar.application.opened import Opened

if TYPE_CHECKING:
    from cultivar.evolution.artifacts.registry import Registry
    from cultivar.evolution.artifacts.standing import SyncStatus
    from cultivar.evolution.artifacts.syncing import SyncOrder
    from cultivar.ledger.improvements import Pointer
    from cultivar.lifecycle import Artifact, ArtifactVersion


class Versioning(Opened):
    """Knows every version that there has been."""

    def versions(self, artifact: Artifact) -> tuple[ArtifactVersion, ...]:
        """All versions of an artifact, the newest first.

        Raises:
            NotKnownError: There is none; `sync` takes up what is on the disk.
        """
        self.registry.current(artifact)
        return self.registry.history(artifact)

    def pointers(self, artifact: Artifact) -> tuple[Pointer, ...]:
        """Which of its versions is used, and which is tried on a share of the uses."""
        from cultivar.ledger.improvements import ArtifactStore
        from cultivar.lifecycle import CANARY, CURRENT

        store = self.services.need(ArtifactStore)
        found = (store.pointer(artifact, each) for each in (CURRENT, CANARY))
        return tuple(each for each in found if each is not None)

    def changes_between(self, artifact: Artifact, one: str, other: str = "current") -> str:
        """What changes from one version of an artifact to another, as a diff that git can apply.

        Args:
            artifact: Of what they are versions.
            one: An alias, a number, or a tree hash or its beginning.
            other: Likewise.

        Raises:
            NotKnownError: There is no such version.
        """
        return self.registry.diff(artifact, one, other)

    def check_sync_status(self, artifacts: Iterable[Artifact] = ()) -> tuple[SyncStatus, ...]:
        """How the disk and the record stand to each other, by id; nothing changes.

        Args:
            artifacts: Of which; of all without.

        Raises:
            NotKnownError: One of them is in neither.
        """
        return self.registry.status(artifacts)

    def sync(
        self, artifacts: Iterable[Artifact] = (), order: SyncOrder | None = None
    ) -> tuple[SyncStatus, ...]:
        """Bring the disk and the record together; say of each artifact what was done, or why not.

        Args:
            artifacts: Which; all without.
            order: Which side counts where both changed the same lines.

        Raises:
            NotKnownError: One of them is in neither.
        """
        from cultivar.evolution.artifacts.syncing import SyncOrder

        return self.registry.sync(artifacts, order or SyncOrder())

    @property
    def registry(self) -> Registry:
        """The artifacts of the workspace."""
        from cultivar.application.workbench import registry_of

        return registry_of(self.services)
