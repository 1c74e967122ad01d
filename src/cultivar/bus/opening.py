"""Opens the bus that the settings name, and keeps one open for all who use it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

from cultivar.bus.base import Bus, BusUnavailableError
from cultivar.errors import SettingsError
from cultivar.settings import BusSettings

_FILE: Final = "file:"

_LAST_SECONDS: Final = 0.5
"""How long the end waits for a bus that does not let go."""

_MOMENT: Final = 0.05
"""How long it waits for who opens the bus just now."""

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
    if settings.url and not settings.url.startswith(_FILE):
        from cultivar.bus.nats import NatsBus

        return NatsBus(settings)
    from cultivar.bus.local import LocalBus

    return LocalBus(_path_of(settings.url) if settings.url else home / "bus.db")


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute():
        raise SettingsError(
            f"`bus.url` is {url!r}, which names no file of this machine.",
            "Write the whole path, like `file:///home/ada/bus.db`.",
        )
    return path


class Line:
    """A bus that is opened when it is first needed, and shared until it is closed.

    Args:
        open_bus: Opens it.
    """

    def __init__(self, open_bus: OpenBus) -> None:
        self._open_bus = open_bus
        self._opening = threading.Lock()
        self._bus: Bus | None = None
        self._is_closed = False

    def bus(self) -> Bus:
        """The bus; whoever gets it leaves it open.

        Raises:
            BusUnavailableError: It does not answer, or was closed.
            SettingsError: It cannot be opened as it is set.
        """
        with self._opening:
            if self._bus is None and not self._is_closed:
                self._bus = self._open_bus()
            if self._bus is None or self._is_closed:
                self._hang_up()
                raise BusUnavailableError("The bus was closed.")
            return self._bus

    def close(self) -> None:
        """Close the bus, if it was opened; one that does not let go is left behind."""
        self._is_closed = True
        if not self._opening.acquire(timeout=_MOMENT):
            return  # who is opening it hangs up
        try:
            if self._bus is not None:
                closing = threading.Thread(target=self._hang_up, daemon=True)
                closing.start()
                closing.join(_LAST_SECONDS)
        finally:
            self._opening.release()

    def _hang_up(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()
