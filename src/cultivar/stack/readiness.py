"""How one sees that a part is ready: it takes connections, answers over HTTP, or says so itself."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from msgspec import DecodeError, json

from cultivar.bus.base import BusUnavailableError
from cultivar.bus.opening import open_bus
from cultivar.errors import SettingsError
from cultivar.record import Record
from cultivar.settings import BusSettings
from cultivar.stack.nats import has_port
from cultivar.stack.parts import Announced, NotReadyError, Place

_SECONDS: Final = 1.0
"""How long one look may take."""

_NATS_PORT: Final = 4222
_LONGEST_INFO: Final = 65_536
"""Bytes of the first line of a NATS server."""


class NatsAnswers(Record):
    """Ready is one server of NATS, by its first line: it takes connections and has JetStream."""

    url: str
    """Its address; one of several, with commas, is enough."""
    server: str = ""
    """The name that it must have; so nobody else is taken for it who has its port."""
    ports: Path | None = None
    """The folder where it must say itself that the port is its own; None: nobody asks."""
    about: str = ""
    """What else there is to know about it."""

    @property
    def awaited(self) -> str:
        """What is waited for."""
        hosts = ", ".join(f"{host}:{port}" for host, port in map(_address, self._servers))
        return f"the greeting of a NATS server with JetStream on {hosts}"

    @property
    def _servers(self) -> list[SplitResult]:
        urls = [each.strip() for each in self.url.split(",")]
        return [urlsplit(each if "://" in each else f"nats://{each}") for each in urls]

    def look(self, announced: Announced) -> Place:
        """Where the first of them is that is ready."""
        why = NotReadyError("No server is named.")
        for server in self._servers:
            try:
                return self._look_at(*_address(server))
            except NotReadyError as error:
                why = error
        raise why

    def _look_at(self, host: str, port: int) -> Place:
        info = _info(host, port)
        if self.server and info.get("server_name") != self.server:
            raise NotReadyError(f"Another server has the port {port}.")
        if self.ports is not None and not has_port(self.ports, port):
            raise NotReadyError(f"The server has not said that the port {port} is its own.")
        if not info.get("jetstream"):
            raise NotReadyError(f"The server on {host}:{port} has no JetStream.")
        said = (f"NATS {info.get('version', '')}", self.about)
        return Place(where=f"nats://{host}:{port}", about=", ".join(filter(None, said)))


class FileOpens(Record):
    """Ready is the bus of one machine: its file can be written to."""

    url: str
    """The file's address."""

    @property
    def awaited(self) -> str:
        """What is waited for."""
        return f"write access to {self.url}"

    def look(self, announced: Announced) -> Place:
        """Where it is."""
        try:
            open_bus(BusSettings(url=self.url), Path()).close()
        except (BusUnavailableError, SettingsError) as error:
            raise NotReadyError(str(error)) from error
        return Place(where=self.url, about="a file, for the programs of this machine")


class HealthIsGood(Record):
    """Ready is what answers over HTTP that it is well."""

    key: str = "http"
    """Under which the part announces its address."""
    path: str = "/health"
    about: str = ""

    @property
    def awaited(self) -> str:
        """What is waited for."""
        return f"status 200 of its `{self.path}`"

    def look(self, announced: Announced) -> Place:
        """Where it is."""
        url = str(announced.get(self.key, ""))
        if not url:
            raise NotReadyError("It has not said where it is.")
        status, body = _get(url, self.path)
        if status != 200:
            raise NotReadyError(f"{url}{self.path} says {status}: {body}")
        return Place(where=url, about=self.about)


class SaysSo(Record):
    """Ready is what has announced that it is."""

    key: str
    """Under which it announces what it serves."""
    where: str = ""
    """Where it is; else what it announces."""
    about: str = ""

    @property
    def awaited(self) -> str:
        """What is waited for."""
        return f"its announcement of {self.key!r}"

    def look(self, announced: Announced) -> Place:
        """What it serves."""
        if self.key not in announced:
            raise NotReadyError("It has announced nothing.")
        return Place(where=self.where or str(announced[self.key]), about=self.about)


def _address(server: SplitResult) -> tuple[str, int]:
    try:
        return server.hostname or "", server.port or _NATS_PORT
    except ValueError as error:
        raise SettingsError(
            f"`bus.url` cannot be read: {error}.", "Write it like `nats://host:4222`."
        ) from error


def _info(host: str, port: int) -> dict[str, Any]:
    """What a server of NATS says first."""
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as connection:
            line = connection.makefile("rb").readline(_LONGEST_INFO)
        return json.decode(line.removeprefix(b"INFO "), type=dict[str, Any])
    except OSError as error:
        raise NotReadyError(f"{host}:{port} does not answer: {error}.") from error
    except DecodeError as error:
        raise NotReadyError(f"What answers on {host}:{port} is no NATS server.") from error


def _get(url: str, path: str) -> tuple[int, str]:
    """Status and body; straight there, whatever proxies are set."""
    try:
        with closing(HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(500).decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        raise NotReadyError(f"{url}{path} does not answer: {error}.") from error
