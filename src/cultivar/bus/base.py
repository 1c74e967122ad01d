"""The seam to the bus: messages that streams keep, consumers that work them off, requests.

The invariant: what `publish` has returned for is handed to every durable consumer until it says
that it is done with it, however often a process or a server dies in between. It may be handed over
more than once, so who consumes counts each message's id once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from cultivar.errors import UnavailableError, UsageError
from cultivar.record import Record, field


# A consumer has thousands of them in hand, and none is ever part of a cycle.
class Message(Record, gc=False):
    """What is published or asked."""

    subject: str
    """Where to; tokens with dots between, as NATS has them."""
    data: bytes
    id: str = ""
    """A repeat of it is stored once; empty where nobody repeats."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Delivery(Record, gc=False):
    """A message as a consumer gets it."""

    message: Message
    sequence: int
    """Its place in the stream."""
    attempt: int
    """How often it was handed over, this time counted."""
    receipt: str
    """What the bus knows this delivery by."""


class Stream(Record):
    """Messages that are kept, in the order of their coming."""

    name: str
    subjects: tuple[str, ...]
    """What it keeps; `*` stands for one token, `>` at the end for any number."""
    max_age: float = 0.0
    """Seconds that a message is kept; 0 is for ever."""
    max_bytes: int = -1
    """Of all its messages; beyond it the oldest make room for new ones. -1 is what the settings
    say; beyond that, new ones are refused, so that none is lost that nobody has read."""


class Published(Record):
    """What became of messages that were published together."""

    stored: tuple[Message, ...]
    failed: tuple[Message, ...] = ()
    """What no acknowledgement came for: publish it again, with the same ids."""
    refused: tuple[Message, ...] = ()
    """What cannot be stored as it is: no stream keeps its subject, or it is too large."""
    why: str = ""
    """Why they failed or were refused, in words; of the last of them."""


class ConsumePolicy(Record):
    """How a consumer works."""

    batch: int = 200
    """How many messages are handed over together, at most."""
    attempts: int = 5
    """How often a message may fail before it goes to the dead letters."""
    backoff: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0)
    """Seconds before each further attempt; the last counts for all that follow."""
    lease: float = 30.0
    """Seconds after which a message of a consumer that died is handed to another."""
    max_pending: int = 2000
    """How many messages may be with consumers of one name and not done, at most."""
    owner: str = ""
    """Who alone may consume under the name, see `owning`; empty is whoever comes."""
    takes_over: bool = False
    """Whether what another owner consumed under the name is consumed anew, by this one."""

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the failed attempt of that number."""
        return self.backoff[min(attempt, len(self.backoff)) - 1] if self.backoff else 0.0


Handler: TypeAlias = Callable[[Sequence[Delivery]], None]
"""Works off a batch; all of it counts as done when it returns.

An `UnavailableError` says that something it needs is down: the batch is handed over again, with a
growing delay, for as long as it takes. Any other exception is held against the messages: they are
handed over in halves, and halves of these, so that one bad message stops no other, is alone in the
end, comes again after a while, and at last goes to the dead letters.
"""

Responder: TypeAlias = Callable[[Message], bytes | Iterable[bytes]]
"""Answers a request: with one reply, or with parts that are sent as they come."""


class Activity(Protocol):
    """Something that goes on in the background until it is closed."""

    @property
    def trouble(self) -> str:
        """What it struggles with just now, in words; empty where all is well."""
        ...

    def close(self) -> None:
        """Finish what is in hand, then end."""
        ...


class Bus(Protocol):
    """Carries messages between instances, hub and bridge; safe to use from several threads."""

    def publish(self, message: Message) -> None:
        """Return when the message's stream has stored it, now or in an earlier attempt.

        Raises:
            BusUnavailableError: That is not known; publish it again, with the same id.
            BusDeniedError: The server does not let us publish there.
            NoStreamError: No stream keeps its subject.
            TooLargeError: The bus takes no message of that size.
        """
        ...

    def publish_all(self, messages: Iterable[Message]) -> Published:
        """Store many messages, without waiting for one before the next, and say which are."""
        ...

    def consume(
        self, stream: str, durable: str, handler: Handler, policy: ConsumePolicy | None = None
    ) -> Activity:
        """Hand over all messages of a stream, in the background, from the first one kept.

        Args:
            stream: The stream's name.
            durable: Under which name the bus remembers what is done. Consumers of one name, in
                whatever process, share the messages.
            handler: What to do with a batch; it runs in a thread of its own.
            policy: How; the usual way without it.

        Raises:
            NoStreamError: There is no such stream.
            OwnedError: The consumer belongs to another owner than that of the policy.
        """
        ...

    def send(self, message: Message) -> None:
        """Tell who listens just now; nothing keeps the message, and nobody says that it arrived.

        One of those who serve the subject hears it, as a request whose answer nobody awaits; on a
        server, so do all who listen there without serving.

        Raises:
            BusUnavailableError: The bus does not answer.
            TooLargeError: The bus takes no message of that size.
        """
        ...

    def request(self, message: Message, timeout: float = 10.0) -> bytes:
        """What the one who serves the subject answers; parts are joined.

        Raises:
            BusUnavailableError: Nobody answered within so many seconds.
            RemoteError: It was answered with an error.
        """
        ...

    def stream(self, message: Message, timeout: float = 10.0) -> Iterator[bytes]:
        """The parts of an answer as they come, each within `timeout` seconds after the last.

        Raises:
            BusUnavailableError: The next part did not come, or one was lost.
            RemoteError: It was answered with an error, perhaps after some parts.
        """
        ...

    def serve(
        self, subject: str, responder: Responder, workers: int = 4, busy: bytes = b""
    ) -> Activity:
        """Answer the requests on a subject, in the background; who serves the same shares them.

        Under a wildcard, what comes on one subject is one sender's, as `subject_of` has it: none
        has all the workers, and those that wait take turns, so who floods keeps no other waiting.

        Args:
            subject: On what; it may hold `*` and `>`.
            responder: What to answer; up to `workers` threads call it at a time.
            workers: How many requests are worked on at a time.
            busy: What is answered to who has too many waiting; an error where it is empty.
        """
        ...

    def complaints(self) -> tuple[str, ...]:
        """What of the bus is there, and is not as the settings have it; a sentence each.

        Raises:
            BusUnavailableError: The bus does not answer.
        """
        ...

    def close(self) -> None:
        """Finish what is in hand, then let go of the bus."""
        ...


class BusUnavailableError(UnavailableError):
    """The bus does not answer, or nobody on it does."""


class BusDeniedError(BusUnavailableError):
    """The bus answers, and does not let us in or not do this."""


class RemoteError(UnavailableError):
    """A request was answered with an error."""


class NoStreamError(UsageError):
    """No stream has that name, or keeps that subject.

    Args:
        subject: What was asked for.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"No stream of the bus keeps {subject!r}.",
            "Publish on a subject of `cultivar.bus.subjects`, or add a stream for it.",
        )
        self.subject = subject

    def __reduce__(self) -> tuple[type[NoStreamError], tuple[str]]:
        return NoStreamError, (self.subject,)


class TooLargeError(UsageError):
    """A message is larger than the bus takes."""


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject falls under a pattern, as NATS has it."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(
        each in ("*", token) for each, token in zip(wanted, tokens, strict=True)
    )
