"""The bus of one machine: no server, a file that its processes share.

What was published survives the death of any process; a power cut may take the last moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

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
from cultivar.bus.onfile.calls import FileResponder, ask, send
from cultivar.bus.onfile.database import BusFile
from cultivar.bus.onfile.queue import FileSource, Streams
from cultivar.bus.subjects import STREAMS, with_dead_letters


class LocalBus:
    """A `Bus` in a file.

    Args:
        path: The file; it is made if it is missing.
        streams: What is kept.

    Raises:
        BusUnavailableError: The file cannot be opened.
    """

    def __init__(self, path: Path, streams: tuple[Stream, ...] = STREAMS) -> None:
        self._file = BusFile(path)
        self._streams = Streams(self._file, with_dead_letters(streams))
        self._activities = Activities()

    def publish(self, message: Message) -> None:
        """Return when the message is in the file."""
        self._streams.store([(self._keeper_of(message), message)])

    def publish_all(self, messages: Iterable[Message]) -> Published:
        """Store many messages in one transaction."""
        found = [(self._streams.keeper_of(each.subject), each) for each in messages]
        kept = [(keeper, each) for keeper, each in found if keeper is not None]
        refused = tuple(each for keeper, each in found if keeper is None)
        keepable = tuple(each for _, each in kept)
        try:
            self._streams.store(kept)
        except BusUnavailableError as error:
            return Published(stored=(), failed=keepable, refused=refused, why=str(error))
        why = str(NoStreamError(refused[-1].subject)) if refused else ""
        return Published(stored=keepable, refused=refused, why=why)

    def consume(
        self, stream: str, durable: str, handler: Handler, policy: ConsumePolicy | None = None
    ) -> Activity:
        """Hand over all messages of a stream, in the background."""
        chosen, name = policy or ConsumePolicy(), self._streams.named(stream).name
        source = FileSource(self._streams, self._file, name, durable, chosen)
        return self._activities.add(Consumer(source, handler, chosen))

    def send(self, message: Message) -> None:
        """Leave a message for who serves its subject just now."""
        send(self._file, message)

    def request(self, message: Message, timeout: float = 10.0) -> bytes:
        """What the one who serves the subject answers."""
        return b"".join(ask(self._file, message, timeout))

    def stream(self, message: Message, timeout: float = 10.0) -> Iterator[bytes]:
        """The parts of an answer as they come."""
        return ask(self._file, message, timeout)

    def serve(
        self, subject: str, responder: Responder, workers: int = 4, busy: bytes = b""
    ) -> Activity:
        """Answer the requests on a subject, in the background; nobody is too busy for a file."""
        return self._activities.add(FileResponder(self._file, subject, responder, workers))

    def complaints(self) -> tuple[str, ...]:
        """None: streams are what we say they are."""
        return ()

    def close(self) -> None:
        """Finish what is in hand, then close the file."""
        self._activities.close()
        self._file.close()

    def _keeper_of(self, message: Message) -> Stream:
        keeper = self._streams.keeper_of(message.subject)
        if keeper is None:
            raise NoStreamError(message.subject)
        return keeper
