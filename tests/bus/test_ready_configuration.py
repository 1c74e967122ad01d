"""The configuration that we ship holds against whoever has the credentials of one instance.

A server answers wherever a message says that the answer should go, so an enemy may have the server,
or the hub, say something in its place: most of the deeds below try that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from cultivar.bus.base import BusDeniedError, Message
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import DEAD_LETTER, GENERATION, INSIGHTS, INTELLIGENCE, subject_of
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.record import replace
from cultivar.settings import BusSettings
from cultivar.testing.buses import QUICK, Basket
from cultivar.testing.credentials import a_certificate, an_nkey
from cultivar.testing.guarded import (
    ENVIRONMENT,
    User,
    settings_of,
    uncommented,
    with_a_second_instance,
)
from cultivar.testing.hubs import QUICK as QUICK_HUB
from cultivar.testing.hubs import ask, counted, told, wait_for
from cultivar.testing.nats import NatsServer, nats_server

CONFIGURATION = (Path(__file__).parents[2] / "deploy" / "nats.conf").read_text("utf-8")

FULL = uncommented(with_a_second_instance(CONFIGURATION), "{ user: operator", "}")


@pytest.fixture(scope="module")
def guarded(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with the configuration, two instances and an operator; a hub has been there."""
    folder = str(tmp_path_factory.mktemp("streams"))
    with nats_server(FULL, {**ENVIRONMENT, "CULTIVAR_BUS_FOLDER": folder}) as server:
        with closing(NatsBus(settings_of(server, "hub"))) as hub:
            hub.publish(Message(subject=INSIGHTS, data=b"{}"))
            hub.publish(Message(subject=f"{DEAD_LETTER}.hub", data=b"{}"))
            make_streams(hub, replace(settings_of(server, "instance-1"), timeout=0.5))
        yield server


def make_streams(hub: NatsBus, instance: BusSettings) -> None:
    message = Message(subject=AS_ANOTHER, data=b"{}")
    with closing(hub.consume("GENERATIONS", "hub", Basket())), closing(NatsBus(instance)) as one:
        assert wait_for(partial(are_stored, one, [message]))


@pytest.fixture
def hub(guarded: NatsServer) -> Iterator[NatsBus]:
    with closing(NatsBus(settings_of(guarded, "hub"))) as bus:
        yield bus


async def state_of(operator: User) -> Mapping[str, Any]:
    """All that the central account keeps, and who has read how much of it."""
    streams = await operator.api("STREAM.LIST")
    kept = {
        each["config"]["name"]: (
            each["config"],
            each["state"],
            (await operator.api(f"CONSUMER.LIST.{each['config']['name']}"))["consumers"],
        )
        for each in streams["streams"]
    }
    comparable: dict[str, Any] = json.decode(json.encode(kept))
    return comparable


PURGE, DELETE = "$JS.API.STREAM.PURGE.GENERATIONS", "$JS.API.STREAM.DELETE.GENERATIONS"
AS_ANOTHER = subject_of(GENERATION, "instance-1")
TO_THE_HUB = subject_of(INTELLIGENCE, "instance-2")
INFO, NEXT = "$JS.API.STREAM.INFO.INSIGHTS", "$JS.API.CONSUMER.MSG.NEXT.INSIGHTS.instance-2"
OPEN = [subject_of(GENERATION, "instance-2"), TO_THE_HUB, INFO, NEXT]
FORBIDDEN = [PURGE, DELETE, AS_ANOTHER, GENERATION, INSIGHTS, INTELLIGENCE, "_INBOX_hub.anything"]
LIE = json.encode(told(1, instance_id="instance-1"))

DIRECTLY = [
    AS_ANOTHER,
    GENERATION,
    INSIGHTS,
    f"{DEAD_LETTER}.hub",
    f"{DEAD_LETTER}.instance-1",
    "llm.response",
    subject_of("llm.request", "instance-1"),
    subject_of(INTELLIGENCE, "instance-1"),
    PURGE,
    DELETE,
    "$JS.API.STREAM.CREATE.GENERATIONS",
    "$JS.API.STREAM.UPDATE.GENERATIONS",
    "$JS.API.STREAM.MSG.GET.GENERATIONS",
    "$JS.API.STREAM.MSG.DELETE.GENERATIONS",
    "$JS.API.DIRECT.GET.GENERATIONS",
    "$JS.API.CONSUMER.DELETE.GENERATIONS.hub",
    "$JS.API.CONSUMER.DURABLE.CREATE.GENERATIONS.instance-2",
    "$JS.API.CONSUMER.CREATE.GENERATIONS",
    "$JS.API.CONSUMER.MSG.NEXT.GENERATIONS.hub",
    "$JS.API.ACCOUNT.PURGE.CENTRAL",
    "$JS.ACK.GENERATIONS.hub.1.1.1.1700000000000000000.0",
    "$JS.ACK.INSIGHTS.hub.1.1.1.1700000000000000000.0",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.ACCOUNT.CENTRAL.CONNZ",
    "_INBOX_hub.anything",
    "_INBOX_instance-1.anything",
    "_R_.anything",
]


def test_an_instance_cannot_say_what_is_not_for_it_to_say(guarded: NatsServer) -> None:
    assert asyncio.run(overreach(guarded, "instance-2", DIRECTLY)) == []


async def overreach(server: NatsServer, name: str, subjects: Sequence[str]) -> list[str]:
    """On which of these subjects a user may publish, when nothing comes of any of it."""
    async with User(server, "operator") as operator, User(server, name) as user:
        before = await state_of(operator)
        for subject in subjects:
            await user.client.publish(subject, LIE)
            await user.client.publish(subject, b"", reply=user.client.new_inbox())
        await user.settled()
        assert await state_of(operator) == before
        return [each for each in subjects if not user.was_refused(each)]


def test_an_instance_cannot_have_others_say_it(guarded: NatsServer, hub: NatsBus) -> None:
    """The server acknowledges, answers and delivers to whatever subject it is told."""
    hub.serve(f"{INTELLIGENCE}.*", lambda message: message.data)

    async def enemy() -> None:
        async with User(guarded, "operator") as operator, User(guarded, "instance-2") as bad:
            before = await own_left_out(operator)
            for what, where in product(OPEN, FORBIDDEN):
                for data in (b"", b"{}", LIE, b'{"batch": 1, "no_wait": true}'):
                    await bad.client.publish(what, data, reply=where)
            await bad.settled()
            assert await own_left_out(operator) == before

    asyncio.run(enemy())


async def own_left_out(operator: User) -> Mapping[str, Any]:
    """What is kept, without what `instance-2` has said of itself."""
    found = await operator.api("STREAM.INFO.GENERATIONS", subjects_filter=">")
    others = dict(found["state"]["subjects"])
    others.pop(subject_of(GENERATION, "instance-2"), None)
    rest = {
        name: each for name, each in (await state_of(operator)).items() if name != "GENERATIONS"
    }
    return {"others": others, "first": found["state"]["first_seq"], "rest": rest}


def test_an_instance_cannot_have_its_own_consumer_deliver_to_others(
    guarded: NatsServer, hub: NatsBus
) -> None:
    async def enemy() -> None:
        async with User(guarded, "operator") as operator, User(guarded, "instance-2") as bad:
            before = await own_left_out(operator)
            stream = {"name": "INSIGHTS", "subjects": [INSIGHTS], "storage": "file"}
            await bad.api("STREAM.CREATE.INSIGHTS", **stream)
            for where in FORBIDDEN:
                await bad.api(
                    "CONSUMER.DURABLE.CREATE.INSIGHTS.instance-2",
                    stream_name="INSIGHTS",
                    config={"durable_name": "instance-2", "deliver_subject": where},
                )
                await asyncio.to_thread(hub.publish, Message(subject=INSIGHTS, data=b"{}"))
            await bad.settled()
            after = await own_left_out(operator)
            assert (after["others"], after["first"]) == (before["others"], before["first"])

    asyncio.run(enemy())


def test_an_instance_hears_nothing_of_what_others_say(guarded: NatsServer, hub: NatsBus) -> None:
    heard: list[bytes] = []

    async def keep(message: Any) -> None:
        heard.append(message.data)

    async def enemy() -> None:
        async with User(guarded, "instance-2") as bad:
            for subject in (">", "$JS.>", "$SYS.>", "_INBOX_hub.>", "_R_.>", f"{GENERATION}.*"):
                await bad.client.subscribe(subject, cb=keep)
            await bad.settled()
            await asyncio.to_thread(talk, guarded, hub)
            await bad.settled()

    asyncio.run(enemy())
    assert b"for everybody" in heard
    assert not [each for each in heard if b"for one" in each]


def talk(server: NatsServer, hub: NatsBus) -> None:
    with closing(NatsBus(settings_of(server, "instance-1"))) as one:
        hub.serve(INTELLIGENCE, lambda _: b"for one")
        one.publish(Message(subject=AS_ANOTHER, data=b"for one"))
        assert one.request(Message(subject=INTELLIGENCE, data=b"for one")) == b"for one"
        hub.publish(Message(subject=INSIGHTS, data=b"for everybody"))
        basket = Basket()
        with closing(hub.consume("GENERATIONS", "hub", basket, QUICK)):
            assert basket.holds(1)


def test_an_instance_cannot_answer_in_place_of_the_hub(guarded: NatsServer) -> None:
    with ExitStack() as opened:
        hub, one, bad = (
            opened.enter_context(closing(NatsBus(settings_of(guarded, name))))
            for name in ("hub", "instance-1", "instance-2")
        )
        for subject in (INTELLIGENCE, f"{INTELLIGENCE}.*"):
            hub.serve(subject, lambda _: b"the truth")
            bad.serve(subject, lambda _: b"a lie")
        asked = [
            Message(subject=subject, data=b"")
            for subject in (INTELLIGENCE, subject_of(INTELLIGENCE, "instance-1"))
        ]
        assert {one.request(each) for each in asked * 10} == {b"the truth"}


def test_a_whole_hub_works_under_it(servers: None, tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "CULTIVAR_BUS_FOLDER": str(tmp_path)}
    with nats_server(FULL, environment) as server, ExitStack() as opened:
        store = opened.enter_context(closing(HubStore(f"sqlite:///{tmp_path / 'hub.db'}")))
        hubs, one = (
            opened.enter_context(closing(NatsBus(settings_of(server, name))))
            for name in ("hub", "instance-1")
        )
        hub = opened.enter_context(closing(Hub(hubs, store, QUICK_HUB)))
        insights = Basket()
        one.consume("INSIGHTS", "instance-1", insights, QUICK)
        good = [told(n, instance_id="instance-1") for n in range(40)]
        lies = [told(n, instance_id="instance-2") for n in range(100, 103)]
        messages = [
            Message(subject=AS_ANOTHER, data=json.encode(each), id=each["id"])
            for each in (*good, *lies)
        ]
        assert wait_for(partial(are_stored, one, messages))
        assert wait_for(lambda: counted(store) == 40 and hub.metrics["refused"] == 3)
        assert ask(one, "best_combinations")["combinations"][0]["count"] == 40
        assert insights.holds(1)
        assert hub.health()["status"] == "ok"


NOT_FOR_THE_HUB = [
    PURGE,
    DELETE,
    "$JS.API.CONSUMER.DELETE.GENERATIONS.another",
    "$JS.API.STREAM.UPDATE.GENERATIONS",
    "$JS.API.STREAM.CREATE.OTHER",
    AS_ANOTHER,
    "_INBOX_bridge.anything",
]

NOT_FOR_THE_BRIDGE = [
    PURGE,
    AS_ANOTHER,
    INSIGHTS,
    INTELLIGENCE,
    f"{DEAD_LETTER}.hub",
    "$JS.API.CONSUMER.MSG.NEXT.GENERATIONS.hub",
    "_INBOX_hub.anything",
]


@pytest.mark.parametrize(
    ("name", "subjects"), [("hub", NOT_FOR_THE_HUB), ("bridge", NOT_FOR_THE_BRIDGE)]
)
def test_hub_and_bridge_can_do_no_more_than_they_must(
    guarded: NatsServer, name: str, subjects: Sequence[str]
) -> None:
    assert asyncio.run(overreach(guarded, name, subjects)) == []


@pytest.mark.parametrize(
    ("name", "subject"),
    [("bridge", f"{GENERATION}.*"), ("bridge", "_INBOX_hub.>"), ("hub", "llm.request.*")],
)
def test_hub_and_bridge_do_not_hear_each_other(
    guarded: NatsServer, name: str, subject: str
) -> None:
    async def listen() -> list[str]:
        async with User(guarded, name) as user:
            await user.client.subscribe(subject)
            await user.settled()
            return user.complaints

    assert any("permissions violation" in each.lower() for each in asyncio.run(listen()))


def test_who_has_no_credentials_is_not_let_in(guarded: NatsServer) -> None:
    with pytest.raises(BusDeniedError):
        NatsBus(BusSettings(url=guarded.url))


def test_who_has_another_instances_password_only_is_not_let_in(guarded: NatsServer) -> None:
    settings = replace(settings_of(guarded, "instance-1"), user="instance-2")
    with pytest.raises(BusDeniedError):
        NatsBus(settings)


def test_before_there_is_a_hub_nothing_is_lost_and_no_stream_is_in_its_way(
    servers: None, tmp_path: Path
) -> None:
    message = Message(subject=AS_ANOTHER, data=b"{}", id="early")
    environment = {**ENVIRONMENT, "CULTIVAR_BUS_FOLDER": str(tmp_path)}
    with nats_server(FULL, environment) as server, ExitStack() as opened:
        settings = replace(settings_of(server, "instance-1"), timeout=0.5)
        one = opened.enter_context(closing(NatsBus(settings)))
        assert one.publish_all([message]).failed == (message,)
        hub = opened.enter_context(closing(NatsBus(settings_of(server, "hub"))))
        basket = Basket()
        hub.consume("GENERATIONS", "hub", basket, QUICK)
        assert wait_for(partial(are_stored, one, [message]))
        assert basket.holds(1)


def are_stored(bus: NatsBus, messages: Sequence[Message]) -> bool:
    return not bus.publish_all(messages).failed


def test_an_instance_may_have_an_nkey_in_place_of_a_password(servers: None, tmp_path: Path) -> None:
    seed, public = an_nkey()
    (tmp_path / "seed.nk").write_text(seed)
    text = re.sub(r"user: instance-1\n\s*password: \S+", f"nkey: {public}", CONFIGURATION)
    with working(text, tmp_path) as server:
        settings = BusSettings(url=server.url, nkey_seed_file=tmp_path / "seed.nk", timeout=0.5)
        with closing(NatsBus(settings)) as bus:
            assert wait_for(partial(are_stored, bus, [Message(subject=AS_ANOTHER, data=b"{}")]))
            with pytest.raises(BusDeniedError):
                bus.publish(Message(subject=subject_of(GENERATION, "instance-2"), data=b"{}"))


def test_it_speaks_tls_where_it_is_told_to(servers: None, tmp_path: Path) -> None:
    own, key = a_certificate(tmp_path)
    text = uncommented(CONFIGURATION, "tls {", "}")
    for name, file in (("server.pem", own), ("server-key.pem", key)):
        text = text.replace(f"/etc/nats/{name}", str(file))
    with working(text, tmp_path, tls_ca=own) as server:
        settings = replace(settings_of(server, "instance-1"), timeout=0.5)
        with closing(NatsBus(replace(settings, tls_ca=own))) as bus:
            assert wait_for(partial(are_stored, bus, [Message(subject=AS_ANOTHER, data=b"{}")]))
        with pytest.raises(BusDeniedError, match="certificate"):
            NatsBus(settings)


@contextmanager
def working(text: str, folder: Path, tls_ca: Path | None = None) -> Generator[NatsServer]:
    """A server of that configuration, with a hub on it."""
    environment = {**ENVIRONMENT, "CULTIVAR_BUS_FOLDER": str(folder / "streams")}
    with nats_server(text, environment) as server:
        settings = replace(settings_of(server, "hub"), tls_ca=tls_ca)
        with closing(NatsBus(settings)) as hub:
            hub.consume("GENERATIONS", "hub", Basket())
            yield server
