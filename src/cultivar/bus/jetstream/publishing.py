"""Stores messages, many at a time, and says which of them the stream has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import TypeAlias

from nats.errors import MaxPayloadError

from cultivar.bus.base import (
    BusUnavailableError,
    Message,
    NoStreamError,
    Published,
    TooLargeError,
)
from cultivar.bus.jetstream.client import FAILURES
from cultivar.bus.jetstream.connection import Connection, Session, headers_of
from cultivar.errors import CultivarError, UsageError

Acknowledgement: TypeAlias = "asyncio.Future[None]"
"""Done when the stream has the message; else it says why not."""

_PAUSES = (0.01, 0.05, 0.2, 0.5)
"""Seconds between looks at whether a stream that is being made listens."""

_tokens = count()


async def send(connection: Connection, message: Message) -> None:
    """Send a message that no stream keeps; `Bus.send` says what it raises."""
    client = (await connection.session()).client
    try:
        await client.publish(message.subject, message.data, headers=headers_of(message))
    except FAILURES as error:
        raise _explained(connection, message, error) from error


async def store(connection: Connection, messages: Sequence[Message]) -> list[CultivarError | None]:
    """Why each message is not stored; None where it is.

    Until a stream is known to keep its subject, the first one goes ahead of the rest: were the
    stream made by somebody meanwhile, later ones would be stored before it.

    Args:
        connection: The connection.
        messages: What to store.
    """
    if len(messages) < 2 or connection.is_kept(messages[0].subject):
        return await _store(connection, messages)
    (error,) = await _store(connection, messages[:1])
    if error is not None and not isinstance(error, UsageError):
        return [error] * len(messages)
    return [error, *await _store(connection, messages[1:])]


async def _store(connection: Connection, messages: Sequence[Message]) -> list[CultivarError | None]:
    errors = await _attempt(connection, messages)
    homeless = [at for at, error in enumerate(errors) if _may_get_a_stream(connection, error)]
    if homeless:
        again = await _attempt_with_streams(connection, [messages[at] for at in homeless])
        for at, error in zip(homeless, again, strict=True):
            errors[at] = error
    return errors


def outcome(messages: Sequence[Message], errors: Sequence[CultivarError | None]) -> Published:
    """The messages, those that are stored apart from those that failed."""
    pairs = list(zip(messages, errors, strict=True))
    why = [str(error) for error in errors if error is not None]
    refused = tuple(message for message, error in pairs if isinstance(error, UsageError))
    return Published(
        stored=tuple(message for message, error in pairs if error is None),
        failed=tuple(
            message for message, error in pairs if error and not isinstance(error, UsageError)
        ),
        refused=refused,
        why=why[-1] if why else "",
    )


async def _attempt(
    connection: Connection, messages: Sequence[Message]
) -> list[CultivarError | None]:
    try:
        session = await connection.session()
    except CultivarError as error:
        return [error] * len(messages)
    flight = _Flight(connection, session)
    try:
        return await flight.store(messages)
    finally:
        flight.end()


def _may_get_a_stream(connection: Connection, error: CultivarError | None) -> bool:
    return isinstance(error, NoStreamError) and connection.keeper_of(error.subject) is not None


async def _attempt_with_streams(
    connection: Connection, messages: Sequence[Message]
) -> list[CultivarError | None]:
    """Try again when the streams are there; what fails still is not refused, only not stored."""
    keepers = {connection.keeper_of(subject) for subject in {each.subject for each in messages}}
    try:
        for stream in keepers:
            if stream is not None:
                await connection.ensure(stream)
    except CultivarError as error:
        return [error] * len(messages)
    except FAILURES as error:
        return [connection.unavailable(error)] * len(messages)
    errors = await _attempt_again(connection, messages)
    return [
        connection.unavailable(each) if isinstance(each, NoStreamError) else each for each in errors
    ]


async def _attempt_again(
    connection: Connection, messages: Sequence[Message]
) -> list[CultivarError | None]:
    """Try until a stream that the server says is there listens, too; that takes it a moment."""
    for pause in _PAUSES:
        errors = await _attempt(connection, messages[:1])
        if not isinstance(errors[0], NoStreamError):
            return [*errors, *await _attempt(connection, messages[1:])]
        await asyncio.sleep(pause)
    return await _attempt(connection, messages)


def _explained(connection: Connection, message: Message, error: Exception) -> CultivarError:
    if isinstance(error, MaxPayloadError):
        return TooLargeError(
            f"A message of {len(message.data)} bytes on {message.subject!r} is too large.",
            "Raise `max_payload` in the configuration of `nats-server`, or send less.",
        )
    return connection.unavailable(error)


class _Flight:
    """Messages under way together, as many at a time as the settings allow."""

    def __init__(self, connection: Connection, session: Session) -> None:
        self._connection, self._session = connection, session
        self._room = asyncio.Semaphore(connection.settings.in_flight)
        self._timeout, self._losses = connection.settings.timeout, session.losses
        self._tokens: list[str] = []

    async def store(self, messages: Sequence[Message]) -> list[CultivarError | None]:
        """Send all, then wait for what is acknowledged."""
        sent: list[Acknowledgement] = []
        for message in messages:
            if self._room.locked() and not await self._has_room():
                break
            if sent and self._is_cut_off():
                break
            await self._room.acquire()
            sent.append(await self._send(message))
        await self._settle(sent)
        unsent = len(messages) - len(sent)
        return [self._error_of(each) for each in sent] + [self._connection.unavailable()] * unsent

    def end(self) -> None:
        """Wait for nothing any more."""
        for token in self._tokens:
            self._session.waiting.pop(token, None)
            self._session.subjects.pop(token, None)

    def _is_cut_off(self) -> bool:
        """Whether what was sent may not have arrived, so that later ones would come before it."""
        return self._session.losses != self._losses or not self._session.client.is_connected

    async def _has_room(self) -> bool:
        try:
            await asyncio.wait_for(self._room.acquire(), self._timeout)
        except TimeoutError:
            return False
        self._room.release()
        return True

    async def _send(self, message: Message) -> Acknowledgement:
        token, future = str(next(_tokens)), asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._room.release())
        self._tokens.append(token)
        self._session.waiting[token], self._session.subjects[token] = future, message.subject
        reply = f"{self._session.inbox}.{token}"
        try:
            await self._session.client.publish(
                message.subject, message.data, reply, headers_of(message)
            )
        except FAILURES as error:
            if not future.done():
                future.set_exception(_explained(self._connection, message, error))
        return future

    async def _settle(self, sent: Sequence[Acknowledgement]) -> None:
        """Wait for as long as acknowledgements keep coming."""
        waiting = {each for each in sent if not each.done()}
        while waiting:
            _, left = await asyncio.wait(waiting, timeout=self._timeout)
            if len(left) == len(waiting):
                return
            waiting = left

    def _error_of(self, acknowledgement: Acknowledgement) -> CultivarError | None:
        if not acknowledgement.done():
            acknowledgement.cancel()
            return self._connection.unavailable()
        error = acknowledgement.exception()
        if error is None or isinstance(error, CultivarError):
            return error
        return BusUnavailableError(str(error))
