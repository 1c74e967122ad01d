"""Opens the bus that the settings name, and keeps one open for all who use it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

from cultivar.bus.base import Bus, BusUnavailableError
from cultivar.errors import SettingsError
from cultivar.settings import BusSettings

_FILE: Final = "file:"

_SERVERS: Final = ("nats", "tls")
"""Schemes of the addresses of servers."""

_LAST_SECONDS: Final = 0.5
"""How long the end waits for a bus that does not let go."""

_TOLD: Final = "The user was told of it."

OpenBus: TypeAlias = Callable[[], Bus]
"""Opens the bus; raises while it is down."""


def open_bus(settings: BusSettings, home: Path) -> Bus:
    """The bus that the settings name: a server's, or a file's.

    Args:
        settings: Where it is.
        home: The folder of the bus of this machine, which it is where they name none.

    Raises:
        BusUnavailableError: It does not answer.
        SettingsError: Its address is none, or a file that the settings name cannot be read.
    """
    check_address(settings.url)
    if settings.url and not settings.url.startswith(_FILE):
        from cultivar.bus.nats import NatsBus

        return NatsBus(settings)
    from cultivar.bus.local import LocalBus

    return LocalBus(_path_of(settings.url) if settings.url else home / "bus.db")


def check_address(url: str) -> None:
    """See that a bus may be at an address; nothing is opened.

    Raises:
        SettingsError: It is no address of servers, and none of a file that may be here.
    """
    if url.startswith(_FILE):
        _check_place(url, _path_of(url))
    elif url:
        for each in url.split(","):
            _check_server(each.strip())


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute():
        raise SettingsError(
            f"The address of the bus is {url!r}, which names no file of this machine.",
            "Write the whole path, like `file:///home/ada/bus.db`.",
        )
    return path


def _check_place(url: str, path: Path) -> None:
    """See that a file can be there: its folder is, or is to be made in one that is there."""
    folder = path.parent
    if path.is_dir() or not (folder.is_dir() or folder.parent.is_dir()) or len(path.parts) <= 2:
        raise SettingsError(
            f"The address of the bus is {url!r}, where no file of one can be.",
            "Name a file in a folder that exists, like `file:///home/ada/bus.db`.",
        )
    if not folder.is_dir() and folder.parent == Path(path.anchor):
        raise SettingsError(
            f"The address of the bus is {url!r}, and there is no folder `{folder}`.",
            "Make that folder first, or name a file in another.",
        )


def _check_server(address: str) -> None:
    scheme, separator, _ = address.partition("://")
    try:
        parts = urlsplit(address if separator else f"nats://{address}")
        has_port = parts.port is not None
    except ValueError:  # what it says may hold a part of a password
        raise _no_server("its port is none") from None
    if separator and scheme not in _SERVERS:
        raise _no_server(f"{scheme!r} is no protocol of a bus")
    # One word alone may be anything, above all the name of a file.
    if not parts.hostname or parts.path.strip("/") or not (separator or has_port):
        raise _no_server("it names no server")


def _no_server(why: str) -> SettingsError:
    return SettingsError(
        f"The address of the bus cannot be read: {why}.",
        "Write `bus.url`, or `--bus-url`, like `nats://host:4222`, `tls://host:4222` or "
        "`file:///home/ada/bus.db`.",
    )


def tells_first(error: BaseException) -> bool:
    """Whether nobody has told the user of an error yet; from now on somebody has."""
    with _TELLING:
        is_first = not _is_told(error)
        if is_first:
            error.add_note(_TOLD)
        return is_first


_TELLING: Final = threading.Lock()


def _is_told(error: BaseException) -> bool:
    return _TOLD in getattr(error, "__notes__", ())


class Line:
    """A bus that is opened when it is first needed, and shared until it is closed.

    All who use it while it is down learn of one error: the user need be told of it only once.

    Args:
        open_bus: Opens it.
    """

    def __init__(self, open_bus: OpenBus) -> None:
        self._open_bus = open_bus
        self._lock = threading.Lock()
        self._opening: Future[Bus] | None = None
        self._failure: Exception | None = None
        self._is_closed = False

    @property
    def is_hanging(self) -> bool:
        """Whether somebody waited for it in vain, and it has not answered since."""
        opening = self._opening
        return opening is not None and not opening.done() and self._failure is not None

    def bus(self, within: float | None = None) -> Bus:
        """The bus; whoever gets it leaves it open.

        Args:
            within: Seconds after which it is not waited for any longer, but opened all the same
                for who comes later; None waits as long as opening takes.

        Raises:
            BusUnavailableError: It does not answer, or was closed.
            SettingsError: It cannot be opened as it is set.
        """
        try:
            return self._begun().result(within)
        except TimeoutError:
            late = BusUnavailableError(
                f"The bus has not answered in {within:.2g} seconds.",
                "Start the server that `bus.url` names, or correct it.",
            )
            raise self._failed(late) from None

    def close(self) -> None:
        """Close the bus, if it was opened; one that does not let go is left behind."""
        with self._lock:
            self._is_closed = True
            opening, self._opening = self._opening, None
        if opening is not None and opening.done():  # else who is opening it hangs up
            closing = threading.Thread(target=opening.result().close, daemon=True)
            closing.start()
            closing.join(_LAST_SECONDS)

    def _begun(self) -> Future[Bus]:
        """The opening that is under way, or has come to a good end."""
        with self._lock:
            if self._is_closed:
                raise _closed()
            if self._opening is None:
                self._opening = Future()
                opening = (self._opening,)
                threading.Thread(target=self._open, args=opening, daemon=True).start()
            return self._opening

    def _open(self, opening: Future[Bus]) -> None:
        try:
            bus = self._open_bus()
        except Exception as error:  # it is raised where the bus was asked for
            self._give_up(opening, self._failed(error))
            return
        with self._lock:
            is_wanted = not self._is_closed
            if is_wanted:
                self._failure = None
                opening.set_result(bus)
        if not is_wanted:
            bus.close()
            opening.set_exception(_closed())

    def _give_up(self, opening: Future[Bus], error: Exception) -> None:
        """Let the next one try anew."""
        with self._lock:
            if self._opening is opening:
                self._opening = None
        opening.set_exception(error)

    def _failed(self, error: Exception) -> Exception:
        """`error`, of which the user was told if he was of the last one."""
        if self._failure is not None and _is_told(self._failure):
            tells_first(error)
        self._failure = error
        return error


def _closed() -> BusUnavailableError:
    return BusUnavailableError("The bus was closed.")
