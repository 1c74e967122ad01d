"""Requests and their answers over NATS; no stream keeps them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from cultivar.bus.answering import ERROR, Reply, answer, parts_of
from cultivar.bus.base import BusUnavailableError, Message, Responder
from cultivar.bus.fairness import FairShare, most_of_one
from cultivar.bus.jetstream.client import FAILURES, Client, Received, Subscription
from cultivar.bus.jetstream.connection import Connection, Session, headers_of, is_unheard
from cultivar.errors import UnavailableError
from cultivar.record import Record

_LOG = logging.getLogger(__name__)

_QUEUE = "cultivar"
"""Who serves one subject is one queue group: each request goes to one of them."""

_WAITING = 32
"""How many requests of one sender may wait."""

_BUSY = "Too many requests of yours wait here. Ask again in a while."

_LOOK_SECONDS = 0.5

_LONGEST_PAUSE = 10.0


def ask(connection: Connection, message: Message, timeout: float) -> Iterator[bytes]:
    """The parts of the answer to a request, as they come; `Bus.stream` says what it raises."""
    call = _Call(connection, message, timeout)
    connection.run(call.begin())
    try:
        yield from parts_of(call.receive)
    finally:
        with suppress(BusUnavailableError):  # where the bus is gone, so is the request
            connection.run(call.end())


class _Call:
    def __init__(self, connection: Connection, message: Message, timeout: float) -> None:
        self._connection, self._message, self._timeout = connection, message, timeout
        self._subscription: Subscription | None = None

    async def begin(self) -> None:
        """Ask."""
        client = (await self._connection.session()).client
        inbox = client.new_inbox()
        self._subscription = await client.subscribe(inbox)
        message = self._message
        await client.publish(message.subject, message.data, inbox, headers_of(message))

    def receive(self) -> Reply:
        """The next reply."""
        received = self._connection.run(self._next())
        if received is None:
            raise self._unanswered(f"within {self._timeout:g} seconds")
        if is_unheard(received):
            raise self._unanswered("because nobody serves it")
        return Reply(data=received.data, headers=received.headers or {})

    async def end(self) -> None:
        """Receive no more."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()

    async def _next(self) -> Received | None:
        assert self._subscription is not None, "`begin` came first"
        try:
            return await self._subscription.next_msg(self._timeout)
        except TimeoutError:
            return None

    def _unanswered(self, why: str) -> BusUnavailableError:
        return BusUnavailableError(
            f"Nobody on the bus answered on {self._message.subject!r}, {why}.",
            "Start what serves it, like `cultivar hub` or `cultivar bridge`, and try again.",
        )


class Service(Record):
    """What is answered, as `Bus.serve` has it."""

    subject: str
    responder: Responder
    workers: int
    busy: bytes


class JetStreamResponder:
    """Answers requests in the background; who serves the same subject shares them.

    Args:
        connection: The connection.
        service: What is answered.
    """

    def __init__(self, connection: Connection, service: Service) -> None:
        self._connection, self._service = connection, service
        workers, name = service.workers, f"bus-{service.subject}"
        most = most_of_one(service.subject, workers)
        self._share = FairShare(workers, most, _WAITING)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._closing = threading.Event()
        self._session: Session | None = None
        self._subscription: Subscription | None = None
        self._trouble = ""
        connection.run(self._subscribe())
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """What it struggles with just now; empty where all is well."""
        return self._trouble

    def close(self) -> None:
        """Answer what was taken, then end."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        try:
            self._connection.run(self._unsubscribe())
        except UnavailableError as error:
            _LOG.warning("%s", error)
        self._share.join()
        self._pool.shutdown()

    def _keep(self) -> None:
        """Subscribe again where the server ended the session for good."""
        pause = _LOOK_SECONDS
        while not self._closing.wait(pause):
            try:
                self._connection.run(self._subscribe())
                self._trouble, pause = "", _LOOK_SECONDS
            except UnavailableError as error:
                self._trouble, pause = str(error), min(2 * pause, _LONGEST_PAUSE)

    async def _subscribe(self) -> None:
        session = await self._connection.session()
        if session is self._session:
            return
        client = session.client

        async def receive(received: Received) -> None:
            await self._received(client, received)

        self._subscription = await client.subscribe(self._service.subject, _QUEUE, receive)
        await client.flush()
        self._session = session

    async def _unsubscribe(self) -> None:
        if self._subscription is not None:
            await self._subscription.drain()

    async def _received(self, client: Client, received: Received) -> None:
        """Have it answered at its sender's turn; what comes too fast is refused right here."""

        def begin() -> None:
            self._pool.submit(self._work, client, received)

        if not self._share.queue(received.subject, begin) and received.reply:
            refusal = {} if self._service.busy else {ERROR: _BUSY}
            with suppress(*FAILURES):
                await client.publish(received.reply, self._service.busy, headers=refusal or None)

    def _work(self, client: Client, received: Received) -> None:
        try:
            self._answer(client, received)
        finally:
            self._share.leave(received.subject)

    def _answer(self, client: Client, received: Received) -> None:
        message = Message(
            subject=received.subject, data=received.data, headers=received.headers or {}
        )

        def send(reply: Reply) -> None:
            headers = dict(reply.headers) or None
            sent = client.publish(received.reply, reply.data, headers=headers)
            self._connection.run(sent)

        try:
            answer(self._service.responder, message, send if received.reply else _drop)
        except (UnavailableError, *FAILURES) as error:
            _LOG.warning("an answer could not be sent: %s", error)


def _drop(_: Reply) -> None:
    """Nobody waits for an answer."""
