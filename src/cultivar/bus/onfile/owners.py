"""Whose the durable consumers in the local bus's file are; `owning` says what that is for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, TypeAlias

from cultivar.bus.base import ConsumePolicy
from cultivar.bus.owning import OwnedError, is_another_s

Key: TypeAlias = tuple[str, str]
"""A stream's name, and that of a durable consumer of it."""

OWNER: Final = "SELECT owner FROM owners WHERE stream = ? AND durable = ?"
"""Finds whose a consumer is."""


def claim(connection: sqlite3.Connection, key: Key, policy: ConsumePolicy) -> None:
    """Make the consumer its owner's; one that is taken over begins anew.

    Args:
        connection: In a transaction that writes.
        key: Which consumer.
        policy: Whose it is to be.

    Raises:
        OwnedError: It is another's, and not taken over.
    """
    if not policy.owner:
        return
    try:
        check_owner(connection.execute(OWNER, key).fetchall(), key, policy.owner)
    except OwnedError:
        if not policy.takes_over:
            raise
        for table in ("consumers", "deliveries"):
            connection.execute(f"DELETE FROM {table} WHERE stream = ? AND durable = ?", key)
    connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?)", (*key, policy.owner))


def check_owner(found: Iterable[tuple[str]], key: Key, owner: str) -> None:
    """See that the consumer is still its owner's.

    Args:
        found: What `OWNER` finds.
        key: Which consumer.
        owner: Whose it should be.

    Raises:
        OwnedError: It is another's.
    """
    for (each,) in found:
        if is_another_s(each, owner):
            raise OwnedError(key[1], each)
