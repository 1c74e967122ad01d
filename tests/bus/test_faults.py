from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cultivar.bus.base import (
    BusDeniedError,
    BusUnavailableError,
    Delivery,
    Message,
    Published,
    TooLargeError,
)
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.record import replace
from cultivar.settings import BusSettings, Secret
from cultivar.testing.buses import QUICK, WORK, Basket, OpenBus, echo, numbered
from cultivar.testing.nats import NatsServer

PROGRAM = Path(__file__).parent / "programs" / "consume.py"

MANY = 20_000


def settings_of(server: NatsServer) -> BusSettings:
    return BusSettings(url=server.url, timeout=1)


@contextmanager
def killed_again_and_again(server: NatsServer, times: int) -> Generator[None]:
    """Kills the server and starts it again, while the block goes on."""
    ended = threading.Event()

    def kill() -> None:
        for _ in range(times):
            if ended.wait(0.4):
                return
            server.kill()
            time.sleep(0.2)
            server.start()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
        killer.join()
    finally:
        ended.set()
        killer.join()


def test_a_server_killed_amid_publishing_keeps_each_message_once(server: NatsServer) -> None:
    with closing(NatsBus(settings_of(server), (WORK,))) as bus:
        with killed_again_and_again(server, 3):
            rounds = _publish_until_stored(bus, numbered(MANY))
        assert rounds > 1
        basket = Basket()
        bus.consume("WORK", "hub", basket)
        assert basket.holds(MANY, 60)
        bus.publish(Message(subject="work", data=b"", id="last"))
        assert basket.holds(MANY + 1)
        assert sorted(basket.ids[:MANY], key=int) == [str(n) for n in range(MANY)]


def _publish_until_stored(bus: NatsBus, messages: Sequence[Message]) -> int:
    """How often it took."""
    left, rounds = Published(stored=(), failed=tuple(messages)), 0
    while left.failed:
        left, rounds = bus.publish_all(left.failed), rounds + 1
        assert rounds < 100
    return rounds


def test_a_server_killed_amid_consuming_hands_over_everything(server: NatsServer) -> None:
    with closing(NatsBus(settings_of(server), (WORK,))) as bus:
        bus.publish_all(numbered(2000))
        basket = Basket(lambda _: time.sleep(0.001))
        bus.consume("WORK", "hub", basket, QUICK)
        with killed_again_and_again(server, 2):
            pass
        until = time.monotonic() + 60
        while len(set(basket.ids)) < 2000 and time.monotonic() < until:
            time.sleep(0.05)
        assert set(basket.ids) == {str(n) for n in range(2000)}


def test_who_serves_answers_again_when_the_server_is_back(server: NatsServer) -> None:
    with closing(NatsBus(settings_of(server), (WORK,))) as bus:
        bus.serve("ask.me", echo)
        server.kill()
        with pytest.raises(BusUnavailableError):
            bus.request(Message(subject="ask.me", data=b"lost"), timeout=0.3)
        server.start()
        assert answered_again(bus) == b"back"


def test_a_bus_that_was_shut_out_for_a_time_works_again(server: NatsServer) -> None:
    ours, theirs = (f"authorization {{ token: {each} }}" for each in ("ours", "theirs"))
    restart(server, ours)
    settings = replace(settings_of(server), token=Secret("ours"))
    with closing(NatsBus(settings, (WORK,))) as bus:
        bus.serve("ask.me", echo)
        bus.publish(Message(subject="work", data=b"", id="before"))
        basket = Basket()
        bus.consume("WORK", "hub", basket, QUICK)
        restart(server, theirs)
        until = time.monotonic() + 20
        while not isinstance(denial_of(bus), BusDeniedError) and time.monotonic() < until:
            time.sleep(0.05)
        assert isinstance(denial_of(bus), BusDeniedError)
        restart(server, ours)
        assert answered_again(bus) == b"back"
        bus.publish(Message(subject="work", data=b"", id="after"))
        assert basket.holds(2)


def restart(server: NatsServer, configuration: str) -> None:
    server.kill()
    server.configure(configuration)
    server.start()


def denial_of(bus: NatsBus) -> BusUnavailableError | None:
    try:
        bus.publish(Message(subject="work", data=b"", id="before"))
    except BusUnavailableError as error:
        return error
    return None


def answered_again(bus: NatsBus) -> bytes:
    """What a request is answered, once it is."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            return bus.request(Message(subject="ask.me", data=b"back"), timeout=0.5)
        except BusUnavailableError:
            time.sleep(0.1)
    return b""


@pytest.mark.parametrize("kind", ["local", "nats"])
def test_a_consumer_that_is_killed_loses_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address, file = str(tmp_path / "bus.db"), tmp_path / "done.txt"
    if kind == "nats":
        server: NatsServer = request.getfixturevalue("server")
        address = server.url
    bus = (
        LocalBus(Path(address), (WORK,))
        if kind == "local"
        else NatsBus(BusSettings(url=address), (WORK,))
    )
    with closing(bus):
        bus.publish_all(numbered(1000))
        _consume_until(300, kind, address, file)
        _consume_until(700, kind, address, file)
        basket = Basket()
        bus.consume("WORK", "hub", basket, QUICK)
        until = time.monotonic() + 30
        while len(_done(file) | set(basket.ids)) < 1000 and time.monotonic() < until:
            time.sleep(0.05)
    assert _done(file) | set(basket.ids) == {str(n) for n in range(1000)}


def _consume_until(number: int, kind: str, address: str, file: Path) -> None:
    """Have another process consume, and kill it when it has done so many."""
    consumer = subprocess.Popen([sys.executable, PROGRAM, kind, address, file])
    try:
        until = time.monotonic() + 30
        while len(_done(file)) < number and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        consumer.kill()
        consumer.wait()
    assert len(_done(file)) >= number


def _done(file: Path) -> set[str]:
    """The ids that were written whole."""
    if not file.exists():
        return set()
    return set(file.read_text(encoding="utf-8").split("\n")[:-1])


def test_a_bus_that_is_down_says_what_is_not_stored(server: NatsServer) -> None:
    with closing(NatsBus(settings_of(server), (WORK,))) as bus:
        bus.publish(Message(subject="work", data=b"", id="stored"))
        server.kill()
        messages = numbered(10)
        published = bus.publish_all(messages)
        assert (published.stored, published.failed) == ((), tuple(messages))
        assert f"127.0.0.1:{server.port}" in published.why


def test_a_message_that_is_too_large_is_refused_alone(server: NatsServer) -> None:
    large, small = (Message(subject="work", data=b"x" * size) for size in (2**21, 10))
    with closing(NatsBus(settings_of(server), (WORK,))) as bus:
        published = bus.publish_all([large, small])
        with pytest.raises(TooLargeError, match="2097152 bytes"):
            bus.publish(large)
    assert (published.stored, published.failed, published.refused) == ((small,), (), (large,))


def test_a_server_that_is_not_there_is_told_in_time() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(BusUnavailableError, match=address):
            NatsBus(BusSettings(url=f"nats://me:hunter2@{address}", connect_timeout=2))
        assert time.monotonic() - began < 5


def test_a_server_that_says_nothing_is_told_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(BusUnavailableError) as caught:
            NatsBus(BusSettings(url=f"nats://me:hunter2@{address}", connect_timeout=0.5))
        assert time.monotonic() - began < 5
        assert address in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_two_processes_of_one_machine_see_each_other(tmp_path: Path) -> None:
    file = tmp_path / "done.txt"
    with closing(LocalBus(tmp_path / "bus.db", (WORK,))) as bus:
        bus.publish_all(numbered(50))
        _consume_until(50, "local", str(tmp_path / "bus.db"), file)
    assert _done(file) == {str(n) for n in range(50)}


def test_the_local_bus_is_for_its_owner_alone(tmp_path: Path) -> None:
    LocalBus(tmp_path / "bus.db").close()
    assert (tmp_path / "bus.db").stat().st_mode & 0o777 == 0o600


def test_a_local_bus_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BusUnavailableError, match=r"bus\.db"):
        LocalBus(tmp_path / "file" / "bus.db")


def test_a_closed_bus_says_so(open_bus: OpenBus) -> None:
    bus = open_bus()
    bus.close()
    with pytest.raises(BusUnavailableError):
        bus.publish(Message(subject="work", data=b""))


def test_an_error_of_the_handler_does_not_reach_the_publisher(open_bus: OpenBus) -> None:
    failed = threading.Event()

    def fail(_: Sequence[Delivery]) -> None:
        failed.set()
        raise ValueError("no")

    bus = open_bus()
    bus.consume("WORK", "hub", fail, QUICK)
    bus.publish(Message(subject="work", data=b""))
    assert failed.wait(20)
    bus.publish(Message(subject="work", data=b""))
