"""Bridges that die, providers that are slow, and buses that are not there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from pydantic import BaseModel

from cultivar.bus.base import Message as BusMessage
from cultivar.errors import ModelUnavailableError
from cultivar.llm.base import Message, ModelReply, ProviderError
from cultivar.llm.door import Door
from cultivar.llm.retrying import Retrying
from cultivar.testing.bridges import MODEL, PATIENCE, Bridges, ask
from cultivar.testing.clock import SteppedClock
from cultivar.testing.nats import NatsServer
from cultivar.testing.openai_server import Cut, Hang, Say
from cultivar.testing.providers import a_request
from cultivar.testing.records import MemoryCallRecord


class Choice(BaseModel):
    value: str


ASKED = (Message(role="user", content="Which cache?"),)


def asked_in_the_background(bridges: Bridges) -> Future[ModelReply]:
    """A call under way, whose request has reached the service."""
    provider = bridges.provider()
    pool = ThreadPoolExecutor(1)
    reply = pool.submit(provider.complete, a_request())
    pool.shutdown(wait=False)
    until = time.monotonic() + 20
    while not bridges.service.requests and time.monotonic() < until:
        time.sleep(0.02)
    assert bridges.service.requests
    return reply


def test_a_bridge_killed_amid_its_answer_is_noticed(bridges: Bridges) -> None:
    bridges.service.enqueue(Say(" ".join(["word"] * 200), drip=0.1))
    process = bridges.process()
    reply = asked_in_the_background(bridges)
    process.kill()
    began = time.monotonic()
    with pytest.raises(ProviderError, match="fell silent") as caught:
        reply.result(60)
    assert caught.value.retry
    assert time.monotonic() - began < PATIENCE + 5


def test_another_bridge_answers_what_a_killed_one_did_not(bridges: Bridges) -> None:
    bridges.service.enqueue(Hang(), Say('{"value": "from the other"}'))
    process = bridges.process()
    clock = SteppedClock()
    record = MemoryCallRecord()
    door = Door(bridges.provider(), record, retrying=Retrying(time=clock.time))
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(door.ask, "run", "test", ASKED, Choice)
        while not bridges.service.requests:
            time.sleep(0.02)
        bridges.bridge()
        process.kill()
        assert reply.result(60).value == "from the other"
    assert [call.attempts for call in record.calls] == [2]


def test_a_bridge_that_is_told_to_stop_answers_first(on_a_server: Bridges) -> None:
    on_a_server.service.enqueue(Say("to the end", delay=1.5))
    process = on_a_server.process()
    reply = asked_in_the_background(on_a_server)
    process.send_signal(signal.SIGTERM)
    assert reply.result(30).text == "to the end"
    assert process.wait(20) == 0


def test_what_takes_too_long_to_end_is_given_up_and_told(bridges: Bridges) -> None:
    bridges.service.enqueue(Hang())
    bridge = bridges.bridge()
    reply = asked_in_the_background(bridges)
    began = time.monotonic()
    bridge.close(0.5)
    with pytest.raises(ProviderError, match="being stopped") as caught:
        reply.result(30)
    assert caught.value.retry
    assert time.monotonic() - began < 5


def test_a_slow_provider_is_given_up_as_the_bridge_has_it(bridges: Bridges) -> None:
    bridges.service.enqueue(Hang())
    bridges.bridge(bridges.model(timeout=0.5))
    with pytest.raises(ProviderError, match=r"0\.5 seconds|[Tt]imed? ?out") as caught:
        bridges.provider().complete(a_request())
    assert caught.value.retry


def test_a_slow_provider_is_given_up_as_the_caller_has_it(bridges: Bridges) -> None:
    bridges.service.enqueue(Hang())
    bridges.bridge()
    began = time.monotonic()
    with pytest.raises(ProviderError, match=r"`model\.timeout`") as caught:
        bridges.provider(timeout=0.7).complete(a_request())
    assert caught.value.retry
    assert time.monotonic() - began < 5


def test_what_came_too_late_is_recorded_all_the_same(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("too late", delay=1.5))
    bridges.bridge()
    with pytest.raises(ProviderError):
        bridges.provider(timeout=0.3).complete(a_request())
    until = time.monotonic() + 20
    while not bridges.record.calls and time.monotonic() < until:
        time.sleep(0.05)
    assert [(call.prompt_tokens, call.error) for call in bridges.record.calls] == [(11, "")]


def test_a_bridge_answers_again_when_its_server_is_back(
    on_a_server: Bridges, server: NatsServer
) -> None:
    on_a_server.service.enqueue(Say("before"), Say('{"value": "after"}'))
    on_a_server.bridge()
    provider = on_a_server.provider()
    assert provider.complete(a_request()).text == "before"
    server.kill()
    server.start()
    door = Door(provider, MemoryCallRecord(), retrying=Retrying(retries=10, longest=2.0))
    assert door.ask("run", "test", ASKED, Choice).value == "after"


def test_a_provider_that_breaks_off_amid_its_answer_is_told(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("one two three four", until=2), Cut("headers"))
    bridges.bridge()
    pieces: list[str] = []
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            bridges.provider().stream(a_request(), pieces.append)
        assert caught.value.retry
    assert pieces == ["one", " two"]


def test_without_a_bridge_a_server_says_so_at_once(on_a_server: Bridges) -> None:
    began = time.monotonic()
    with pytest.raises(ProviderError, match=r"No bridge answers.*`cultivar bridge`") as caught:
        on_a_server.provider().complete(a_request())
    assert caught.value.retry
    assert time.monotonic() - began < 2


def test_without_a_bridge_on_this_machine_there_is_none(on_a_file: Bridges) -> None:
    with pytest.raises(ModelUnavailableError, match=r"No bridge answers.*`cultivar bridge`"):
        on_a_file.provider().complete(a_request())


def test_a_bridge_that_was_there_may_come_back(on_a_file: Bridges) -> None:
    on_a_file.service.enqueue(Say("fine"))
    provider = on_a_file.provider()
    with closing(on_a_file.bridge()):
        provider.complete(a_request())
    with pytest.raises(ProviderError, match="No bridge answers") as caught:
        provider.complete(a_request())
    assert caught.value.retry


def test_without_a_bus_there_is_no_bridge(on_a_server: Bridges) -> None:
    on_a_server.url = "nats://127.0.0.1:1"
    with pytest.raises(ProviderError, match=r"No bridge answers: The bus at .*127\.0\.0\.1:1"):
        on_a_server.provider().complete(a_request())


def test_an_endless_answer_is_cut(on_a_file: Bridges) -> None:
    """A bridge that means no good says that it is alive, and nothing more."""
    ended = threading.Event()

    def endless(_: BusMessage) -> Iterator[bytes]:
        while not ended.wait(0.2):
            yield b'{"kind": "alive"}'

    with closing(on_a_file.bus()) as bus:
        bus.serve("llm.request.*", endless)
        with pytest.raises(ProviderError, match=r"`model\.timeout`"):
            on_a_file.provider(timeout=0.5).complete(a_request())
        ended.set()


@pytest.mark.parametrize(
    "answered", [b"", b"{}", b"[" * 50_000, b'{"kind": "answer"}', b'{"kind": "piece", "text": 1}']
)
def test_nonsense_for_an_answer_is_an_error_of_the_seam(
    answered: bytes, on_a_file: Bridges
) -> None:
    with closing(on_a_file.bus()) as bus:
        bus.serve("llm.request.*", lambda _: answered)
        with pytest.raises(ProviderError, match="cannot be read"):
            on_a_file.provider().complete(a_request())


def test_a_request_larger_than_a_message_is_refused_here(on_a_file: Bridges) -> None:
    with pytest.raises(ProviderError, match="bytes") as caught:
        on_a_file.provider().complete(a_request("x" * 1_000_000))
    assert not caught.value.retry


def test_who_went_away_is_no_trouble(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("for nobody", delay=1), Say("for us"))
    bridges.bridge()
    code = (
        "from cultivar.testing.bridges import ask\n"
        "from cultivar.bus.opening import open_bus\n"
        "from cultivar.settings import BusSettings\n"
        "from pathlib import Path\n"
        f"ask(open_bus(BusSettings(url={bridges.url!r}), Path({str(bridges.home)!r})), 'one')"
    )
    gone = subprocess.Popen([sys.executable, "-c", code])
    while not bridges.service.requests:
        time.sleep(0.02)
    gone.kill()
    gone.wait()
    assert ask(bridges.bus(), "one")["content"] == "for us"
    assert [call.model for call in bridges.record.calls] == [MODEL, MODEL]
