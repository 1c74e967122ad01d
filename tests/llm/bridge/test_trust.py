"""On the server that `deploy/nats.conf` describes, a bridge does its work, and budgets hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from cultivar.bus.nats import NatsBus
from cultivar.bus.opening import Line
from cultivar.errors import UnavailableError
from cultivar.llm.base import ProviderError
from cultivar.llm.bridge.caller import BridgeProvider
from cultivar.llm.bridge.protocol import BridgeBudgetSpentError
from cultivar.llm.bridge.server import Bridge
from cultivar.llm.redaction import Redactor
from cultivar.settings import BridgeSettings, BusSettings, ModelSettings, Secret, Settings
from cultivar.testing.bridges import MODEL, ask
from cultivar.testing.nats import NatsServer, nats_server
from cultivar.testing.openai_server import OpenAIServer, Say
from cultivar.testing.providers import a_request
from cultivar.testing.records import MemoryCallRecord

READY_CONFIGURATION = Path(__file__).parents[3] / "deploy" / "nats.conf"

PASSWORDS = {
    "CULTIVAR_HUB_PASSWORD": "for-the-hub",
    "CULTIVAR_BRIDGE_PASSWORD": "for-the-bridge",
    "CULTIVAR_INSTANCE_1_PASSWORD": "for-instance-1",
}


@pytest.fixture
def ready(servers: None, tmp_path: Path) -> Iterator[NatsServer]:
    environment = {**PASSWORDS, "CULTIVAR_BUS_FOLDER": str(tmp_path / "bus")}
    with nats_server(READY_CONFIGURATION.read_text(), environment) as started:
        yield started


def who(server: NatsServer, name: str) -> BusSettings:
    password = Secret(PASSWORDS[f"CULTIVAR_{name.replace('-', '_').upper()}_PASSWORD"])
    return BusSettings(
        url=server.url, user=name, password=password, inbox_prefix=f"_INBOX_{name}", timeout=2
    )


@pytest.fixture
def bridge(
    ready: NatsServer, service: OpenAIServer, tmp_path: Path, opened: ExitStack
) -> MemoryCallRecord:
    """A bridge that pays for one call of each instance; returns its record."""
    bus = NatsBus(who(ready, "bridge"))
    opened.callback(bus.close)
    model = ModelSettings(name=MODEL, api_base=service.api_base, api_key=Secret("sk-key"))
    settings = Settings(home=tmp_path, model=model, bridge=BridgeSettings(calls=1))
    record = MemoryCallRecord()
    opened.callback(Bridge(bus, settings, record, Redactor()).close)
    return record


def provider(
    server: NatsServer, instance: str, opened: ExitStack, patience: float = 5.0
) -> BridgeProvider:
    settings = Settings(
        instance_id=instance, model=ModelSettings(name="bridge"), bus=who(server, "instance-1")
    )
    line = Line(lambda: NatsBus(settings.bus))
    opened.callback(line.close)
    return BridgeProvider(settings, line, patience)


def test_an_instance_is_answered_under_its_own_name_and_budget(
    ready: NatsServer, bridge: MemoryCallRecord, service: OpenAIServer, opened: ExitStack
) -> None:
    service.enqueue(Say("one two three", drip=0.02))
    ours, pieces = provider(ready, "instance-1", opened), list[str]()
    assert ours.stream(a_request(), pieces.append).text == "one two three"
    assert pieces == ["one", " two", " three"]
    with pytest.raises(BridgeBudgetSpentError):
        ours.complete(a_request())
    assert [call.run_id.split(":")[1] for call in bridge.calls] == ["instance-1"]


@pytest.mark.usefixtures("bridge")
def test_an_instance_cannot_spend_another_s_budget(
    ready: NatsServer, service: OpenAIServer, opened: ExitStack
) -> None:
    with pytest.raises(ProviderError, match="No bridge answers"):
        provider(ready, "instance-2", opened, 1.0).complete(a_request())
    assert service.requests == ()


@pytest.mark.usefixtures("bridge")
def test_nobody_asks_without_a_name(ready: NatsServer, service: OpenAIServer) -> None:
    with closing(NatsBus(who(ready, "instance-1"))) as bus, pytest.raises(UnavailableError):
        ask(bus, timeout=1)
    assert service.requests == ()
