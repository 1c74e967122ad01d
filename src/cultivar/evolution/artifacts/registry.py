"""All that improves: what there is of it on the disk and in the record, and its releases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version

from cultivar.delivery.journal import Journals
from cultivar.errors import NotKnownError, UsageError
from cultivar.evolution.artifacts.deciding import Deciding
from cultivar.evolution.artifacts.finding import Disk
from cultivar.evolution.artifacts.notes import Notes
from cultivar.evolution.artifacts.numbers import (
    numbered,
    raised,
    version_in,
)
from cultivar.evolution.artifacts.recording import Recorded, needed
from cultivar.evolution.artifacts.releasing import Order, Releaser, outdated
from cultivar.evolution.artifacts.standing import SyncStatus
from cultivar.evolution.artifacts.syncing import Syncer, SyncOrder
from cultivar.evolution.artifacts.verifying import Verify
from cultivar.ledger.improvements import ArtifactStore, ExperimentQuery
from cultivar.lifecycle import Artifact, ArtifactVersion, Candidate, Release
from cultivar.record import Record, replace
from cultivar.templating.numbering import version_or_none
from cultivar.tree import Tree

_AS_USUAL = SyncOrder()
_NONE = Version("0")
_MOST = 10_000


class Rehearsal(Record):
    """What a release would put in whose place, and whether that would work."""

    version: ArtifactVersion
    before: ArtifactVersion
    fault: str
    """What is wrong with it; empty where nothing is."""


class Registry:
    """The artifacts of a workspace.

    Args:
        recorded: The record.
        disk: What is on the disk.
        home: The user's folder, where it is noted what is under way.
        verify: The smoke test of a release.
    """

    def __init__(self, recorded: Recorded, disk: Disk, home: Path, verify: Verify) -> None:
        self._recorded, self._disk, self._notes = recorded, disk, Notes(home)
        self._releaser = Releaser(
            recorded=recorded,
            disk=disk,
            notes=self._notes,
            journals=Journals(home),
            verify=verify,
        )
        self._syncer = Syncer(releaser=self._releaser)

    @property
    def artifacts(self) -> ArtifactStore:
        """Where versions and aliases are kept."""
        return self._recorded.artifacts

    @property
    def deciding(self) -> Deciding:
        """Lets one at a time decide about an artifact."""
        return Deciding(leases=self._recorded.leases, notes=self._notes)

    def known(self) -> tuple[Artifact, ...]:
        """All that is on the disk or in the record, by id."""
        found = {each.artifact for each in self._disk.found().values()}
        return _by_id(found | {*self._recorded.artifacts.artifacts()})

    def current(self, artifact: Artifact) -> ArtifactVersion:
        """The version that is used.

        Raises:
            NotKnownError: There is none; `sync` takes up what is on the disk.
        """
        return needed(self._recorded.current(artifact), artifact)

    def tree(self, version: ArtifactVersion) -> Tree:
        """The files of a version."""
        return self._recorded.content.tree(version.tree_hash)

    def history(self, artifact: Artifact) -> tuple[ArtifactVersion, ...]:
        """All versions, the newest first."""
        return self._recorded.artifacts.versions(artifact)

    def diff(self, artifact: Artifact, one: str, other: str) -> str:
        """What changes between any two versions, as a unified diff that git can apply.

        Args:
            artifact: Of what they are versions.
            one: An alias, a number, or a tree hash or its beginning.
            other: Likewise.

        Raises:
            NotKnownError: There is no such version.
        """
        return self._recorded.diff(artifact, one, other)

    def numbered(self, artifact: Artifact, tree: Tree) -> tuple[Tree, str]:
        """A new version's files with the number after all that are known, and that number.

        Raises:
            TemplateError: The files are no template.
        """
        return numbered(artifact, tree, self._numbers(artifact))

    def status(self, artifacts: Iterable[Artifact] = ()) -> tuple[SyncStatus, ...]:
        """How disk and record stand to each other, by id; nothing changes.

        Args:
            artifacts: Of which; of all without.

        Raises:
            NotKnownError: One of them is in neither.
        """
        wanted = _by_id({*artifacts}) or self.known()
        found = self._disk.found()
        return tuple(self._syncer.status(each, found.get(each.id)) for each in wanted)

    def sync(
        self, artifacts: Iterable[Artifact] = (), order: SyncOrder = _AS_USUAL
    ) -> tuple[SyncStatus, ...]:
        """Bring disk and record together; say of each artifact what was done, or why not.

        What a person edited becomes the current version; what was released elsewhere is put on
        the disk; where both happened they are merged. What cannot be merged stays as it is.

        Args:
            artifacts: Which; all without.
            order: Which side counts where both changed the same lines.

        Raises:
            NotKnownError: One of them is in neither.
        """
        self.recover()
        found = self._disk.found()
        return tuple(
            self._syncer.sync(each, found.get(each.artifact.id), order)
            for each in self.status(artifacts)
        )

    def release(
        self, what: Candidate | ArtifactVersion, *, experiment: str = "", reason: str = ""
    ) -> Release:
        """Put a version in the place of the current one, and make it current.

        One whose number is taken, or not newer than that of the current version, gets the next.

        Args:
            what: The candidate, or the version; the content store has its files.
            experiment: The id of the experiment that proved it.
            reason: Why it is released.

        Returns:
            The release; `rolled_back`, with the reason, where the version does not work.

        Raises:
            ChangedError: What is on the disk is not the current version, which `sync` brings
                together; or the candidate was made from another one.
            WriteError: The place cannot be written to, or the disk is full; the old one stands.
            UnavailableError: Whether it works cannot be told now; the old one stands.
            RefusedError: It takes trust or a wall that is not there; the old one stands.
        """
        order = self._order(what)
        return self._releaser.release(replace(order, experiment=experiment, reason=reason))

    def rehearse(self, what: Candidate | ArtifactVersion) -> Rehearsal:
        """Keep a version as `release` does, and use it once; it is put nowhere.

        Args:
            what: The candidate, or the version; the content store has its files.

        Raises:
            CultivarError: As `release` raises.
        """
        order = self._order(what)
        fault = self._releaser.rehearse(order)
        return Rehearsal(version=order.version, before=order.before, fault=fault)

    def rollback(self, artifact: Artifact, to: str = "", *, reason: str = "") -> Release:
        """Put an earlier version in its place again, and make it current.

        Args:
            artifact: Of what.
            to: An alias, a number, or a tree hash or its beginning; without, the version that the
                current one took the place of.
            reason: Why.

        Raises:
            NotKnownError: There is no such version.
            ChangedError: What is on the disk is not the current version; `sync` brings them
                together.
            CultivarError: As `release` raises.
        """
        self.recover()
        before = self.current(artifact)
        if not (to or before.parent):
            raise NotKnownError("version before this one of", artifact.id)
        version = self._recorded.artifacts.version(artifact, to or before.parent)
        _refuse_current(version, before)
        release = self._releaser.release(
            Order(
                version=version,
                before=before,
                expected=before.tree_hash,
                status="kept",
                reason=reason or f"Back to {version.version}.",
                compared=False,
            )
        )
        if release.status != "rolled_back":
            self._recorded.taken_back(artifact, before.tree_hash, release.reason)
        return release

    def recover(self) -> tuple[Release, ...]:
        """Take back, or finish, what was interrupted on this machine; nothing where nothing was."""
        return self._releaser.recover()

    def _order(self, what: Candidate | ArtifactVersion) -> Order:
        """What it takes to put a version in the place of the current one.

        Raises:
            ChangedError: The candidate was made from another one.
            UsageError: It is current already.
        """
        self.recover()
        before = self.current(what.artifact)
        self._refuse_outdated(what, before)
        version = self._version_of(what, before)
        _refuse_current(version, before)
        return Order(version=version, before=before, expected=before.tree_hash)

    def _version_of(
        self, what: Candidate | ArtifactVersion, before: ArtifactVersion
    ) -> ArtifactVersion:
        """The version, kept with its files and a number of its own."""
        if isinstance(what, ArtifactVersion):
            return self._recorded.version(what.artifact, what.tree_hash) or self._keep(what)
        known = self._known_of(what)
        tree, number = self._recorded.content.tree(what.tree_hash), what.version
        if known is not None:
            return known
        if what.artifact.kind == "template":
            number = version_in(tree)
        if number in self._numbers(what.artifact) or not _is_newer(number, before.version):
            tree, number = self.numbered(what.artifact, tree)
        version = ArtifactVersion(
            artifact=what.artifact,
            tree_hash=tree.hash,
            version=number,
            parent=before.tree_hash,
            made_by=what.operator,
            why=what.description,
            made_at=datetime.now(UTC),
        )
        return self._recorded.keep(version, tree)

    def _known_of(self, what: Candidate) -> ArtifactVersion | None:
        """The version that a candidate became when its release was tried before."""
        tree = self._recorded.content.tree(what.tree_hash)
        is_template = what.artifact.kind == "template"
        return next(
            (
                each
                for each in self.history(what.artifact)
                if each.tree_hash == what.tree_hash
                or (is_template and raised(tree, each.version).hash == each.tree_hash)
            ),
            None,
        )

    def _refuse_outdated(self, what: Candidate | ArtifactVersion, before: ArtifactVersion) -> None:
        """Refuse a candidate that was made from another version than the current one.

        Raises:
            ChangedError: It would take back what came since.
        """
        if isinstance(what, ArtifactVersion):
            return
        query = ExperimentQuery(artifact=what.artifact, limit=_MOST)
        below = {
            each.candidate.tree_hash: each.candidate.parent
            for each in self._recorded.experiments.experiments(query)
        }
        made_from, seen = what.parent, set[str]()
        while made_from != before.tree_hash and made_from in below and made_from not in seen:
            seen.add(made_from)
            made_from = below[made_from]  # it builds on another candidate
        if made_from != before.tree_hash:
            raise outdated(what.artifact)

    def _keep(self, version: ArtifactVersion) -> ArtifactVersion:
        return self._recorded.keep(version, self.tree(version))

    def _numbers(self, artifact: Artifact) -> list[str]:
        return [each.version for each in self.history(artifact)]


def _by_id(artifacts: set[Artifact]) -> tuple[Artifact, ...]:
    return tuple(sorted(artifacts, key=lambda each: each.id))


def _is_newer(one: str, other: str) -> bool:
    return (version_or_none(one) or _NONE) > (version_or_none(other) or _NONE)


def _refuse_current(version: ArtifactVersion, current: ArtifactVersion) -> None:
    if version.tree_hash == current.tree_hash:
        raise UsageError(
            f"{version.version} of {version.artifact.id} is current already.",
            "Name another version.",
        )
