"""Health and metrics of the hub over HTTP, for whoever watches it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import json

from cultivar.errors import SettingsError


class Endpoint:
    """Serves `/health` and `/metrics`.

    Args:
        address: Host and port; port 0 is any that is free.
        health: Tells how it is; it is well where `status` is `ok`.
        metrics: Tells the counters in Prometheus' text.

    Raises:
        SettingsError: It cannot listen there.
    """

    def __init__(
        self,
        address: tuple[str, int],
        health: Callable[[], Mapping[str, Any]],
        metrics: Callable[[], str],
    ) -> None:
        try:
            self._server = ThreadingHTTPServer(address, _handler(health, metrics))
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"Nothing can listen on {address[0]}:{address[1]}: {error}.",
                "Give another address with `--http`.",
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{address[0]}:{self._server.server_port}"
        """Where it listens."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="hub-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(
    health: Callable[[], Mapping[str, Any]], metrics: Callable[[], str]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that says nothing does not hold a thread for good

        def do_GET(self) -> None:
            if self.path == "/health":
                found = health()
                self._reply(200 if found["status"] == "ok" else 503, json.encode(found))
            elif self.path == "/metrics":
                self._reply(200, metrics().encode(), "text/plain; version=0.0.4")
            else:
                self._reply(404, b'{"error": "There are `/health` and `/metrics`."}')

        def _reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: it is asked every few seconds."""

    return Handler
