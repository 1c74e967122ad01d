"""Answers the bus's requests, and gives signs of life while that takes.

The invariant: every request is answered, a bad one too, within the time that its sender gives it;
no sender takes more than half of the places, so that none is kept out by another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from msgspec import json

from cultivar.bus.base import Message
from cultivar.bus.fairness import BusyError, FairShare
from cultivar.bus.subjects import MODEL_REQUEST, sender_of
from cultivar.llm.base import Tell
from cultivar.llm.bridge.asking import Job, job_of
from cultivar.llm.bridge.protocol import (
    ALIVE_SECONDS,
    LARGEST,
    Alive,
    Answer,
    Part,
    Piece,
    Refusal,
    RefusedRequestError,
    read_request,
)
from cultivar.record import replace

_PIECE: Final = 50_000
"""Characters of one part, at most."""

_NAME: Final = 200
"""Characters of an instance's name, at most."""

Work: TypeAlias = Callable[[Job, Tell], Answer | Refusal]
"""Works a job off, and says how it ended."""

Post: TypeAlias = Callable[[bytes], None]
"""Tells an answer to whoever listens, where its request gave no inbox."""


class Answering:
    """The responder of a bridge.

    Args:
        work: Works a request off.
        places: How many requests may be in hand at a time.
        post: Where answers to plain requests with an id go, beside the inbox.
    """

    def __init__(self, work: Work, places: int, post: Post) -> None:
        self._work, self._post = work, post
        self._hall = FairShare(places, places // 2)
        self._closed_at: float | None = None

    def __call__(self, message: Message) -> bytes | Iterator[bytes]:
        """The answer to a request."""
        try:
            sender, asked = _sender_of(message), read_request(message.data)
        except RefusedRequestError as error:
            return json.encode(error.refusal)
        job = job_of(sender, asked)
        if asked.stream or asked.alive:
            return map(json.encode, self._parts(job))
        answer = _as_one(self._parts(job))
        if asked.id is not None and not job.sender:
            self._post(answer)
        return answer

    def close(self, grace: float) -> None:
        """Take nothing more; what is in hand in so many seconds still is given up."""
        self._closed_at = time.monotonic() + grace

    def _parts(self, job: Job) -> Iterator[Part]:
        try:
            with self._hall.place(job.sender):
                if self._closed_at is not None:
                    raise RefusedRequestError(_STOPPING)
                yield Alive()
                yield from self._until_the_end(job)
        except RefusedRequestError as error:
            yield replace(error.refusal, id=job.asked.id)
        except BusyError:
            yield replace(BUSY, id=job.asked.id)

    def _until_the_end(self, job: Job) -> Iterator[Part]:
        parts: SimpleQueue[Part] = SimpleQueue()

        def work() -> None:
            parts.put(self._work(job, lambda text: parts.put(Piece(text=text))))

        threading.Thread(target=work, name="bridge-job", daemon=True).start()
        while True:
            try:
                part = parts.get(timeout=min(ALIVE_SECONDS, self._left(job)))
            except Empty:
                part = Alive()
            yield from _sized(part)
            if isinstance(part, Answer | Refusal):
                return
            self._check(job)

    def _left(self, job: Job) -> float:
        closed_at = self._closed_at
        return job.left if closed_at is None else min(job.left, _until(closed_at))

    def _check(self, job: Job) -> None:
        """Give up what takes too long; what it costs is recorded all the same."""
        if not job.left:
            why = "Its model did not answer in the time that `model.timeout` of the caller gives."
            raise RefusedRequestError(Refusal(reason="slow", error=why, retry=True))
        if self._closed_at is not None and not _until(self._closed_at):
            raise RefusedRequestError(_STOPPING)


BUSY: Final = Refusal(reason="busy", error="It has too many requests in hand.", retry=True)
"""What is answered where no place is left for a sender."""

_STOPPING: Final = Refusal(reason="stopping", error="It is being stopped.", retry=True)


def _sender_of(message: Message) -> str:
    sender = sender_of(MODEL_REQUEST, message.subject)
    if len(sender) > _NAME:  # the index of a database takes no more
        why = f"The instance's name has {len(sender)} characters; {_NAME} are the most."
        raise RefusedRequestError(Refusal(reason="request", error=why))
    return sender


def _until(moment: float) -> float:
    return max(0.0, moment - time.monotonic())


def _sized(part: Part) -> Iterator[Part]:
    """A part as parts that any bus takes."""
    text = part.content if isinstance(part, Answer) else getattr(part, "text", "")
    if len(text) <= _PIECE:
        yield part
        return
    for start in range(0, len(text), _PIECE):
        yield Piece(text=text[start : start + _PIECE])
    if isinstance(part, Answer):
        yield replace(part, content="")


def _as_one(parts: Iterable[Part]) -> bytes:
    """All parts of an answer as one."""
    texts: list[str] = []
    for part in parts:
        match part:
            case Piece(text=text):
                texts.append(text)
            case Answer():
                whole = replace(part, content="".join((*texts, part.content)))
                return _fitting(json.encode(whole), part)
            case Refusal():
                return json.encode(part)
            case Alive():
                pass
    raise AssertionError("an answer has an end")


def _fitting(data: bytes, answer: Answer) -> bytes:
    if len(data) <= LARGEST:
        return data
    why = f"The answer has {len(data)} bytes; {LARGEST} go into one message."
    remedy = "Ask with `alive` or `stream`, to get it in several."
    return json.encode(Refusal(reason="request", error=why, remedy=remedy, id=answer.id))
