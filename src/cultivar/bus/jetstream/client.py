"""What we use of the NATS client, with types, and the connection that we make with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from cultivar.bus.base import BusDeniedError, BusUnavailableError
from cultivar.errors import SettingsError
from cultivar.settings import BusSettings, Secret

FAILURES = (NatsError, OSError, TimeoutError)
"""What the client raises when something is down."""

_SHORT_PAUSE, _LONGEST_PAUSE = 0.05, 10.0

_CUT_OFF = (ConnectionResetError, BrokenPipeError)
"""What comes at times instead of a server's no, when it hangs up on what we were saying.

A verbose client hears the answer to each word before it says the next, so it learns the no.
"""


class Received(Protocol):
    """A message as the client hands it over."""

    subject: str
    reply: str
    data: bytes

    @property
    def headers(self) -> dict[str, str] | None:
        """Its headers, if it has some."""
        ...


class Subscription(Protocol):
    """Where messages come."""

    async def next_msg(self, timeout: float | None = 1.0) -> Received:
        """The next one."""
        ...

    async def unsubscribe(self) -> None:
        """Let no more come."""
        ...

    async def drain(self) -> None:
        """Let no more come, and work off what came."""
        ...


class Client(Protocol):
    """A connection to a server."""

    @property
    def is_closed(self) -> bool:
        """Whether it is given up for good."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether a server hears us just now."""
        ...

    async def publish(
        self, subject: str, payload: bytes, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Send; nobody says whether it arrived."""
        ...

    async def subscribe(
        self, subject: str, queue: str = "", cb: Callable[[Received], Awaitable[None]] | None = None
    ) -> Subscription:
        """Receive."""
        ...

    async def request(self, subject: str, payload: bytes, timeout: float = 1.0) -> Received:
        """Send, and receive the answer."""
        ...

    async def flush(self, timeout: int = 10) -> None:
        """Return when the server has seen all that was sent."""
        ...

    def new_inbox(self) -> str:
        """A subject that nobody else uses."""
        ...

    async def close(self) -> None:
        """Give it up."""
        ...

    async def drain(self) -> None:
        """Work off what came, send what waits, then close."""
        ...


class Watcher(Protocol):
    """Is told what happens to a connection."""

    async def failed(self, error: Exception) -> None:
        """The server, or the way to it, says no."""
        ...

    async def lost(self) -> None:
        """The connection is gone; it comes back by itself, unless it is closed."""
        ...


async def connect(settings: BusSettings, watcher: Watcher) -> Client:
    """A connection that comes back by itself for as long as it is open.

    Args:
        settings: Where to, and as whom.
        watcher: Is told what happens to it.

    Raises:
        BusDeniedError: The server does not let us in.
        BusUnavailableError: No server answers within `connect_timeout`.
        SettingsError: A file that the settings name cannot be read.
    """
    attempt = _Attempt(settings, watcher)
    connecting = asyncio.ensure_future(attempt.connect())
    giving_up = asyncio.ensure_future(attempt.hopeless.wait())
    first = asyncio.FIRST_COMPLETED
    await asyncio.wait({connecting, giving_up}, timeout=settings.connect_timeout, return_when=first)
    giving_up.cancel()
    if connecting.done() and connecting.exception() is None:
        return cast("Client", attempt.client)
    error = connecting.exception() if connecting.done() else None
    await _abandon(attempt.client, connecting)
    raise _explained(settings, attempt.last_error or error)


class _Attempt:
    """One try to connect: hopeless when a server says no, or all have failed."""

    def __init__(self, settings: BusSettings, watcher: Watcher) -> None:
        self.client = NatsClient()
        self.hopeless = asyncio.Event()
        self.last_error: Exception | None = None
        self._watcher = watcher
        self._servers, self._failures = _urls(settings), 0
        self._options = _options(settings)

    async def connect(self) -> None:
        while True:
            try:
                return await self._connect()
            except _CUT_OFF as error:
                self.last_error, self.client = self.last_error or error, NatsClient()
                self._options["verbose"] = True
                await asyncio.sleep(_SHORT_PAUSE)

    async def _connect(self) -> None:
        await self.client.connect(
            self._servers,
            error_cb=self._failed,
            disconnected_cb=self._watcher.lost,
            closed_cb=self._watcher.lost,
            **self._options,
        )

    async def _failed(self, error: Exception) -> None:
        if not is_denial(self.last_error):
            self.last_error = error
        if isinstance(error, _CUT_OFF):
            self.client.options["verbose"] = True
        else:
            self._failures += 1
        if is_denial(error) or self._failures >= len(self._servers):
            self.hopeless.set()
        await self._watcher.failed(error)


def address_of(settings: BusSettings) -> str:
    """The servers, without what is secret about them."""
    parts = [urlsplit(each if "://" in each else f"nats://{each}") for each in _urls(settings)]
    return ", ".join(f"{each.hostname}:{each.port or 4222}" for each in parts)


def _urls(settings: BusSettings) -> list[str]:
    return [each.strip() for each in settings.url.split(",")]


def _explained(settings: BusSettings, error: BaseException | None) -> BusUnavailableError:
    address = address_of(settings)
    if is_denial(error):
        return BusDeniedError(
            f"The bus at {address} does not let us in: {error}.",
            "Correct `bus.user` and `bus.password`, `bus.token`, the nkey or the certificates.",
        )
    why = str(error) if error and str(error) else "no answer"
    return BusUnavailableError(
        f"The bus at {address} does not answer: {why}.",
        "Start `nats-server` there, correct `bus.url`, or unset it for the bus of this machine.",
    )


def is_denial(error: BaseException | None) -> bool:
    """Whether a server, or we, will not have the other."""
    return isinstance(error, ssl.SSLError) or any(
        word in str(error).lower() for word in ("authorization", "authentication")
    )


async def _abandon(client: NatsClient, connecting: asyncio.Future[None]) -> None:
    connecting.cancel()
    with suppress(asyncio.CancelledError, *FAILURES):
        await connecting
    with suppress(*FAILURES):
        await asyncio.wait_for(client.close(), 1)


def _options(settings: BusSettings) -> dict[str, Any]:
    """What the client is told besides the address."""
    return {
        "name": "cultivar",
        "inbox_prefix": settings.inbox_prefix,
        "user": settings.user or None,
        "password": _plain(settings.password),
        "token": _plain(settings.token),
        "nkeys_seed": _readable(settings.nkey_seed_file),
        "user_credentials": _readable(settings.credentials_file),
        "tls": _tls(settings),
        "connect_timeout": settings.connect_timeout,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _SHORT_PAUSE,
        "reconnect_to_server_handler": _next_server,
        "ping_interval": 20,
    }


def _next_server(servers: list[Any], _: dict[str, Any]) -> tuple[Any, float]:
    """The server that failed least, and how long to wait before trying it."""
    server = min(servers, key=lambda each: each.reconnects)
    return server, min(_SHORT_PAUSE * 2.0**server.reconnects, _LONGEST_PAUSE)


def _plain(secret: Secret | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _readable(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        path.open("rb").close()
    except OSError as error:
        raise _unreadable(path, error) from error
    return str(path)


def _tls(settings: BusSettings) -> ssl.SSLContext | None:
    authority, certificate = settings.tls_ca, settings.tls_certificate
    if not authority and not certificate:
        return None
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, settings.tls_key)
    except OSError as error:
        raise _unreadable(certificate or authority, error) from error
    return context


def _unreadable(path: Path | None, error: OSError) -> SettingsError:
    return SettingsError(
        f"`{path}`, which the settings of the bus name, cannot be used: {error.strerror or error}.",
        "Correct `bus` in the settings.",
    )
