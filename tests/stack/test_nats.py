"""The server of a stack's own is told from whoever else has its port."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import json

from cultivar.stack.nats import HOST, NatsFiles, find_server, has_port, make_ready
from cultivar.stack.parts import NotReadyError
from cultivar.stack.readiness import NatsAnswers
from cultivar.testing.hubs import wait_for


@pytest.fixture
def files(servers: None, tmp_path: Path) -> NatsFiles:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return make_ready(tmp_path / "bus", port)


@contextmanager
def running(files: NatsFiles) -> Generator[subprocess.Popen[bytes]]:
    program = find_server(None)
    assert program is not None
    with subprocess.Popen(
        [program, "-c", files.configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def impostor(files: NatsFiles) -> Iterator[None]:
    """A program that took the port first, and knows the name that is waited for."""
    greeting = {"server_name": files.name, "jetstream": True, "version": "2.9.10"}
    with socket.create_server((HOST, files.port)) as listening:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"INFO " + json.encode(greeting) + b"\r\n")

        threading.Thread(target=greet, daemon=True).start()
        yield
        listening.shutdown(socket.SHUT_RDWR)


def readiness(files: NatsFiles) -> NatsAnswers:
    return NatsAnswers(url=f"nats://{HOST}:{files.port}", server=files.name, ports=files.ports)


def is_ready(files: NatsFiles) -> bool:
    try:
        return bool(readiness(files).look({}).where)
    except NotReadyError:
        return False


def test_the_server_that_was_started_is_known_by_its_own_word(files: NatsFiles) -> None:
    with running(files):
        assert wait_for(lambda: is_ready(files))


@pytest.mark.usefixtures("impostor")
def test_a_program_that_has_the_port_and_the_name_is_not_taken_for_it(files: NatsFiles) -> None:
    with running(files) as process:
        with pytest.raises(NotReadyError, match="has not said that the port"):
            readiness(files).look({})
        assert process.wait(20) != 0
        assert not is_ready(files)


def test_a_server_that_was_killed_has_no_port_any_more(files: NatsFiles) -> None:
    with running(files) as process:
        assert wait_for(lambda: has_port(files.ports, files.port))
        process.kill()
        process.wait()
        assert list(files.ports.iterdir())
        assert not has_port(files.ports, files.port)


def test_another_port_than_the_server_has_is_not_its_own(files: NatsFiles) -> None:
    with running(files):
        assert wait_for(lambda: has_port(files.ports, files.port))
        assert not has_port(files.ports, files.port + 1)


def test_what_killed_servers_left_is_cleared_away(files: NatsFiles) -> None:
    (files.ports / "nats-server_1.ports").write_text(f'{{"nats": ["nats://{HOST}:{files.port}"]}}')
    again = make_ready(files.configuration.parent, files.port)
    assert not has_port(again.ports, again.port)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nats": 3}', '{"nats": ["nats://x:99999999"]}'])
def test_a_word_that_cannot_be_read_is_none(files: NatsFiles, text: str) -> None:
    (files.ports / "nats-server_1.ports").write_text(text)
    assert not has_port(files.ports, files.port)
