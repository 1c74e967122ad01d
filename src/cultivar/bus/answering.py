"""How an answer travels: as one reply, or as numbered parts and an end; errors as a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cultivar.bus.base import BusUnavailableError, Message, RemoteError, Responder
from cultivar.bus.consuming import told
from cultivar.record import Record

PART, END, ERROR = "Cultivar-Part", "Cultivar-End", "Nats-Service-Error"
"""The headers of a part, of an end, and of an error."""


class Reply(Record):
    """One message of an answer."""

    data: bytes
    headers: Mapping[str, str]


def answer(responder: Responder, message: Message, send: Callable[[Reply], None]) -> None:
    """Have a request answered, and send the replies as they come.

    Args:
        responder: Who answers; what it raises is sent as an error.
        message: The request.
        send: Sends one reply to who asked.
    """
    try:
        answered = responder(message)
        if isinstance(answered, bytes):
            send(Reply(data=answered, headers={}))
            return
        number = 0
        for number, part in enumerate(answered, start=1):
            send(Reply(data=part, headers={PART: str(number)}))
        send(Reply(data=b"", headers={END: str(number)}))
    except Exception as error:  # whatever it is, who asked is told
        send(Reply(data=b"", headers={ERROR: told(error)}))


def parts_of(receive: Callable[[], Reply]) -> Iterator[bytes]:
    """The parts of an answer, until its end.

    Args:
        receive: Gives the next reply, or raises what `Bus.stream` may.

    Raises:
        RemoteError: The answer is, or ends in, an error.
        BusUnavailableError: A part was lost on the way.
    """
    number = 0
    while True:
        reply = receive()
        if ERROR in reply.headers:
            raise RemoteError(f"The request was answered with: {reply.headers[ERROR]}")
        if PART in reply.headers:
            number += 1
        _check_number(number, reply.headers)
        if END in reply.headers:
            return
        yield reply.data
        if PART not in reply.headers:
            return


def _check_number(number: int, headers: Mapping[str, str]) -> None:
    told_number = headers.get(PART, headers.get(END, ""))
    if told_number and told_number != str(number):
        raise BusUnavailableError("A part of the answer was lost on the way.", "Ask again.")
