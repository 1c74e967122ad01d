"""The bus over NATS JetStream: streams on one server or a cluster, for any number of machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from cultivar.bus.activities import Activities
from cultivar.bus.base import (
    Activity,
    BusUnavailableError,
    ConsumePolicy,
    Handler,
    Message,
    NoStreamError,
    Published,
    Responder,
    Stream,
)
from cultivar.bus.consuming import Consumer
from cultivar.bus.jetstream.calls import JetStreamResponder, Service, ask
from cultivar.bus.jetstream.connection import Connection
from cultivar.bus.jetstream.consuming import JetStreamSource
from cultivar.bus.jetstream.publishing import outcome, send, store
from cultivar.bus.subjects import STREAMS, with_dead_letters
from cultivar.settings import BusSettings


class NatsBus:
    """A `Bus` on a NATS server; a connection that is lost comes back by itself.

    Args:
        settings: Where the server is, and who we are there.
        streams: What is made where it is missing.

    Raises:
        BusDeniedError: The server does not let us in.
        BusUnavailableError: No server answers.
        SettingsError: A file that the settings name cannot be read.
    """

    def __init__(self, settings: BusSettings, streams: tuple[Stream, ...] = STREAMS) -> None:
        self._connection = Connection(settings, with_dead_letters(streams))
        self._activities = Activities()

    def publish(self, message: Message) -> None:
        """Return when the stream has acknowledged the message."""
        for error in self._connection.run(store(self._connection, [message])):
            if error is not None:
                raise error

    def publish_all(self, messages: Iterable[Message]) -> Published:
        """Store many messages, thousands of them under way at a time."""
        everything = tuple(messages)
        errors = self._connection.run(store(self._connection, everything))
        return outcome(everything, errors)

    def consume(
        self, stream: str, durable: str, handler: Handler, policy: ConsumePolicy | None = None
    ) -> Activity:
        """Hand over all messages of a stream, in the background."""
        chosen, kept = policy or ConsumePolicy(), self._named(stream)
        with suppress(BusUnavailableError):  # who consumes tries again
            # From here on nothing is lost that is published without waiting for an answer.
            self._connection.run(self._connection.ensure(kept))
        source = JetStreamSource(self._connection, kept, durable, chosen)
        source.claim()
        return self._activities.add(Consumer(source, handler, chosen))

    def send(self, message: Message) -> None:
        """Tell who listens just now."""
        self._connection.run(send(self._connection, message))

    def request(self, message: Message, timeout: float = 10.0) -> bytes:
        """What the one who serves the subject answers."""
        return b"".join(ask(self._connection, message, timeout))

    def stream(self, message: Message, timeout: float = 10.0) -> Iterator[bytes]:
        """The parts of an answer as they come."""
        return ask(self._connection, message, timeout)

    def serve(
        self, subject: str, responder: Responder, workers: int = 4, busy: bytes = b""
    ) -> Activity:
        """Answer the requests on a subject, in the background."""
        service = Service(subject=subject, responder=responder, workers=workers, busy=busy)
        return self._activities.add(JetStreamResponder(self._connection, service))

    def complaints(self) -> tuple[str, ...]:
        """Which streams are not as the settings have them."""
        return self._connection.run(self._connection.complaints())

    def close(self) -> None:
        """Finish what is in hand, send what waits, then close the connection."""
        self._activities.close()
        self._connection.close()

    def _named(self, name: str) -> Stream:
        for stream in self._connection.streams:
            if stream.name == name:
                return stream
        raise NoStreamError(name)
