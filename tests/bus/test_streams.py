"""A stream is what the settings say, also where it was made when they said something else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar, load_settings
from cultivar.bus.base import Message, Stream
from cultivar.bus.jetstream.connection import Connection
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import INSIGHTS, STREAMS
from cultivar.record import replace
from cultivar.settings import BusSettings, LearningSettings
from cultivar.testing.buses import QUICK, WORK, Basket, numbered
from cultivar.testing.nats import NatsServer, nats_server

Open = Callable[..., NatsBus]


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def open_with(server: NatsServer, opened: ExitStack) -> Open:
    """Opens the bus with settings, and perhaps with a stream of its own."""

    def open_one(stream: Stream = WORK, **chosen: Any) -> NatsBus:
        bus = NatsBus(BusSettings(url=server.url, **chosen), (stream,))
        opened.callback(bus.close)
        return bus

    return open_one


def asked(server: NatsServer, subject: str, **body: Any) -> dict[str, Any]:
    """What JetStream's API answers to anybody."""
    connection = Connection(BusSettings(url=server.url), ())
    try:
        return connection.run(connection.api(subject, body))
    finally:
        connection.close()


def of_work(server: NatsServer) -> dict[str, Any]:
    config: dict[str, Any] = asked(server, "STREAM.INFO.WORK")["config"]
    return config


def test_a_stream_that_is_there_becomes_what_the_settings_say(
    server: NatsServer, open_with: Open
) -> None:
    open_with(stream_max_bytes=-1, duplicate_window=60.0).publish(Message(subject="work", data=b""))
    before = of_work(server)
    open_with(stream_max_bytes=2**30).consume("WORK", "hub", Basket(), QUICK)
    after = of_work(server)
    assert (before["max_bytes"], after["max_bytes"]) == (-1, 2**30)
    assert (before["duplicate_window"], after["duplicate_window"]) == (60 * 10**9, 3600 * 10**9)


def test_a_stream_that_is_there_keeps_new_subjects_too(open_with: Open) -> None:
    basket = Basket()
    old = replace(WORK, subjects=("work",))
    open_with(old).publish(Message(subject="work", data=b"", id="old"))
    new = open_with()
    new.consume("WORK", "hub", basket, QUICK)
    new.publish(Message(subject="work.a", data=b"", id="new"))
    assert basket.holds(2)
    assert basket.ids == ["old", "new"]


def test_what_others_have_set_up_besides_stays(server: NatsServer, open_with: Open) -> None:
    wanted = {"name": "WORK", "subjects": ["work"], "description": "ours", "max_msgs": 77}
    asked(server, "STREAM.CREATE.WORK", **wanted)
    open_with().consume("WORK", "hub", Basket(), QUICK)
    found = of_work(server)
    assert (found["description"], found["max_msgs"]) == ("ours", 77)
    assert sorted(found["subjects"]) == ["work", "work.*"]


def test_what_the_server_does_not_change_is_said(
    server: NatsServer, open_with: Open, caplog: pytest.LogCaptureFixture
) -> None:
    subjects = list(WORK.subjects)
    asked(server, "STREAM.CREATE.WORK", name="WORK", subjects=subjects, retention="interest")
    bus = open_with()
    with caplog.at_level(logging.WARNING):
        bus.consume("WORK", "hub", Basket(), QUICK)
    said = "The stream WORK is not as the settings have it: `retention` is 'interest', not 'limits'"
    assert bus.complaints() == (f"{said}.",)
    assert sum(said in each for each in caplog.messages) == 1


def test_a_stream_as_it_is_to_be_is_no_complaint(open_with: Open) -> None:
    bus = open_with()
    assert bus.complaints() == ()
    bus.publish(Message(subject="work", data=b""))
    assert bus.complaints() == ()


def test_a_stream_is_not_made_smaller_than_what_it_holds(
    server: NatsServer, open_with: Open
) -> None:
    basket = Basket()
    open_with().publish_all([replace(each, data=b"x" * 10_000) for each in numbered(20)])
    small = open_with(stream_max_bytes=100_000)
    small.consume("WORK", "hub", basket, QUICK)
    assert basket.holds(20)
    assert of_work(server)["max_bytes"] == 10 * 2**30
    assert "`max_bytes` is 10737418240, not 100000" in small.complaints()[0]


def test_no_sender_is_held_to_less_than_what_is_there_of_it(open_with: Open) -> None:
    basket = Basket()
    open_with().publish_all(numbered(20))
    held = open_with(sender_max_messages=5)
    held.consume("WORK", "hub", basket, QUICK)
    assert basket.holds(20)
    assert "`max_msgs_per_subject` is 2000000, not 5" in held.complaints()[0]


def test_a_full_stream_refuses_more_and_loses_nothing(open_with: Open) -> None:
    basket = Basket()
    messages = [replace(each, data=b"x" * 10_000) for each in numbered(20)]
    published = open_with(stream_max_bytes=100_000).publish_all(messages)
    assert len(published.stored) < 20
    assert "maximum bytes exceeded" in published.why
    assert published.stored + published.failed == tuple(messages)
    roomy = open_with(stream_max_bytes=10**7)
    roomy.consume("WORK", "hub", basket, QUICK)
    assert not roomy.publish_all(published.failed).failed
    assert basket.holds(20)
    assert basket.ids == [each.id for each in messages]


def test_a_sender_that_fills_its_part_keeps_no_other_out(open_with: Open) -> None:
    bus = open_with(sender_max_messages=5)
    flood = bus.publish_all(numbered(10, "work.greedy"))
    assert (len(flood.stored), len(flood.failed)) == (5, 5)
    assert "per subject exceeded" in flood.why
    assert not bus.publish_all(numbered(5, "work.other")).failed


def test_a_server_with_little_room_gets_a_smaller_stream(servers: None) -> None:
    with nats_server("jetstream { max_file_store: 300MB }") as small:
        bus = NatsBus(BusSettings(url=small.url), (replace(WORK, max_age=60.0),))
        bus.publish(Message(subject="work", data=b""))
        bus.close()
        assert of_work(small)["max_bytes"] == 160 * 2**20


GUARDED = """
authorization { users: [ { user: one, password: p, permissions: {
  publish: { deny: ["$JS.API.STREAM.UPDATE.>"] } } } ] }
"""


def test_who_may_not_change_a_stream_is_told_so_at_once(
    servers: None, caplog: pytest.LogCaptureFixture
) -> None:
    with nats_server(GUARDED) as guarded:
        settings = BusSettings(url=guarded.url.replace("//", "//one:p@"), timeout=20.0)
        basket, began = Basket(), time.monotonic()
        with ExitStack() as stack:
            old = NatsBus(replace(settings, stream_max_bytes=-1), (WORK,))
            stack.callback(old.close)
            old.publish(Message(subject="work", data=b""))
            new = NatsBus(settings, (WORK,))
            stack.callback(new.close)
            new.consume("WORK", "hub", basket, QUICK)
            assert basket.holds(1)
            assert len(new.complaints()) == 1
        assert time.monotonic() - began < 15
    assert any("does not let us publish" in each for each in caplog.messages)


def test_only_what_loses_nothing_that_matters_makes_room_by_itself() -> None:
    room_is_made_in = [each.name for each in STREAMS if each.max_bytes >= 0]
    assert room_is_made_in == ["INSIGHTS", "DEAD_LETTERS"]


def test_the_doctor_shows_what_is_not_as_it_is_to_be(server: NatsServer, tmp_path: Path) -> None:
    subjects = [INSIGHTS]
    asked(
        server, "STREAM.CREATE.INSIGHTS", name="INSIGHTS", subjects=subjects, retention="interest"
    )
    few = LearningSettings(hub_timeout=0.1)
    bus = BusSettings(url=server.url)
    chosen = load_settings(home=tmp_path, bus=bus, instance_id="one", learning=few)
    with Cultivar(chosen) as cultivar:
        said = [
            each.what for each in cultivar.doctor() if (each.part, each.state) == ("bus", "fair")
        ]
    assert len(said) == 1
    assert "The stream INSIGHTS is not as the settings have it: `retention`" in said[0]
