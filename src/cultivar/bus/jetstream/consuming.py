"""A durable pull consumer of a JetStream stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from msgspec.json import encode

from cultivar.bus.base import (
    BusUnavailableError,
    ConsumePolicy,
    Delivery,
    Message,
    NoStreamError,
    Stream,
)
from cultivar.bus.jetstream.client import FAILURES, Received, Subscription
from cultivar.bus.jetstream.connection import Connection, Session, is_unheard
from cultivar.bus.jetstream.publishing import store
from cultivar.bus.owning import OwnedError, is_another_s

_NANO = 1_000_000_000

_AT_ONCE = 32 * 2**20
"""Bytes that are asked for at once, at most: the client drops what it has no room for."""

_NO_MORE = ("404", "408")
"""What the server says where there is no message, or none came in time."""

_FULL = ("409", "Message Size Exceeds MaxBytes")
"""What it says where the next message is more than was asked for."""

_OWNER = "owner: "
"""How the description of a consumer begins that has one."""

_NO_CONSUMER = (10014,)
"""The code of the error that there is no such consumer."""

_DEFERENCE = 0.5
"""Seconds in which who takes a consumer over makes it anew, before who had it would."""

_GRACE = 2.0
"""Seconds that the server may take to say that there is nothing."""


class _Arrivals:
    """The messages that came and were not looked at yet."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque()
        self._news = asyncio.Event()

    async def add(self, message: Received) -> None:
        """Keep a message that came."""
        self._messages.append(message)
        self._news.set()

    async def next(self, patience: float) -> Received | None:
        """The next one; None where none comes in time."""
        if not self._messages:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), patience)
            except TimeoutError:
                return None
        return self._messages.popleft()


class JetStreamSource:
    """One durable consumer; `consuming.Source` says what it does.

    Args:
        connection: The connection.
        stream: Of what; it is made where it is missing.
        durable: The consumer's name; it is made where it is missing.
        policy: How it works.
    """

    def __init__(
        self, connection: Connection, stream: Stream, durable: str, policy: ConsumePolicy
    ) -> None:
        self.durable = durable
        self._connection, self._stream, self._policy = connection, stream, policy
        self._pulls = count()
        self._session: Session | None = None
        self._inbox = ""
        self._arrivals = _Arrivals()
        self._subscription: Subscription | None = None
        self._was_ours = False
        # What is published without JetStream from now on would be lost without the stream; where
        # the server does not answer, it is made as soon as it does.
        with suppress(BusUnavailableError):
            connection.run(connection.ensure(stream))

    def claim(self) -> None:
        """Make the consumer its owner's, where it has one.

        Raises:
            OwnedError: It is another's, and not taken over.
            BusUnavailableError: The server does not say that it is ours now.
        """
        if self._policy.owner:
            self._connection.run(self._claim(takes_over=self._policy.takes_over))

    def fetch(self, limit: int, wait: float) -> Sequence[Delivery]:
        """The next messages; none after `wait` seconds without one."""
        try:
            return self._connection.run(self._fetch(limit, wait))
        except BusUnavailableError:
            self._session = None
            raise

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that they are done, and wait until the server has heard it."""
        self._connection.run(self._say(deliveries, b"+ACK"))

    def postpone(self, deliveries: Sequence[Delivery], delay: float) -> None:
        """Give them back, to be handed over again after so many seconds."""
        word = b"-NAK " + encode({"delay": int(delay * _NANO)})
        self._connection.run(self._say(deliveries, word))

    def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Let nobody else take them for another lease."""
        self._connection.run(self._say(deliveries, b"+WPI"))

    def bury(self, letter: Message) -> None:
        """Store a dead letter."""
        for error in self._connection.run(store(self._connection, [letter])):
            if isinstance(error, NoStreamError):
                raise BusUnavailableError(str(error))
            if error is not None:
                raise error

    async def _say(self, deliveries: Sequence[Delivery], word: bytes) -> None:
        client = (await self._connection.session()).client
        for each in deliveries:
            await client.publish(each.receipt, word)
        await client.flush(max(1, round(self._connection.settings.timeout)))

    async def _fetch(self, limit: int, wait: float) -> Sequence[Delivery]:
        session = await self._connection.session()
        if session is not self._session:
            await self._prepare(session)
        at_once: dict[str, Any] = {"batch": limit, "no_wait": True, "max_bytes": _AT_ONCE}
        lingering: dict[str, Any] = {"batch": 1, "expires": int(wait * _NANO)}
        found = await self._pull(session, at_once, _GRACE)
        return found or await self._pull(session, lingering, wait + _GRACE)

    async def _prepare(self, session: Session) -> None:
        """Make what is missing on the server, and listen for messages."""
        await self._claim()
        if self._subscription is not None:
            await _forget(self._subscription)
        self._inbox = session.client.new_inbox()
        self._arrivals = _Arrivals()
        self._subscription = await session.client.subscribe(
            f"{self._inbox}.*", cb=self._arrivals.add
        )
        self._session = session

    async def _claim(self, *, takes_over: bool = False) -> None:
        """Make what is missing on the server, unless the consumer is another's."""
        stream, durable = self._stream.name, self.durable
        await self._connection.ensure(self._stream)
        if takes_over and is_another_s(await self._owner(), self._policy.owner):
            # What the other one has done is not done here: it begins anew.
            await self._connection.api(f"CONSUMER.DELETE.{stream}.{durable}", {}, _NO_CONSUMER)
        elif self._was_ours and not await self._owner():
            await asyncio.sleep(_DEFERENCE)
        await self._check_owner()
        configuration = {"stream_name": stream, "config": self._configuration()}
        await self._connection.api(f"CONSUMER.DURABLE.CREATE.{stream}.{durable}", configuration)
        await self._check_owner()  # another may have made it just now
        self._was_ours = bool(self._policy.owner)

    async def _check_owner(self) -> None:
        if self._policy.owner and is_another_s(owner := await self._owner(), self._policy.owner):
            raise OwnedError(self.durable, owner)

    async def _owner(self) -> str:
        """Whose the consumer is; empty where there is none, or it is nobody's."""
        subject = f"CONSUMER.INFO.{self._stream.name}.{self.durable}"
        found = await self._connection.api(subject, {}, _NO_CONSUMER)
        said = str(found.get("config", {}).get("description", ""))
        return said.removeprefix(_OWNER) if said.startswith(_OWNER) else ""

    def _configuration(self) -> dict[str, Any]:
        owner = self._policy.owner
        return {
            "durable_name": self.durable,
            "description": f"{_OWNER}{owner}" if owner else "",
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self._policy.lease * _NANO),
            "max_deliver": -1,
            "max_ack_pending": self._policy.max_pending,
            "replay_policy": "instant",
        }

    async def _pull(
        self, session: Session, request: dict[str, Any], patience: float
    ) -> list[Delivery]:
        """What comes until the server says that there is no more, or all came that was asked."""
        reply, found = f"{self._inbox}.{next(self._pulls)}", list[Delivery]()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream.name}.{self.durable}"
        await session.client.publish(subject, encode(request), reply)
        while len(found) < request["batch"]:
            message = await self._arrivals.next(patience)
            if message is None:
                if found:
                    break
                raise self._connection.unavailable()
            if message.reply:
                found.append(_delivery(message))
            elif message.subject == reply:
                self._check_status(message)
                break
        return found

    def _check_status(self, message: Received) -> None:
        """Start anew where the consumer is gone, rather than that there is no more."""
        if is_unheard(message):
            raise self._connection.unavailable()
        headers = message.headers or {}
        said = headers.get("Status"), headers.get("Description")
        if said[0] not in _NO_MORE and said != _FULL:
            self._session = None


async def _forget(subscription: Subscription) -> None:
    try:
        await asyncio.wait_for(subscription.unsubscribe(), _GRACE)
    except FAILURES:
        return  # it went with its connection


def _delivery(received: Received) -> Delivery:
    headers = dict(received.headers or {})
    message = Message(
        subject=received.subject,
        data=received.data,
        id=headers.pop("Nats-Msg-Id", ""),
        headers=headers,
    )
    attempt, sequence = _position(received.reply)
    return Delivery(message=message, sequence=sequence, attempt=attempt, receipt=received.reply)


def _position(receipt: str) -> tuple[int, int]:
    """Which attempt it is, and the place in the stream.

    A receipt is `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>` and more; later servers have the
    domain and the account before the stream.
    """
    tokens = receipt.split(".")
    at = 4 if len(tokens) == 9 else 6
    return int(tokens[at]), int(tokens[at + 1])
