"""Streams and durable consumers in the local bus's file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from json import dumps, loads
from typing import Any

from cultivar.bus.base import ConsumePolicy, Delivery, Message, NoStreamError, Stream, matches
from cultivar.bus.onfile.database import BusFile
from cultivar.bus.onfile.owners import OWNER, check_owner, claim

_INTERVAL = 0.2
"""Seconds in which a consumer sees that a message is due again; what is new it sees sooner."""

_PRUNE_SECONDS = 60.0

_AGAIN = """
UPDATE deliveries SET attempt = attempt + 1, due = ?
WHERE stream = ? AND durable = ? AND sequence IN (
    SELECT sequence FROM deliveries WHERE stream = ? AND durable = ? AND due <= ?
    ORDER BY sequence LIMIT ?
) RETURNING sequence
"""

_READY = """
SELECT 1 FROM deliveries WHERE stream = ? AND durable = ? AND due <= ?
UNION ALL SELECT 1 WHERE EXISTS (
    SELECT 1 FROM messages WHERE stream = ? AND sequence > (
        SELECT position FROM consumers WHERE stream = ? AND durable = ?))
LIMIT 1
"""


class Streams:
    """Stores messages.

    Args:
        file: Where.
        streams: What is kept.
    """

    def __init__(self, file: BusFile, streams: tuple[Stream, ...]) -> None:
        self._file, self._streams = file, streams
        self._next_prune = 0.0

    def named(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            NoStreamError: There is none.
        """
        for stream in self._streams:
            if stream.name == name:
                return stream
        raise NoStreamError(name)

    def keeper_of(self, subject: str) -> Stream | None:
        """The stream that keeps a subject."""
        for stream in self._streams:
            if any(matches(pattern, subject) for pattern in stream.subjects):
                return stream
        return None

    def store(self, messages: Iterable[tuple[Stream, Message]]) -> None:
        """Keep the messages, all or none; one whose id is known is kept already."""
        now = time.time()
        rows = [
            (stream.name, each.subject, each.id or None, dumps(dict(each.headers)), each.data, now)
            for stream, each in messages
        ]
        with self._file.changing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO messages (stream, subject, id, headers, data, stored_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._prune(connection, now)

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        if now < self._next_prune:
            return
        self._next_prune = now + _PRUNE_SECONDS
        for stream in self._streams:
            if stream.max_age:
                connection.execute(
                    "DELETE FROM messages WHERE stream = ? AND stored_at < ?",
                    (stream.name, now - stream.max_age),
                )


class FileSource:
    """One durable consumer of a stream; `consuming.Source` says what it does.

    Args:
        streams: Where dead letters go.
        file: Where the messages are.
        stream: The stream's name.
        durable: The consumer's.
        policy: How it works.
    """

    def __init__(
        self, streams: Streams, file: BusFile, stream: str, durable: str, policy: ConsumePolicy
    ) -> None:
        self.durable = durable
        self._streams, self._file, self._policy = streams, file, policy
        self._key = (stream, durable)
        with file.changing() as connection:
            claim(connection, self._key, policy)
            connection.execute("INSERT OR IGNORE INTO consumers VALUES (?, ?, 0)", self._key)

    def fetch(self, limit: int, wait: float) -> Sequence[Delivery]:
        """The next messages; none after `wait` seconds without one."""
        self._check_owner(self._file.look(OWNER, *self._key))
        return self._file.wait_for(lambda: self._take(limit), wait, _INTERVAL) or ()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Forget the deliveries."""
        with self._file.changing() as connection:
            connection.executemany(
                "DELETE FROM deliveries WHERE stream = ? AND durable = ? AND sequence = ?",
                [(*self._key, each.sequence) for each in deliveries],
            )

    def postpone(self, deliveries: Sequence[Delivery], delay: float) -> None:
        """Let them be taken again after so many seconds."""
        self._lease(deliveries, delay)

    def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Let nobody else take them for another lease."""
        self._lease(deliveries, self._policy.lease)

    def bury(self, letter: Message) -> None:
        """Store a dead letter, where a stream keeps those."""
        if keeper := self._streams.keeper_of(letter.subject):
            self._streams.store([(keeper, letter)])

    def _lease(self, deliveries: Sequence[Delivery], seconds: float) -> None:
        due = time.time() + seconds
        with self._file.changing() as connection:
            connection.executemany(
                "UPDATE deliveries SET due = ?"
                " WHERE stream = ? AND durable = ? AND sequence = ? AND attempt = ?",
                [(due, *self._key, each.sequence, each.attempt) for each in deliveries],
            )

    def _check_owner(self, found: Iterable[tuple[str]]) -> None:
        check_owner(found, self._key, self._policy.owner)

    def _take(self, limit: int) -> Sequence[Delivery] | None:
        """What is due again, then what is new; None where there is neither."""
        if not self._file.look(_READY, *self._key, time.time(), self._key[0], *self._key):
            return None
        with self._file.changing() as connection:
            self._check_owner(connection.execute(OWNER, self._key))
            now = time.time()
            again = (now + self._policy.lease, *self._key, *self._key, now, limit)
            taken = [row[0] for row in connection.execute(_AGAIN, again).fetchall()]
            taken += self._advance(connection, limit - len(taken), now)
            return self._deliveries(connection, taken) or None

    def _advance(self, connection: sqlite3.Connection, limit: int, now: float) -> list[int]:
        """Take new messages, as many as may be pending."""
        pending: int = connection.execute(
            "SELECT count(*) FROM deliveries WHERE stream = ? AND durable = ?", self._key
        ).fetchone()[0]
        room = min(limit, self._policy.max_pending - pending)
        fresh = [
            row[0]
            for row in connection.execute(
                "SELECT sequence FROM messages WHERE stream = ? AND sequence > (SELECT position"
                " FROM consumers WHERE stream = ? AND durable = ?) ORDER BY sequence LIMIT ?",
                (self._key[0], *self._key, max(room, 0)),
            )
        ]
        if fresh:
            connection.execute(
                "UPDATE consumers SET position = ? WHERE stream = ? AND durable = ?",
                (fresh[-1], *self._key),
            )
            connection.executemany(
                "INSERT INTO deliveries VALUES (?, ?, ?, 1, ?)",
                [(*self._key, each, now + self._policy.lease) for each in fresh],
            )
        return fresh

    def _deliveries(
        self, connection: sqlite3.Connection, taken: Sequence[int]
    ) -> tuple[Delivery, ...]:
        """The taken messages; a delivery whose message grew too old is forgotten."""
        found: list[Delivery] = []
        for sequence in sorted(taken):
            row = connection.execute(
                "SELECT subject, data, id, headers, attempt FROM messages JOIN deliveries"
                " USING (stream, sequence) WHERE stream = ? AND durable = ? AND sequence = ?",
                (*self._key, sequence),
            ).fetchone()
            if row:
                found.append(_delivery(sequence, row))
            else:
                connection.execute(
                    "DELETE FROM deliveries WHERE stream = ? AND durable = ? AND sequence = ?",
                    (*self._key, sequence),
                )
        return tuple(found)


def _delivery(sequence: int, row: Sequence[Any]) -> Delivery:
    subject, data, message_id, headers, attempt = row
    message = Message(subject=subject, data=data, id=message_id or "", headers=loads(headers))
    return Delivery(message=message, sequence=sequence, attempt=attempt, receipt=str(sequence))
