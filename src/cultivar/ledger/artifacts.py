"""Keeps every version of what improves in SQL, and where each alias points.

The invariant: an alias points to a version that is kept, and moves in one statement, so that of
two processes that move it at once one is told.
"""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import get_args

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from cultivar.errors import ChangedError, NotKnownError
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import Row
from cultivar.ledger.finding import only
from cultivar.ledger.improvement_tables import artifact_aliases, artifact_versions, artifacts
from cultivar.ledger.improvements import Pointer
from cultivar.lifecycle import Alias, Artifact, ArtifactVersion, Kind

_artifact = artifacts.c
_version = artifact_versions.c
_alias = artifact_aliases.c
_NEWEST = select(artifact_versions).order_by(_version.made_at.desc(), _version.position.desc())


class SqlArtifacts:
    """The artifacts of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, version: ArtifactVersion) -> None:
        """Keep a version; one of a known tree stays as it is.

        Raises:
            NotKnownError: The content store does not keep its tree.
        """
        with self._database.write() as connection:
            try:
                self._keep(connection, version)
            except IntegrityError as error:
                if "foreign key" not in str(error.orig).lower():
                    raise
                remedy = "Keep the tree of a version before the version."
                raise NotKnownError("tree", version.tree_hash, remedy=remedy) from error

    def artifacts(self, kind: Kind | None = None) -> tuple[Artifact, ...]:
        """All that has a version, by id."""
        wanted = select(artifacts).order_by(_artifact.id)
        if kind is not None:
            wanted = wanted.where(_artifact.kind == kind)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return tuple(Artifact(kind=row.kind, name=row.name) for row in rows)

    def versions(self, artifact: Artifact) -> tuple[ArtifactVersion, ...]:
        """All versions, the newest first."""
        wanted = _NEWEST.where(_version.artifact_id == artifact.id)
        with self._database.read() as connection:
            rows = connection.execute(wanted).mappings().all()
        return tuple(_version_of(artifact, row) for row in rows)

    def version(self, artifact: Artifact, which: str) -> ArtifactVersion:
        """The version of an alias, of what people call it, or of a tree hash (or its beginning).

        Raises:
            NotKnownError: There is none, or more than one; with the nearest.
        """
        kept = {each.tree_hash: each for each in self.versions(artifact)}
        pointed = self._pointed(artifact, which) if which in get_args(Alias) else None
        if pointed is not None:
            return kept[pointed.tree_hash]
        named = {tree: each for tree, each in kept.items() if each.version == which}
        begun = {tree: each for tree, each in kept.items() if which and tree.startswith(which)}
        if not named and not begun:
            known = dict.fromkeys(each.version for each in kept.values())
            near = tuple(get_close_matches(which, known)) or tuple(known)[:3]
            raise NotKnownError(f"version of {artifact.id}", which, near)
        return only(f"version of {artifact.id}", which, named or begun)

    def pointer(self, artifact: Artifact, alias: Alias) -> Pointer | None:
        """Where an alias points; None where it does not."""
        return self._pointed(artifact, alias)

    def point(self, artifact: Artifact, to: Pointer, *, expected: str | None = None) -> None:
        """Move an alias, all at once.

        Args:
            artifact: Whose.
            to: Where to; its version must be kept.
            expected: The tree hash that it must point to until now, empty for none; None where
                that does not matter.

        Raises:
            ChangedError: It points elsewhere by now.
            NotKnownError: The version was never kept.
        """
        known = select(_version.tree_hash).where(
            _version.artifact_id == artifact.id, _version.tree_hash == to.tree_hash
        )
        with self._database.write() as connection:
            if connection.execute(known).first() is None:
                raise NotKnownError(f"version of {artifact.id}", to.tree_hash)
            if not self._moved(connection, artifact, to, expected):
                raise ChangedError((artifact.id,))

    def unpoint(self, artifact: Artifact, alias: Alias) -> None:
        """Take an alias away; nothing happens where there is none."""
        gone = delete(artifact_aliases).where(
            _alias.artifact_id == artifact.id, _alias.alias == alias
        )
        with self._database.write() as connection:
            connection.execute(gone)

    def _keep(self, connection: Connection, version: ArtifactVersion) -> None:
        artifact = version.artifact
        row = {"id": artifact.id, "kind": artifact.kind, "name": artifact.name}
        named = row | {"created_at": datetime.now(UTC)}
        connection.execute(self._database.insert_new(artifacts), named)
        others = select(func.count()).where(_version.artifact_id == artifact.id)
        position = connection.execute(others).scalar_one() + 1
        new = _version_row(version) | {"position": position}
        connection.execute(self._database.insert_new(artifact_versions), new)

    def _pointed(self, artifact: Artifact, alias: str) -> Pointer | None:
        wanted = select(artifact_aliases).where(
            _alias.artifact_id == artifact.id, _alias.alias == alias
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else _pointer_of(row)

    def _moved(
        self, connection: Connection, artifact: Artifact, to: Pointer, expected: str | None
    ) -> bool:
        """Whether the alias moved; it did not where it pointed elsewhere than expected."""
        row = _alias_row(artifact, to)
        if expected:
            here = (_alias.artifact_id == artifact.id, _alias.alias == to.alias)
            moving = update(artifact_aliases).where(*here, _alias.tree_hash == expected)
            return bool(connection.execute(moving, row).rowcount)
        new = self._database.insert(artifact_aliases)
        keys = ["artifact_id", "alias"]
        if expected is None:
            changes = {name: new.excluded[name] for name in row if name not in keys}
            moved = new.on_conflict_do_update(index_elements=keys, set_=changes)
        else:
            moved = new.on_conflict_do_nothing(index_elements=keys)
        return connection.execute(moved.returning(_alias.alias), row).first() is not None


def _version_row(version: ArtifactVersion) -> dict[str, object]:
    return {
        "artifact_id": version.artifact.id,
        "tree_hash": version.tree_hash,
        "version": version.version,
        "parent": version.parent,
        "made_by": version.made_by,
        "why": version.why,
        "made_at": version.made_at,
    }


def _version_of(artifact: Artifact, row: Row) -> ArtifactVersion:
    names = ("tree_hash", "version", "parent", "made_by", "why", "made_at")
    return ArtifactVersion(artifact=artifact, **{name: row[name] for name in names})


def _alias_row(artifact: Artifact, to: Pointer) -> dict[str, object]:
    return {
        "artifact_id": artifact.id,
        "alias": to.alias,
        "tree_hash": to.tree_hash,
        "share": to.share,
        "since": to.since,
    }


def _pointer_of(row: Row) -> Pointer:
    names = ("alias", "tree_hash", "share", "since")
    return Pointer(**{name: row[name] for name in names})
