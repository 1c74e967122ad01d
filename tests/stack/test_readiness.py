from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cultivar.errors import SettingsError
from cultivar.stack.nats import find_server
from cultivar.stack.parts import NotReadyError
from cultivar.stack.readiness import FileOpens, HealthIsGood, NatsAnswers, SaysSo
from cultivar.testing.hubs import wait_for
from cultivar.testing.nats import NatsServer, nats_server

NOBODY = "nats://127.0.0.1:1"


@pytest.fixture(scope="module")
def server(servers: None) -> Iterator[NatsServer]:
    with nats_server('server_name: "ours"') as started:
        yield started


@contextmanager
def http_server(status: int) -> Generator[str]:
    """A server that always answers the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"how it is")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def why_not(ready: NatsAnswers | FileOpens | HealthIsGood | SaysSo, **announced: str) -> str:
    with pytest.raises(NotReadyError) as caught:
        ready.look(announced)
    return caught.value.what


def test_a_server_with_jetstream_is_ready(server: NatsServer) -> None:
    place = NatsAnswers(url=server.url, server="ours", about="it is ours").look({})
    assert place.where == server.url
    assert place.about.startswith("NATS 2.")
    assert place.about.endswith(", it is ours")


def test_one_of_several_servers_is_enough(server: NatsServer) -> None:
    place = NatsAnswers(url=f"{NOBODY}, me:hunter2@127.0.0.1:{server.port}").look({})
    assert place.where == server.url


def test_another_server_on_the_port_is_not_taken_for_ours(server: NatsServer) -> None:
    why = why_not(NatsAnswers(url=server.url, server="cultivar-1"))
    assert why == f"Another server has the port {server.port}."


def test_a_server_without_jetstream_is_not_ready(servers: None, tmp_path: Path) -> None:
    program = find_server(None)
    assert program
    command = [str(program), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            assert wait_for(lambda: any(tmp_path.iterdir()))
            (url,) = json.loads(next(tmp_path.iterdir()).read_text())["nats"]
            assert "has no JetStream" in why_not(NatsAnswers(url=url))
        finally:
            server.kill()


def test_what_is_no_nats_server_is_not_ready() -> None:
    with http_server(200) as url:
        assert "127.0.0.1" in why_not(NatsAnswers(url=url.replace("http", "nats")))


def test_nobody_is_not_ready_and_no_password_is_shown() -> None:
    ready = NatsAnswers(url="nats://me:hunter2@127.0.0.1:1")
    assert "127.0.0.1:1 does not answer" in why_not(ready)
    assert "hunter2" not in ready.awaited + why_not(ready)


def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="Write it like"):
        NatsAnswers(url="nats://host:port").look({})


def test_a_bus_in_a_file_is_ready_where_it_can_be_written(tmp_path: Path) -> None:
    url = (tmp_path / "here" / "bus.db").as_uri()
    assert FileOpens(url=url).look({}).where == url
    (tmp_path / "file").write_text("")
    assert "does not work" in why_not(FileOpens(url=(tmp_path / "file" / "bus.db").as_uri()))


def test_what_says_that_it_is_well_is_ready() -> None:
    with http_server(200) as url:
        assert HealthIsGood(about="a hub").look({"http": url}).where == url


def test_what_says_that_it_is_not_well_is_not_ready() -> None:
    with http_server(503) as url:
        assert why_not(HealthIsGood(), http=url) == f"{url}/health says 503: how it is"


def test_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with http_server(200) as url:
        assert HealthIsGood().look({"http": url}).where == url


def test_what_has_announced_nothing_is_not_ready() -> None:
    assert why_not(HealthIsGood()) == "It has not said where it is."
    assert "does not answer" in why_not(HealthIsGood(), http="http://127.0.0.1:1")
    assert "does not answer" in why_not(HealthIsGood(), http="http://127.0.0.1:port")
    assert why_not(SaysSo(key="model")) == "It has announced nothing."
