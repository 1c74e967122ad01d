"""A real NATS server for tests, with JetStream, on the loopback; it can be killed and come back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cultivar.errors import UnavailableError

_START_SECONDS = 10.0


class NatsServer:
    """A server on a port and a folder of its own; `nats_server` starts it.

    Args:
        folder: Where it keeps its streams, its configuration and its log.
        configuration: What its configuration file says; the address is ours all the same.
        environment: What the configuration may name.
    """

    def __init__(
        self, folder: Path, configuration: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = _free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        """Its address."""
        self.log = folder / "nats.log"
        """What it wrote."""
        self._environment = {**os.environ, **(environment or {})}
        self._file = folder / "nats.conf"
        self.configure(configuration)
        store = () if "store_dir" in configuration else ("-sd", str(folder / "streams"))
        place = ("-a", "127.0.0.1", "-p", str(self.port), "-js", *store)
        self._arguments = ("-c", str(self._file), *place)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, configuration: str) -> None:
        """Change the configuration; it counts from the next start."""
        self._file.write_text(configuration or "# nothing", encoding="utf-8")

    def start(self) -> None:
        """Start it, or start it again where it stood; return when it takes connections.

        Raises:
            UnavailableError: It does not start here.
        """
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
        if program is None:
            raise UnavailableError("There is no `nats-server` here.", "Run `make system-packages`.")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, *self._arguments], stdout=log, stderr=log, env=self._environment
            )
        until = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(encoding="utf-8")
                raise UnavailableError(f"`nats-server` does not start here: {said[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


@contextmanager
def nats_server(
    configuration: str = "", environment: Mapping[str, str] | None = None
) -> Generator[NatsServer]:
    """Start a server that ends with the block, with its files.

    Args:
        configuration: What its configuration file says; the address is ours all the same.
        environment: What the configuration may name.

    Raises:
        UnavailableError: None can be started here.
    """
    with tempfile.TemporaryDirectory(prefix="cultivar-nats-") as folder:
        server = NatsServer(Path(folder), configuration, environment)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
