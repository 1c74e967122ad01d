"""What a bridge answers, to callers of ours and to others."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from json import loads
from typing import Any

import pytest

from cultivar.bus.base import Message
from cultivar.bus.subjects import MODEL_REQUEST
from cultivar.errors import ModelUnavailableError, SettingsError
from cultivar.llm.base import Provider, ProviderError
from cultivar.settings import ModelSettings
from cultivar.testing.bridges import KEY, MODEL, Bridges, ask, message
from cultivar.testing.openai_server import Fail, Say
from cultivar.testing.providers import ProviderConformance, a_request
from cultivar.testing.records import MemoryCallRecord


class TestConformance(ProviderConformance):
    @pytest.fixture(autouse=True)
    def serve(self, bridges: Bridges) -> None:
        self._bridges = bridges

    def provider(self, *texts: str) -> Provider:
        self._bridges.service.enqueue(*map(Say, texts))
        self._bridges.bridge()
        return self._bridges.provider()

    def failing_provider(self) -> Provider:
        self._bridges.service.enqueue(Fail(500))
        self._bridges.bridge()
        return self._bridges.provider()


def test_a_caller_without_a_key_is_told_what_it_cost(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("fine", prompt_tokens=1000, completion_tokens=100))
    bridges.bridge()
    reply = bridges.provider().complete(a_request())
    assert (reply.text, reply.model) == ("fine", MODEL)
    assert (reply.prompt_tokens, reply.completion_tokens) == (1000, 100)
    assert reply.money == pytest.approx(0.00021)
    assert bridges.service.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_the_schema_reaches_the_model(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("{}"))
    bridges.bridge()
    bridges.provider().complete(a_request())
    (asked,) = bridges.service.requests
    assert asked.body["response_format"]["json_schema"]["name"] == "Choice"


def test_an_answer_comes_in_parts_while_the_model_speaks(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("one two three four", drip=0.1))
    bridges.bridge()
    parts: list[dict[str, Any]] = []
    times: list[float] = []
    for part in bridges.bus().stream(message("one", stream=True, id=7), 20):
        parts.append(loads(part))
        times.append(time.monotonic())
    assert parts[0] == {"kind": "alive"}
    pieces = [part["text"] for part in parts if part["kind"] == "piece"]
    assert pieces == ["one", " two", " three", " four"]
    assert times[-1] - times[0] > 0.3
    last = parts[-1]
    assert (last["kind"], last["id"], last["usage"]["completion_tokens"]) == ("answer", 7, 7)


def test_a_caller_hears_the_pieces_as_the_model_speaks(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("one two three", drip=0.2), Say("all at once"))
    bridges.bridge()
    pieces: list[str] = []
    reply = bridges.provider().stream(a_request(), pieces.append)
    assert pieces == ["one", " two", " three"]
    assert (reply.text, reply.completion_tokens) == ("one two three", 7)
    assert bridges.provider().complete(a_request()).text == "all at once"
    assert [bool(each.body.get("stream")) for each in bridges.service.requests] == [True, False]


def test_a_model_that_thinks_is_not_taken_for_a_dead_bridge(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("at last", delay=2.5))
    bridges.bridge()
    parts = [loads(part)["kind"] for part in bridges.bus().stream(message(alive=True), 2)]
    assert parts[0] == "alive"
    assert parts.count("alive") >= 3
    assert parts[-1] == "answer"


def test_who_asks_plainly_gets_one_answer(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("use an LRU"))
    bridges.bridge()
    answer = ask(bridges.bus(), id="a1", model=MODEL, temperature=0.3)
    assert (answer["id"], answer["model"], answer["content"]) == ("a1", MODEL, "use an LRU")
    assert answer["usage"]["prompt_tokens"] == 11


def test_a_text_larger_than_a_message_comes_in_parts_or_not_at_all(bridges: Bridges) -> None:
    long = "é" * 1_100_000
    bridges.service.enqueue(Say(long), Say(long))
    bridges.bridge()
    assert bridges.provider().complete(a_request()).text == long
    assert ask(bridges.bus(), id=1)["reason"] == "request"


MALFORMED = {
    "nothing": b"",
    "no JSON": b"\xff\x00{",
    "a list": b"[]",
    "no messages": b"{}",
    "an empty conversation": b'{"messages": []}',
    "a strange role": b'{"messages": [{"role": "root", "content": "x"}]}',
    "no content": b'{"messages": [{"role": "user"}]}',
    "a list for a text": b'{"messages": [{"role": "user", "content": []}]}',
    "deep": b'{"messages":' + b"[" * 100_000,
    "a time before now": b'{"messages": [{"role": "user", "content": "x"}], "timeout": -1}',
    "large": b'{"messages": [{"role": "user", "content": "' + b"x" * 950_000 + b'"}]}',
}


def test_what_is_no_request_is_answered_so_and_stops_nothing(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("fine"))
    bridges.bridge()
    bus = bridges.bus()
    answers = {
        name: loads(bus.request(Message(subject=MODEL_REQUEST, data=data), 20))
        for name, data in MALFORMED.items()
    }
    assert {name for name, answer in answers.items() if answer["reason"] != "request"} == set()
    assert ask(bus)["content"] == "fine"
    assert len(bridges.service.requests) == 1


def test_a_name_that_is_too_long_is_told_so(bridges: Bridges) -> None:
    bridges.bridge()
    assert ask(bridges.bus(), "x" * 201)["reason"] == "request"


def test_a_caller_sets_neither_address_nor_key(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("fine"))
    bridges.bridge()
    evil = {"api_base": "http://127.0.0.1:1/v1", "api_key": "sk-mine", "base_url": "http://x"}
    assert ask(bridges.bus(), **evil)["content"] == "fine"
    (asked,) = bridges.service.requests
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert not {"api_base", "base_url", "api_key"} & set(asked.body)


def test_only_models_that_the_bridge_offers_are_asked(bridges: Bridges) -> None:
    other = "openai/gpt-4.1-mini"
    bridges.service.enqueue(Say("from the other"))
    bridges.bridge(models=(other,))
    reply = bridges.provider(name=f"bridge:{other}").complete(a_request())
    assert (reply.text, reply.model) == ("from the other", other)
    assert bridges.service.requests[0].body["model"] == "gpt-4.1-mini"
    with pytest.raises(ModelUnavailableError, match=r"'openai/o3'.*'openai/gpt-4\.1-mini'"):
        bridges.provider(name="bridge:openai/o3").complete(a_request())


def test_the_key_of_one_service_is_not_given_to_another(on_a_file: Bridges) -> None:
    on_a_file.bridge(models=("together_ai/some-model",))
    with pytest.raises(ModelUnavailableError, match="was refused"):  # it is not on the loopback
        on_a_file.provider(name="bridge:together_ai/some-model").complete(a_request())
    assert on_a_file.service.requests == ()


@pytest.mark.parametrize("name", ["builtin", "none", "bridge", "bridge:openai/x"])
def test_a_bridge_without_a_model_of_its_own_does_not_start(name: str, on_a_file: Bridges) -> None:
    with pytest.raises(SettingsError, match=r"model\.name"):
        on_a_file.bridge(ModelSettings(name=name))


def test_the_bridge_s_own_key_is_in_no_error(bridges: Bridges) -> None:
    bridges.service.enqueue(
        Fail(401, f"Incorrect API key provided: {KEY}"), Fail(400, f"{KEY} is not for this")
    )
    bridges.bridge()
    for error in (ModelUnavailableError, ProviderError):
        with pytest.raises(error) as caught:
            bridges.provider().complete(a_request())
        assert KEY not in str(caught.value)
        assert "********" in str(caught.value)


def test_what_a_provider_says_of_retrying_reaches_the_caller(bridges: Bridges) -> None:
    bridges.service.enqueue(Fail(429, retry_after="17"), Fail(400))
    bridges.bridge()
    with pytest.raises(ProviderError) as limited:
        bridges.provider().complete(a_request())
    with pytest.raises(ProviderError) as wrong:
        bridges.provider().complete(a_request())
    assert (limited.value.retry, limited.value.after) == (True, 17)
    assert wrong.value.retry is False


def test_the_bridge_asks_again_for_who_does_not_and_only_for_those(bridges: Bridges) -> None:
    bridges.service.enqueue(Fail(500), Say("at the second"), Fail(500))
    bridges.bridge()
    bus = bridges.bus()
    assert ask(bus)["content"] == "at the second"
    assert ask(bus, retries=0)["retry"] is True
    assert len(bridges.service.requests) == 3


def test_two_bridges_share_the_requests(bridges: Bridges) -> None:
    bridges.service.enqueue(*[Say("fine", delay=0.1)] * 16)
    records = [MemoryCallRecord(), MemoryCallRecord()]
    for record in records:
        bridges.bridge(record=record)
    provider = bridges.provider()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(provider.complete, [a_request()] * 16))
    assert [reply.text for reply in replies] == ["fine"] * 16
    assert sum(len(record.calls) for record in records) == 16
    assert all(record.calls for record in records)
