"""Addresses to listen on, as a user writes them."""

from __future__ import annotations

import socket
from typing import Final

from cultivar.errors import UsageError

_LAST_PORT: Final = 65_535


def read_address(text: str) -> tuple[str, int]:
    """Host and port of what `--http` takes.

    Raises:
        UsageError: It is no address.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise UsageError(
            f"`--http` takes a host and a port, not {text!r}.",
            "Write them like `--http 127.0.0.1:8790`; the port 0 is any that is free.",
        )
    return host, int(port)


def check_free(address: tuple[str, int]) -> None:
    """See that one can listen at an address.

    Raises:
        UsageError: One cannot: it is not of this machine, or somebody listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except OSError as error:
            raise UsageError(
                f"Nothing can listen on {address[0]}:{address[1]}: {error}.",
                "Give another address with `--http`.",
            ) from error
