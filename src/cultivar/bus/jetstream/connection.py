"""The connection that synchronous code shares: an event loop in a thread, and a session on it."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

from msgspec import DecodeError
from msgspec.json import decode, encode
from nats.errors import NoRespondersError

from cultivar.bus.base import (
    BusDeniedError,
    BusUnavailableError,
    Message,
    NoStreamError,
    Stream,
    matches,
)
from cultivar.bus.jetstream.client import FAILURES, Client, Received, address_of, connect, is_denial
from cultivar.bus.jetstream.streams import (
    NO_ROOM,
    NOT_FOUND,
    Configuration,
    changed,
    configuration,
    in_words,
    smaller,
)
from cultivar.settings import BusSettings

_LOG = logging.getLogger(__name__)

Given = TypeVar("Given")

_LAST_WORDS = 0.01
"""Seconds in which what was cancelled ends, and sockets close."""

_EDIT = "Who looks after the server can change it; `cultivar doctor` shows it until then."

_DENIED_PUBLISH = re.compile(r'permissions violation for publish to "?([^"]+)"?', re.IGNORECASE)


class Session:
    """One connection, until it is closed for good; lost ones come back within it.

    Args:
        address: Of the servers.
    """

    client: Client

    def __init__(self, address: str) -> None:
        self._address = address
        self.said = ""
        """What the server last complained about."""
        self.waiting: dict[str, asyncio.Future[None]] = {}
        """Acknowledgements that are to come, by the last token of their inbox."""
        self.subjects: dict[str, str] = {}
        """What each of them acknowledges."""
        self.kept: set[str] = set()
        """Subjects that a stream is known to keep, since the connection was last lost."""
        self.losses = 0
        """How often the connection was lost."""
        self.inbox = ""
        self._established = False
        self._leaving: asyncio.Task[None] | None = None

    async def failed(self, error: Exception) -> None:
        """Note it; who waits for what was refused is told.

        A session that is shut out ends: the client would leave a socket behind at every try.
        """
        self.said = str(error)
        if self._established and is_denial(error) and self._leaving is None:
            self._leaving = asyncio.create_task(self.client.close())
        refused = _DENIED_PUBLISH.search(self.said)
        if refused is None:
            return
        for token, future in list(self.waiting.items()):
            if self.subjects[token].lower() == refused[1].lower() and not future.done():
                future.set_exception(denied(self.subjects[token]))

    async def unless_denied(self, subject: str, asking: Coroutine[Any, Any, Given]) -> Given:
        """What is answered on a subject, or at once that we may not ask there."""
        token, denial = f"asked {id(asking)}", asyncio.get_running_loop().create_future()
        self.waiting[token], self.subjects[token] = denial, subject
        answer = asyncio.ensure_future(asking)
        try:
            await asyncio.wait({answer, denial}, return_when=asyncio.FIRST_COMPLETED)
            if denial.done() and not answer.done():
                denial.result()
            return await answer
        finally:
            answer.cancel()
            denial.cancel()
            del self.waiting[token], self.subjects[token]

    async def lost(self) -> None:
        """Tell all who wait for acknowledgements, which will not come."""
        self.losses += 1
        self.kept.clear()
        for future in list(self.waiting.values()):
            if not future.done():
                future.set_exception(_lost(self._address))

    async def listen(self) -> None:
        """Receive acknowledgements."""
        self.inbox = self.client.new_inbox()
        await self.client.subscribe(f"{self.inbox}.*", cb=self._acknowledged)
        self._established = True

    async def _acknowledged(self, message: Received) -> None:
        token = message.subject.rpartition(".")[2]
        future = self.waiting.get(token)
        if future is None or future.done():
            return
        if is_unheard(message):
            future.set_exception(NoStreamError(self.subjects[token]))
            return
        try:
            check_answer(message)
        except BusUnavailableError as error:
            future.set_exception(error)
        else:
            self.kept.add(self.subjects[token])
            future.set_result(None)


class Connection:
    """The thread, its event loop and the session; safe to use from other threads.

    Args:
        settings: Where to, and as whom.
        streams: What is made where it is missing.

    Raises:
        BusUnavailableError: No server answers, or none lets us in.
    """

    def __init__(self, settings: BusSettings, streams: tuple[Stream, ...]) -> None:
        self.settings, self.streams = settings, streams
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="bus", daemon=True)
        self._thread.start()
        self._connecting = asyncio.Lock()
        self._session: Session | None = None
        self._compared: set[str] = set()
        self.closed = False
        try:
            self.run(self.session())
        except BaseException:
            self._stop()
            raise

    def run(self, work: Coroutine[Any, Any, Given]) -> Given:
        """Have something done on the loop, and wait for it.

        Raises:
            BusUnavailableError: The bus does not answer.
        """
        if self.closed:
            work.close()
            raise BusUnavailableError("The bus was closed.")
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop).result()
        except (CancelledError, *FAILURES) as error:
            raise self.unavailable(error) from error

    async def session(self) -> Session:
        """The session; a new one where the server ended the last for good."""
        async with self._connecting:
            if self._session is None or self._session.client.is_closed:
                session = Session(address_of(self.settings))
                session.client = await connect(self.settings, session)
                await session.listen()
                self._session = session
            return self._session

    def unavailable(self, error: BaseException | None = None) -> BusUnavailableError:
        """That the bus does not answer, in words."""
        said = self._session.said if self._session else ""
        why = "; ".join(each for each in (str(error or ""), said) if each) or "no answer in time"
        return BusUnavailableError(
            f"The bus at {address_of(self.settings)} does not answer: {why}.",
            "Nothing that was acknowledged is lost; the connection comes back by itself.",
        )

    async def ensure(self, stream: Stream) -> None:
        """Make a stream where it is missing; else have it as the settings say, where we may.

        Raises:
            BusUnavailableError: The server does not say that it is there.
        """
        answer = await self._info(stream)
        if "error" in answer:
            await self._create(configuration(stream, self.settings))
        elif stream.name not in self._compared:
            self._compared.add(stream.name)
            await self._update(stream, answer)

    async def complaints(self) -> tuple[str, ...]:
        """Which streams are there and not as the settings say; one that we may not see is not."""
        said: list[str] = []
        for stream in self.streams:
            with suppress(BusUnavailableError, *FAILURES):
                answer = await self._info(stream)
                wanted = configuration(stream, self.settings)
                said.append(in_words(stream.name, answer.get("config", wanted), wanted))
        return tuple(filter(None, said))

    async def _info(self, stream: Stream) -> dict[str, Any]:
        return await self.api(f"STREAM.INFO.{stream.name}", {}, (NOT_FOUND,))

    async def _create(self, wanted: Configuration) -> None:
        """Make a stream; a smaller one where the server has no room for all of it."""
        subject, smallest = f"STREAM.CREATE.{wanted['name']}", smaller(wanted)
        while smallest is not None:
            if "error" not in await self.api(subject, wanted, NO_ROOM):
                return
            wanted, smallest = smallest, smaller(smallest)
        await self.api(subject, wanted)

    async def _update(self, stream: Stream, info: dict[str, Any]) -> None:
        wanted = configuration(stream, self.settings)
        change, found, why = changed(info, wanted), info["config"], ""
        if change is not None:
            try:
                found = (await self.api(f"STREAM.UPDATE.{stream.name}", change))["config"]
            except BusUnavailableError as error:
                why = error.what
        if said := in_words(stream.name, found, wanted):
            _LOG.warning("%s", f"{said} {why} {_EDIT}".replace("  ", " "))

    def is_kept(self, subject: str) -> bool:
        """Whether a stream is known to keep a subject, since we are connected."""
        return self._session is not None and subject in self._session.kept

    def keeper_of(self, subject: str) -> Stream | None:
        """The stream of ours that keeps a subject."""
        for stream in self.streams:
            if any(matches(pattern, subject) for pattern in stream.subjects):
                return stream
        return None

    async def api(
        self, subject: str, body: dict[str, Any], allowed: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """What JetStream's API answers.

        Args:
            subject: What to do, without the prefix.
            body: With what.
            allowed: Codes of errors that are an answer too.
        """
        session, name = await self.session(), f"$JS.API.{subject}"
        asking = session.client.request(name, encode(body), timeout=self.settings.timeout)
        try:
            message = await session.unless_denied(name, asking)
        except NoRespondersError as error:
            raise BusUnavailableError(
                f"The server at {address_of(self.settings)} has no JetStream, or not yet.",
                "Start it with `nats-server -js`, and enable JetStream for the account.",
            ) from error
        return check_answer(message, allowed)

    def close(self) -> None:
        """Send what waits, then end connection and thread."""
        if not self.closed:
            with suppress(BusUnavailableError):
                self.run(self._drain())
            self._stop()

    async def _drain(self) -> None:
        if self._session is not None:
            with suppress(*FAILURES):
                await asyncio.wait_for(self._session.client.drain(), self.settings.timeout)
            await self._session.client.close()

    def _stop(self) -> None:
        self.closed = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(_LAST_WORDS))
        self.loop.close()


def is_unheard(message: Received) -> bool:
    """Whether the server says that nobody listens there."""
    return (message.headers or {}).get("Status") == "503"


def check_answer(message: Received, allowed: tuple[int, ...] = ()) -> dict[str, Any]:
    """What JetStream answered.

    Args:
        message: Its answer.
        allowed: Codes of errors that are an answer too.

    Raises:
        BusUnavailableError: It was another error.
    """
    try:
        answer = decode(message.data, type=dict[str, Any])
    except DecodeError as error:
        raise BusUnavailableError("JetStream's answer cannot be read.") from error
    problem = answer.get("error")
    if problem and problem.get("err_code") not in allowed:
        raise BusUnavailableError(
            f"JetStream refused: {problem.get('description', problem)}.",
            "Look into the log of `nats-server`.",
        )
    return answer


def denied(subject: str) -> BusDeniedError:
    """That the server does not let us publish on a subject."""
    return BusDeniedError(
        f"The bus does not let us publish on {subject!r}.",
        "Publish under your own instance's id, or correct the permissions on the server.",
    )


def _lost(address: str) -> BusUnavailableError:
    return BusUnavailableError(
        f"The connection to the bus at {address} was lost.",
        "It comes back by itself; publish again what was not acknowledged.",
    )


def headers_of(message: Message) -> dict[str, str] | None:
    """The headers that a message travels with."""
    headers = dict(message.headers)
    if message.id:
        headers["Nats-Msg-Id"] = message.id
    return headers or None
