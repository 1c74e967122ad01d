"""Mirrors behind a socket, so that a tool has to fetch a template as it would from afar."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from cultivar.errors import UnavailableError
from evals.benchmarks.upgrade.mirrors import Mirrors
from evals.benchmarks.upgrade.surroundings import homeless

_HERE: Final = "127.0.0.1"
_SECONDS: Final = 10.0
_SETTINGS: Final = ("safe.directory=*", "uploadpack.allowFilter=true", "daemon.uploadpack=true")


@contextmanager
def served(mirrors: Mirrors) -> Generator[Mirrors]:
    """Serve `mirrors` on this machine, by git's own protocol, as hosts of repositories do.

    Raises:
        UnavailableError: Git cannot serve here.
    """
    port = _free_port()
    settings = [part for each in _SETTINGS for part in ("-c", each)]
    place = [f"--listen={_HERE}", f"--port={port}", f"--base-path={mirrors.folder.resolve()}"]
    command = ["git", *settings, "daemon", "--reuseaddr", "--export-all", *place]
    with subprocess.Popen(command, env=homeless(), stderr=subprocess.DEVNULL) as daemon:
        try:
            _wait_for(port)
            yield replace(mirrors, served_at=f"git://{_HERE}:{port}")
        finally:
            daemon.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HERE, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((_HERE, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise UnavailableError("`git daemon` does not answer.", "Run it without `--served`.")
