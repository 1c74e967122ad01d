"""Requests and their answers through the local bus's file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from json import dumps, loads
from uuid import uuid4

from cultivar.bus.answering import Reply, answer, parts_of
from cultivar.bus.base import BusUnavailableError, Message, Responder, matches
from cultivar.bus.fairness import FairShare, most_of_one
from cultivar.bus.onfile.database import BusFile
from cultivar.errors import UnavailableError

_LOG = logging.getLogger(__name__)

_LINGER = 0.2
"""Seconds after which a responder looks whether it should end."""

_KEPT = 600.0
"""Seconds that a reply waits for who asked."""

_TOLD = "told:"
"""What the id of a message begins with for which nobody awaits a reply."""

_TOLD_SECONDS = 5.0
"""How long such a message waits for somebody who hears it."""


def ask(file: BusFile, message: Message, timeout: float) -> Iterator[bytes]:
    """The parts of the answer to a request, as they come; `Bus.stream` says what it raises."""
    call = _Call(file, message, timeout)
    try:
        yield from parts_of(call.receive)
    finally:
        with suppress(BusUnavailableError):  # where the bus is gone, so is the request
            call.end()


def send(file: BusFile, message: Message) -> None:
    """Leave a message for who serves its subject just now; nobody replies."""
    _leave(file, f"{_TOLD}{uuid4().hex}", message, _TOLD_SECONDS)


def _leave(file: BusFile, request: str, message: Message, seconds: float) -> None:
    """Leave a request, for so many seconds; what nobody waits for any more is removed."""
    row = (request, message.subject, dumps(dict(message.headers)), message.data)
    with file.changing() as connection:
        now = time.time()
        connection.execute("DELETE FROM replies WHERE until < ?", (now,))
        connection.execute("DELETE FROM requests WHERE until < ?", (now,))
        connection.execute(
            "INSERT INTO requests (id, subject, headers, data, until) VALUES (?, ?, ?, ?, ?)",
            (*row, now + seconds),
        )


class _Call:
    def __init__(self, file: BusFile, message: Message, timeout: float) -> None:
        self._file, self._subject, self._timeout = file, message.subject, timeout
        self._id, self._received = uuid4().hex, 0
        _leave(file, self._id, message, timeout)

    def receive(self) -> Reply:
        """The next reply."""
        reply = self._file.wait_for(self._find, self._timeout)
        if reply is None:
            raise BusUnavailableError(
                f"Nobody on this machine answered on {self._subject!r}"
                f" within {self._timeout:g} seconds.",
                "Start what serves it (`cultivar up`), or set `bus.url` to the bus where it runs.",
            )
        self._received += 1
        return reply

    def end(self) -> None:
        """Leave nothing behind."""
        with self._file.changing() as connection:
            connection.execute("DELETE FROM requests WHERE id = ?", (self._id,))
            connection.execute("DELETE FROM replies WHERE request = ?", (self._id,))

    def _find(self) -> Reply | None:
        rows = self._file.look(
            "SELECT data, headers FROM replies WHERE request = ? AND number = ?",
            self._id,
            self._received,
        )
        return Reply(data=rows[0][0], headers=loads(rows[0][1])) if rows else None


class FileResponder:
    """Answers requests in the background; who serves the same subject shares them.

    Args:
        file: Where requests come.
        subject: On what, with wildcards.
        responder: What to answer.
        workers: How many requests are worked on at a time.
    """

    def __init__(self, file: BusFile, subject: str, responder: Responder, workers: int) -> None:
        self._file, self._subject, self._responder = file, subject, responder
        self._share = FairShare(workers, most_of_one(subject, workers))
        self._closing = threading.Event()
        self._trouble = ""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"bus-{subject}")
        self._thread = threading.Thread(target=self._run, name=f"bus-{subject}", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """What it struggles with just now; empty where all is well."""
        return self._trouble

    def close(self) -> None:
        """Answer what was taken, then end."""
        self._closing.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._closing.is_set():
            taken = self._take()
            if taken is not None:
                self._pool.submit(self._answer, *taken)

    def _take(self) -> tuple[str, Message] | None:
        try:
            taken = self._file.wait_for(self._claim, _LINGER)
        except UnavailableError as error:
            self._trouble = str(error)
            _LOG.warning("%s", error)
            self._closing.wait(1)
            return None
        self._trouble = ""
        return taken

    def _claim(self) -> tuple[str, Message] | None:
        """The oldest request that nobody has taken of who has the fewest in hand, now ours."""
        waiting = self._file.look(_OLDEST, time.time())
        for row, subject in sorted(waiting, key=lambda each: self._share.in_hand(each[1])):
            if matches(self._subject, subject) and self._share.take(subject):
                claimed = self._claimed(row)
                if claimed is not None:
                    request, headers, data = claimed
                    return request, Message(subject=subject, data=data, headers=loads(headers))
                self._share.leave(subject)
        return None

    def _claimed(self, row: int) -> tuple[str, str, bytes] | None:
        with self._file.changing() as connection:
            found: list[tuple[str, str, bytes]] = connection.execute(_CLAIM, (row,)).fetchall()
            return found[0] if found else None

    def _answer(self, request: str, message: Message) -> None:
        replies = _Replies(self._file, request)
        try:
            answer(self._responder, message, replies.send)
        except UnavailableError as error:
            _LOG.warning("an answer could not be sent: %s", error)
        finally:
            self._share.leave(message.subject)
            self._file.wake()


_OLDEST = """
SELECT min(rowid), subject FROM requests WHERE taken = 0 AND until >= ? GROUP BY subject ORDER BY 1
"""

_CLAIM = "UPDATE requests SET taken = 1 WHERE rowid = ? AND taken = 0 RETURNING id, headers, data"


class _Replies:
    def __init__(self, file: BusFile, request: str) -> None:
        self._file, self._request, self._number = file, request, 0

    def send(self, reply: Reply) -> None:
        """Leave a reply for who asked, if somebody did."""
        if self._request.startswith(_TOLD):
            return
        row = (self._request, self._number, dumps(dict(reply.headers)), reply.data)
        with self._file.changing() as connection:
            connection.execute(
                "INSERT INTO replies VALUES (?, ?, ?, ?, ?)", (*row, time.time() + _KEPT)
            )
        self._number += 1
