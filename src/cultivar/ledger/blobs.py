"""Keeps trees in SQL: each content once, compressed, and checked by its hash when it is read."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from cultivar.errors import NotKnownError, StoreUnavailableError
from cultivar.ledger.database import Database
from cultivar.ledger.finding import in_batches
from cultivar.ledger.tables import blobs, tree_files, trees
from cultivar.tree import Entry, Tree

_LEVEL = 6


class SqlContentStore:
    """The content store of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, tree: Tree) -> str:
        """Keep `tree`; returns its hash. Keeping it again changes nothing."""
        with self._database.read() as connection:
            if _has(connection, tree.hash):
                return tree.hash
            new = _new_contents(connection, tree)
        rows = [_packed(key, content) for key, content in sorted(new.items())]
        with self._database.write() as connection:
            if rows:
                connection.execute(self._database.insert_new(blobs), rows)
            self._insert_tree(connection, tree)
        return tree.hash

    def tree(self, tree_hash: str) -> Tree:
        """The tree of that hash.

        Raises:
            NotKnownError: It was never kept.
            StoreUnavailableError: What was kept is damaged.
        """
        with self._database.read() as connection:
            if not _has(connection, tree_hash):
                raise NotKnownError("tree", tree_hash)
            rows = connection.execute(
                select(
                    *(tree_files.c.path, tree_files.c.mode, blobs.c.hash),
                    *(blobs.c.codec, blobs.c.content),
                )
                .join_from(tree_files, blobs, tree_files.c.blob_hash == blobs.c.hash)
                .where(tree_files.c.tree_hash == tree_hash)
            ).all()
        tree = Tree({row.path: Entry(content=self._unpacked(row), mode=row.mode) for row in rows})
        if tree.hash != tree_hash:
            raise self._damaged(f"the tree {tree_hash!r} has lost files")
        return tree

    def _insert_tree(self, connection: Connection, tree: Tree) -> None:
        row = {"hash": tree.hash, "files": len(tree), "kept_at": datetime.now(UTC)}
        connection.execute(self._database.insert_new(trees), row)
        files = [
            {"tree_hash": tree.hash, "path": path, "mode": entry.mode, "blob_hash": entry.hash}
            for path, entry in tree.items()
        ]
        if files:
            connection.execute(self._database.insert_new(tree_files), files)

    def _unpacked(self, row: Any) -> bytes:
        """The content of a row.

        Raises:
            StoreUnavailableError: It is not what was put in.
        """
        try:
            content = zlib.decompress(row.content) if row.codec == "zlib" else bytes(row.content)
        except zlib.error as error:
            raise self._damaged(f"`{row.path}` cannot be unpacked") from error
        if hashlib.sha256(content).hexdigest() != row.hash:
            raise self._damaged(f"`{row.path}` is not what was kept")
        return content

    def _damaged(self, what: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The ledger `{self._database.name}` is damaged: {what}.",
            "Restore it from a backup; the disk may be failing.",
        )


def _has(connection: Connection, tree_hash: str) -> bool:
    found = connection.execute(select(trees.c.hash).where(trees.c.hash == tree_hash))
    return found.first() is not None


def _new_contents(connection: Connection, tree: Tree) -> Mapping[str, bytes]:
    """The contents that are not kept yet, by hash; another writer may be as quick."""
    contents = {entry.hash: entry.content for entry in tree.values()}
    for keys in in_batches(contents):
        known = connection.execute(select(blobs.c.hash).where(blobs.c.hash.in_(keys)))
        for row in known.all():
            contents.pop(row.hash)
    return contents


def _packed(key: str, content: bytes) -> dict[str, object]:
    packed = zlib.compress(content, _LEVEL)
    smaller = len(packed) < len(content)
    return {
        "hash": key,
        "codec": "zlib" if smaller else "raw",
        "size": len(content),
        "content": packed if smaller else content,
    }
