"""What an instance records reaches the bus, whatever is down or dies in between, once by id."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from operator import ge
from pathlib import Path
from uuid import uuid4

import pytest

from cultivar.bus.base import Bus, BusUnavailableError
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import GENERATION as SUBJECT
from cultivar.bus.subjects import GENERATIONS_STREAM, sender_of
from cultivar.learning.telling.messages import decoded, message_of, payload_of
from cultivar.learning.telling.publishing import Publisher, PublishPolicy
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.model import Generation
from cultivar.settings import BusSettings
from cultivar.testing.buses import Basket
from cultivar.testing.generations import TREE, answer_of, generation_of
from cultivar.testing.nats import NatsServer, nats_server

PROGRAM = Path(__file__).parent / "programs" / "publish_and_die.py"
QUICK = PublishPolicy(interval=0.02, backoff=0.02, longest_pause=0.1)


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy."""
    file = tmp_path_factory.mktemp("empty") / "ledger.db"
    with open_ledger(f"sqlite:///{file}") as ledger:
        ledger.content.put(TREE)
    return file


@pytest.fixture
def file(tmp_path: Path, empty_ledger: Path) -> Path:
    """Where the ledger is."""
    return Path(shutil.copy(empty_ledger, tmp_path / "ledger.db"))


@pytest.fixture
def ledger(file: Path) -> Iterator[SqlLedger]:
    """A ledger that has something to tell of each generation."""
    with open_ledger(f"sqlite:///{file}", payload_of) as opened:
        yield opened


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    """A server that takes small messages only."""
    with nats_server("max_payload: 16KB") as started:
        yield started


@pytest.fixture(params=["local", "nats"])
def bus_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a bus of each kind."""
    if request.param == "local":
        return str(tmp_path / "bus.db")
    server: NatsServer = request.getfixturevalue("server")
    return server.url


@pytest.fixture
def open_bus(bus_address: str) -> Callable[[], Bus]:
    return opener(bus_address)


def opener(address: str) -> Callable[[], Bus]:
    """Opens the bus at that address."""
    if address.startswith("nats:"):
        return lambda: NatsBus(BusSettings(url=address, connect_timeout=2.0, timeout=2.0))
    return lambda: LocalBus(Path(address))


def record(ledger: SqlLedger, count: int = 1, instance_id: str = "local") -> list[str]:
    """Record so many generations; their ids."""
    made = [generation_of(TREE.hash, instance_id=instance_id) for _ in range(count)]
    for each in made:
        ledger.record(each)
    return [each.id for each in made]


def arrived(bus: Bus, count: int) -> Basket:
    """What a consumer gets, once that many came and a moment has passed in which more could."""
    basket = Basket()
    consuming = bus.consume(GENERATIONS_STREAM.name, f"test-{uuid4().hex}", basket)
    assert basket.holds(count)
    time.sleep(0.2)
    consuming.close()
    return basket


def test_what_was_recorded_arrives_in_order(ledger: SqlLedger, open_bus: Callable[[], Bus]) -> None:
    ids = record(ledger, 25)
    with closing(Publisher(ledger.outbox, open_bus, "local", PublishPolicy(batch=10))) as publisher:
        assert publisher.publish_pending(20)
    assert ledger.outbox.pending("local") == ()
    with closing(open_bus()) as bus:
        assert arrived(bus, 25).ids == ids


def test_what_arrives_is_what_the_hub_reads(ledger: SqlLedger, open_bus: Callable[[], Bus]) -> None:
    made = generation_of(TREE.hash, instance_id="here.and there")
    ledger.record(made)
    with closing(Publisher(ledger.outbox, open_bus, "here.and there")) as publisher:
        assert publisher.publish_pending(20)
    with closing(open_bus()) as bus:
        message = arrived(bus, 1).deliveries[0].message
    sender = sender_of(SUBJECT, message.subject)
    assert sender == "here.and there"
    assert decoded(message.data, sender) == message_of(made)


def test_an_instance_publishes_only_its_own(ledger: SqlLedger, open_bus: Callable[[], Bus]) -> None:
    ids = record(ledger, 2, "mine")
    record(ledger, 3, "theirs")
    with closing(Publisher(ledger.outbox, open_bus, "mine")) as publisher:
        assert publisher.publish_pending(20)
    with closing(open_bus()) as bus:
        assert arrived(bus, 2).ids == ids
    assert len(ledger.outbox.pending("theirs")) == 3


def test_in_the_background_each_is_published_as_it_comes(
    ledger: SqlLedger, open_bus: Callable[[], Bus]
) -> None:
    with (
        closing(Publisher(ledger.outbox, open_bus, "local", QUICK)) as publisher,
        closing(open_bus()) as bus,
    ):
        publisher.start()
        basket = Basket()
        bus.consume(GENERATIONS_STREAM.name, "test", basket)
        first = record(ledger)
        assert basket.holds(1)
        second = record(ledger)
        assert basket.holds(2)
    assert basket.ids == first + second


def test_what_waits_from_earlier_is_caught_up_with(
    ledger: SqlLedger, open_bus: Callable[[], Bus]
) -> None:
    ids = record(ledger, 450)
    with closing(Publisher(ledger.outbox, open_bus, "local")) as publisher:
        publisher.catch_up()
        assert until(lambda: not ledger.outbox.pending("local"))
    with closing(open_bus()) as bus:
        assert arrived(bus, 450).ids == ids


def test_catching_up_with_nothing_opens_no_bus_and_in_vain_tells_nobody(
    ledger: SqlLedger, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []

    def down() -> Bus:
        tries.append("opened")
        raise BusUnavailableError("The bus is down.")

    for records in (0, 1):
        record(ledger, records)
        with closing(Publisher(ledger.outbox, down, "local")) as publisher:
            publisher.catch_up()
        assert len(tries) == records
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(ledger.outbox.pending("local")) == 1


def test_a_bus_that_is_shared_stays_open(ledger: SqlLedger, open_bus: Callable[[], Bus]) -> None:
    with closing(open_bus()) as bus:
        for _ in range(2):
            record(ledger)
            with closing(
                Publisher(ledger.outbox, lambda: bus, "local", shares_bus=True)
            ) as publisher:
                assert publisher.publish_pending(20)
        assert len(arrived(bus, 2).ids) == 2


def test_two_publishers_of_one_outbox_lose_nothing_and_repeat_only_ids(
    ledger: SqlLedger, open_bus: Callable[[], Bus]
) -> None:
    ids = record(ledger, 60)
    policy = PublishPolicy(batch=7)
    publishers = [Publisher(ledger.outbox, open_bus, "local", policy) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(Publisher.publish_pending, publishers, [30.0, 30.0]))
    for each in publishers:
        each.close()
    with closing(open_bus()) as bus:
        assert sorted(arrived(bus, 60).ids) == sorted(ids)


def test_nothing_to_tell_opens_no_bus(ledger: SqlLedger) -> None:
    with closing(Publisher(ledger.outbox, opener("nats://127.0.0.1:1"), "local")) as publisher:
        assert publisher.publish_pending(20)
        assert publisher.trouble == ""


def test_a_bus_that_was_prepared_is_there_when_it_is_needed(
    ledger: SqlLedger, open_bus: Callable[[], Bus]
) -> None:
    opened: list[Bus] = []

    def open_one() -> Bus:
        opened.append(open_bus())
        return opened[-1]

    with closing(Publisher(ledger.outbox, open_one, "local")) as publisher:
        publisher.prepare()
        assert until(lambda: len(opened) == 1)
        record(ledger)
        assert publisher.publish_pending(20)
    assert len(opened) == 1


def test_a_bus_that_cannot_be_prepared_is_trouble(ledger: SqlLedger) -> None:
    with closing(Publisher(ledger.outbox, opener("nats://127.0.0.1:1"), "local")) as publisher:
        publisher.prepare()
        assert until(lambda: "does not answer" in publisher.trouble)


def test_a_bus_that_stays_down_is_tried_ever_more_rarely(ledger: SqlLedger) -> None:
    tries: list[float] = []

    def down() -> Bus:
        tries.append(time.monotonic())
        raise BusUnavailableError("The bus is down.")

    record(ledger)
    policy = PublishPolicy(backoff=0.05, longest_pause=0.2)
    with closing(Publisher(ledger.outbox, down, "local", policy)) as publisher:
        assert not publisher.publish_pending(20)
        publisher.start()
        assert until(lambda: len(tries) == 6)
    pauses = [after - before for before, after in pairwise(tries[1:])]
    assert all(map(ge, pauses, [0.05, 0.1, 0.2, 0.2]))


def test_what_is_recorded_while_the_server_is_down_arrives_when_it_is_back(
    ledger: SqlLedger, server: NatsServer
) -> None:
    server.kill()
    open_bus = opener(server.url)
    with closing(Publisher(ledger.outbox, open_bus, "local", QUICK)) as publisher:
        publisher.start()
        ids = record(ledger, 20)
        assert until(lambda: "does not answer" in publisher.trouble)
        server.start()
        assert until(lambda: not ledger.outbox.pending("local"))
        assert until(lambda: publisher.trouble == "")
    with closing(open_bus()) as bus:
        assert arrived(bus, 20).ids == ids


def test_a_server_that_dies_while_it_is_published_to_loses_nothing(
    ledger: SqlLedger, server: NatsServer
) -> None:
    open_bus = opener(server.url)
    with closing(Publisher(ledger.outbox, open_bus, "local", QUICK)) as publisher:
        publisher.start()
        ids = record(ledger, 50)
        server.kill()
        ids += record(ledger, 50)
        server.start()
        assert until(lambda: not ledger.outbox.pending("local"))
    with closing(open_bus()) as bus:
        assert sorted(arrived(bus, 100).ids) == sorted(ids)


def test_a_file_that_cannot_be_opened_is_tried_again(ledger: SqlLedger, tmp_path: Path) -> None:
    folder = tmp_path / "bus"
    folder.write_text("in the way")
    open_bus = opener(str(folder / "bus.db"))
    ids = record(ledger, 3)
    with closing(Publisher(ledger.outbox, open_bus, "local", QUICK)) as publisher:
        publisher.start()
        assert until(lambda: publisher.trouble != "")
        folder.unlink()
        assert until(lambda: not ledger.outbox.pending("local"))
    with closing(open_bus()) as bus:
        assert arrived(bus, 3).ids == ids


def test_a_bus_that_keeps_no_generations_is_trouble_and_parks_nothing(
    ledger: SqlLedger, tmp_path: Path
) -> None:
    record(ledger, 2)
    without = lambda: LocalBus(tmp_path / "bus.db", ())  # noqa: E731
    with closing(Publisher(ledger.outbox, without, "local")) as publisher:
        assert not publisher.publish_pending(20)
        assert "No stream" in publisher.trouble
    assert len(ledger.outbox.pending("local")) == 2


def test_a_server_that_never_answers_keeps_nobody_waiting(ledger: SqlLedger) -> None:
    record(ledger, 3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        open_bus = opener(f"nats://127.0.0.1:{silent.getsockname()[1]}")
        before = time.monotonic()
        with closing(Publisher(ledger.outbox, open_bus, "local")) as publisher:
            assert not publisher.publish_pending(0.2)
        assert time.monotonic() - before < 1.5
    assert len(ledger.outbox.pending("local")) == 3


def test_what_is_too_large_is_parked_and_the_rest_arrives(
    ledger: SqlLedger, server: NatsServer
) -> None:
    before = record(ledger, 3)
    large = _large()
    ledger.record(large)
    after = record(ledger, 3)
    open_bus = opener(server.url)
    with closing(Publisher(ledger.outbox, open_bus, "local")) as publisher:
        assert publisher.publish_pending(20)
    assert ledger.outbox.pending("local") == ()
    (parked,) = ledger.outbox.parked("local")
    assert parked.outgoing.generation_id == large.id
    assert "too large" in parked.reason
    with closing(open_bus()) as bus:
        assert arrived(bus, 6).ids == before + after


def _large() -> Generation:
    """A generation of which more is to be told than the server takes in one message."""
    return generation_of(TREE.hash, answers=(answer_of("style", "long" * 5000),))


def test_once_it_is_closed_it_leaves_the_outbox_alone(
    ledger: SqlLedger, open_bus: Callable[[], Bus]
) -> None:
    publisher = Publisher(ledger.outbox, open_bus, "local", QUICK)
    publisher.start()
    publisher.close()
    record(ledger)
    assert not publisher.publish_pending(5)
    assert len(ledger.outbox.pending("local")) == 1


def test_a_ledger_in_another_process_is_published_too(
    file: Path, open_bus: Callable[[], Bus]
) -> None:
    process = LedgerProcess().open(f"sqlite:///{file}", payload_of)
    made = generation_of(TREE.hash)
    process.record(made)
    with closing(Publisher(process.outbox, open_bus, "local")) as publisher:
        assert publisher.publish_pending(20)
    process.close()
    with closing(open_bus()) as bus:
        assert arrived(bus, 1).ids == [made.id]


@pytest.mark.parametrize(("moment", "stored"), [("recorded", 0), ("stored", 2)])
def test_a_process_that_is_killed_loses_nothing_and_nothing_comes_twice(
    file: Path, bus_address: str, moment: str, stored: int
) -> None:
    ids = [str(uuid4()) for _ in range(5)]
    assert _killed_when(moment, file, bus_address, ids) == -signal.SIGKILL
    open_bus = opener(bus_address)
    with closing(open_bus()) as bus:
        assert arrived(bus, stored).ids == ids[:stored]
    with open_ledger(f"sqlite:///{file}") as ledger:
        assert [each.generation_id for each in ledger.outbox.pending("local")] == ids
        with closing(Publisher(ledger.outbox, open_bus, "local")) as publisher:
            assert publisher.publish_pending(20)
        assert ledger.outbox.pending("local") == ()
    with closing(open_bus()) as bus:
        assert arrived(bus, 5).ids == ids


def _killed_when(moment: str, file: Path, bus_address: str, ids: Sequence[str]) -> int:
    """How the process ends that records these, and kills itself at that moment."""
    command = [sys.executable, str(PROGRAM), str(file), bus_address, moment, *ids]
    return subprocess.run(command, check=False).returncode


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()
