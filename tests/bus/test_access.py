from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from cultivar.bus.base import BusDeniedError, Message, matches
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import (
    GENERATION,
    INSIGHTS,
    INTELLIGENCE,
    MODEL_REQUEST,
    sender_of,
    subject_of,
)
from cultivar.errors import SettingsError
from cultivar.record import replace
from cultivar.settings import BusSettings, Secret
from cultivar.testing.buses import QUICK, Basket
from cultivar.testing.credentials import a_certificate, an_nkey, new_key, public_of
from cultivar.testing.hubs import wait_for
from cultivar.testing.nats import NatsServer, nats_server

READY_CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nats.conf"

pytestmark = pytest.mark.usefixtures("servers")

PASSWORDS = {
    "CULTIVAR_HUB_PASSWORD": "for-the-hub",
    "CULTIVAR_BRIDGE_PASSWORD": "for-the-bridge",
    "CULTIVAR_INSTANCE_1_PASSWORD": "for-instance-1",
}


def publishes(settings: BusSettings) -> bool:
    """Whether who has these settings can publish."""
    with closing(NatsBus(settings)) as bus:
        bus.publish(Message(subject=GENERATION, data=b"{}"))
    return True


def test_a_user_with_the_password_is_let_in() -> None:
    with nats_server("authorization { user: me, password: right }") as server:
        assert publishes(BusSettings(url=server.url, user="me", password=Secret("right")))


def test_a_wrong_password_is_told() -> None:
    with (
        nats_server("authorization { user: me, password: right }") as server,
        pytest.raises(BusDeniedError, match=r"does not let us in.*bus\.password") as caught,
    ):
        NatsBus(BusSettings(url=server.url, user="me", password=Secret("hunter2")))
    assert "hunter2" not in str(caught.value)


def test_a_server_without_jetstream_is_told_and_refuses_nothing_for_good() -> None:
    accounts = "accounts { A { users: [ { user: me, password: right } ] } }"
    message = Message(subject=GENERATION, data=b"{}")
    with nats_server(accounts) as server:
        settings = BusSettings(url=server.url, user="me", password=Secret("right"))
        with closing(NatsBus(settings)) as bus:
            published = bus.publish_all([message])
    assert (published.failed, published.refused) == ((message,), ())
    assert "JetStream" in published.why


def test_who_has_the_token_is_let_in() -> None:
    with nats_server("authorization { token: s3cret }") as server:
        assert publishes(BusSettings(url=server.url, token=Secret("s3cret")))


def test_who_has_no_token_is_not_let_in() -> None:
    with nats_server("authorization { token: s3cret }") as server, pytest.raises(BusDeniedError):
        NatsBus(BusSettings(url=server.url))


def test_who_has_the_seed_of_an_nkey_is_let_in(tmp_path: Path) -> None:
    seed, public = an_nkey()
    file = tmp_path / "seed.nk"
    file.write_text(seed)
    with nats_server(f"authorization {{ users: [ {{ nkey: {public} }} ] }}") as server:
        assert publishes(BusSettings(url=server.url, nkey_seed_file=file))


def test_who_has_another_nkey_is_not_let_in(tmp_path: Path) -> None:
    file = tmp_path / "seed.nk"
    file.write_text(an_nkey()[0])
    with (
        nats_server(f"authorization {{ users: [ {{ nkey: {an_nkey()[1]} }} ] }}") as server,
        pytest.raises(BusDeniedError),
    ):
        NatsBus(BusSettings(url=server.url, nkey_seed_file=file))


def test_who_has_the_credentials_of_a_user_is_let_in(tmp_path: Path) -> None:
    realm = Realm()
    file = tmp_path / "me.creds"
    file.write_text(realm.credentials())
    with nats_server(realm.configuration()) as server:
        assert publishes(BusSettings(url=server.url, credentials_file=file))


def test_who_has_credentials_of_elsewhere_is_not_let_in(tmp_path: Path) -> None:
    file = tmp_path / "me.creds"
    file.write_text(Realm().credentials())
    with nats_server(Realm().configuration()) as server, pytest.raises(BusDeniedError):
        NatsBus(BusSettings(url=server.url, credentials_file=file))


class Realm:
    """An operator, an account with JetStream and a user, as `nsc` makes them."""

    def __init__(self) -> None:
        self._operator, self._user = new_key("OPERATOR"), new_key("USER")
        self._system, self._account = new_key("ACCOUNT"), new_key("ACCOUNT")

    def configuration(self) -> str:
        """What the server is told."""
        operator = token(self._operator, self._operator, {"type": "operator", "version": 2})
        preloaded = (
            f"{public_of(key)}: {token(self._operator, key, {'type': 'account', **limits})}"
            for key, limits in ((self._system, limited()), (self._account, limited(-1)))
        )
        return (
            f"operator: {operator}\nsystem_account: {public_of(self._system)}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {', '.join(preloaded)} }}"
        )

    def credentials(self) -> str:
        """What the user has in a file."""
        claims = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
        return (
            "-----BEGIN NATS USER JWT-----\n"
            f"{token(self._account, self._user, claims)}\n"
            "------END NATS USER JWT------\n\n"
            "-----BEGIN USER NKEY SEED-----\n"
            f"{self._user.seed.decode()}\n"
            "------END USER NKEY SEED------\n"
        )


def limited(storage: int = 0) -> dict[str, Any]:
    """An account's limits: none but for JetStream's storage."""
    names = ("subs", "data", "payload", "conn", "leaf", "imports", "exports", "streams", "consumer")
    limits = {name: -1 for name in names} | {"disk_storage": storage, "mem_storage": storage}
    return {"version": 2, "limits": {**limits, "wildcards": True}}


def token(issuer: Any, subject: Any, claims: dict[str, Any]) -> str:
    """A JWT of NATS."""
    header = {"typ": "JWT", "alg": "ed25519-nkey"}
    body = {"jti": uuid4().hex, "iat": 1, "iss": public_of(issuer), "sub": public_of(subject)}
    text = f"{encoded(header)}.{encoded({**body, 'name': 'test', 'nats': claims})}"
    signature: bytes = issuer.sign(text.encode())
    return f"{text}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.nk"):
        NatsBus(BusSettings(url="nats://127.0.0.1:1", nkey_seed_file=tmp_path / "nothing.nk"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    return a_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def safe_server(certificate: tuple[Path, Path]) -> Iterator[NatsServer]:
    """A server that speaks TLS alone, and asks who connects for a certificate."""
    own, key = certificate
    tls = f'tls {{ cert_file: "{own}", key_file: "{key}", ca_file: "{own}", verify: true }}'
    with nats_server(tls) as server:
        yield server


def test_a_server_whose_certificate_is_trusted_is_connected_to(
    safe_server: NatsServer, certificate: tuple[Path, Path]
) -> None:
    own, key = certificate
    assert publishes(BusSettings(url=safe_server.url, tls_ca=own, tls_certificate=own, tls_key=key))


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(safe_server: NatsServer) -> None:
    with pytest.raises(BusDeniedError, match="certificate"):
        NatsBus(BusSettings(url=safe_server.url))


@pytest.fixture(scope="module")
def guarded(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with the configuration that we ship, whose streams the hub has made."""
    text = READY_CONFIGURATION.read_text(encoding="utf-8")
    folder = str(tmp_path_factory.mktemp("streams"))
    with nats_server(text, {**PASSWORDS, "CULTIVAR_BUS_FOLDER": folder}) as server:
        with closing(NatsBus(user(server, "hub", "for-the-hub"))) as hub:
            hub.publish(Message(subject=INSIGHTS, data=b"{}"))
            with closing(hub.consume("GENERATIONS", "hub", Basket())):
                settings = user(server, "instance-1", "for-instance-1")
                wait_for_the_stream(replace(settings, timeout=0.5))
        yield server


def wait_for_the_stream(settings: BusSettings) -> None:
    message = Message(subject=subject_of(GENERATION, settings.user), data=b"{}")
    with closing(NatsBus(settings)) as bus:
        assert wait_for(lambda: not bus.publish_all([message]).failed)


def user(server: NatsServer, name: str, password: str) -> BusSettings:
    return BusSettings(
        url=server.url, user=name, password=Secret(password), inbox_prefix=f"_INBOX_{name}"
    )


@pytest.fixture
def instance(guarded: NatsServer) -> Iterator[NatsBus]:
    with closing(NatsBus(user(guarded, "instance-1", "for-instance-1"))) as bus:
        yield bus


@pytest.fixture
def hub(guarded: NatsServer) -> Iterator[NatsBus]:
    with closing(NatsBus(user(guarded, "hub", "for-the-hub"))) as bus:
        yield bus


def test_an_instance_publishes_under_its_own_id(instance: NatsBus, hub: NatsBus) -> None:
    basket = Basket()
    hub.consume("GENERATIONS", "hub", basket, QUICK)
    instance.publish(Message(subject=subject_of(GENERATION, "instance-1"), data=b"{}", id="one"))
    assert basket.holds(1)
    assert sender_of(GENERATION, basket.deliveries[0].message.subject) == "instance-1"


@pytest.mark.parametrize(
    "subject",
    [
        subject_of(GENERATION, "instance-2"),
        GENERATION,
        INSIGHTS,
        subject_of(MODEL_REQUEST, "instance-2"),
    ],
)
def test_an_instance_cannot_publish_as_another(instance: NatsBus, subject: str) -> None:
    with pytest.raises(BusDeniedError, match=subject):
        instance.publish(Message(subject=subject, data=b"{}"))


def test_an_instance_hears_insights(instance: NatsBus, hub: NatsBus) -> None:
    basket = Basket()
    instance.consume("INSIGHTS", "instance-1", basket, QUICK)

    def tell() -> bool:
        """Tell it once more: what was told before its stream was there is over."""
        hub.publish(Message(subject=INSIGHTS, data=b"new"))
        return basket.holds(1, 0.1)

    assert wait_for(tell)
    assert basket.deliveries[-1].message.data == b"new"


def test_an_instance_asks_the_hub(instance: NatsBus, hub: NatsBus) -> None:
    hub.serve(INTELLIGENCE, lambda message: iter([message.data, b"!"]))
    assert instance.request(Message(subject=INTELLIGENCE, data=b"hello")) == b"hello!"


def test_an_instance_asks_the_bridge(instance: NatsBus, guarded: NatsServer) -> None:
    with closing(NatsBus(user(guarded, "bridge", "for-the-bridge"))) as bridge:
        bridge.serve(f"{MODEL_REQUEST}.*", lambda message: iter([b"a"] * 500))
        asked = Message(subject=subject_of(MODEL_REQUEST, "instance-1"), data=b"")
        assert instance.request(asked) == b"a" * 500


def test_what_a_plain_client_publishes_is_kept(server: NatsServer) -> None:
    async def publish() -> None:
        client = Client()
        await client.connect(server.url)
        await client.publish(GENERATION, b'{"template_id": "t"}')
        await client.drain()

    basket = Basket()
    with closing(NatsBus(BusSettings(url=server.url))) as bus:
        bus.publish(Message(subject=GENERATION, data=b"{}"))
        asyncio.run(publish())
        bus.consume("GENERATIONS", "hub", basket, QUICK)
        assert basket.holds(2)
    assert basket.deliveries[1].message.data == b'{"template_id": "t"}'


def test_a_plain_client_gets_a_plain_answer(server: NatsServer) -> None:
    async def ask() -> bytes:
        client = Client()
        await client.connect(server.url)
        answer = await client.request(INTELLIGENCE, b"{}", timeout=5)
        await client.close()
        return answer.data

    with closing(NatsBus(BusSettings(url=server.url))) as bus:
        bus.publish(Message(subject=GENERATION, data=b"{}"))
        bus.serve(INTELLIGENCE, lambda _: b'{"confidence": 1}')
        assert asyncio.run(ask()) == b'{"confidence": 1}'


@given(st.text(min_size=1))
def test_the_sender_is_read_back_from_the_subject(sender: str) -> None:
    assert sender_of(GENERATION, subject_of(GENERATION, sender)) == sender


@given(st.text(min_size=1))
def test_a_sender_is_one_token_of_its_subject(sender: str) -> None:
    subject = subject_of(GENERATION, sender)
    assert matches(f"{GENERATION}.*", subject)
    assert subject.isascii()
    assert not set(subject) & set(" *>\t\r\n")


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("*.b", "a.b", True),
    ],
)
def test_patterns_match_as_in_nats(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected
