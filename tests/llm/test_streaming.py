"""Replies that come piece by piece, through the real litellm."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cultivar.errors import ModelUnavailableError
from cultivar.llm.base import ProviderError, StreamingProvider
from cultivar.llm.litellm import LitellmModel
from cultivar.llm.scripted import ScriptedModel
from cultivar.record import replace
from cultivar.settings import ModelSettings, Secret
from cultivar.testing.openai_server import Act, Cut, Fail, Garble, Hang, OpenAIServer, Say
from cultivar.testing.providers import a_request

PRICED = "openai/gpt-4o-mini"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def model(server: OpenAIServer, name: str = PRICED, timeout: float = 20) -> LitellmModel:
    settings = ModelSettings(
        name=name, api_base=server.api_base, api_key=Secret("sk-key"), timeout=timeout
    )
    return LitellmModel(settings, grace=0.5)


def nobody(piece: str) -> None:
    """Hears nothing."""


def test_the_pieces_come_as_the_model_speaks_and_are_the_text(server: OpenAIServer) -> None:
    server.enqueue(Say("one  two\nthree ", drip=0.1))
    pieces: list[str] = []
    times: list[float] = []

    def tell(piece: str) -> None:
        pieces.append(piece)
        times.append(time.monotonic())

    reply = model(server).stream(a_request(), tell)
    assert "".join(pieces) == reply.text == "one  two\nthree "
    assert len(pieces) == 4
    assert times[-1] - times[0] > 0.2


@pytest.mark.parametrize("name", [PRICED, "openai/nobody-knows-this-one"])
def test_a_stream_costs_what_the_same_reply_costs_at_once(name: str, server: OpenAIServer) -> None:
    server.enqueue(*[Say("fine", prompt_tokens=1000, completion_tokens=100)] * 2)
    at_once = model(server, name).complete(a_request())
    streamed = model(server, name).stream(a_request(), nobody)
    assert replace(streamed, seconds=0) == replace(at_once, seconds=0)


def test_a_request_without_a_schema_asks_for_plain_text(server: OpenAIServer) -> None:
    server.enqueue(Say("plainly"))
    request = replace(a_request(), schema={}, schema_name="")
    assert model(server).complete(request).text == "plainly"
    (asked,) = server.requests
    assert "response_format" not in asked.body
    assert len(asked.body["messages"]) == len(request.messages)


@pytest.mark.parametrize(
    "act",
    [Fail(500), Fail(429), Cut("before"), Cut("body"), Garble(), Say("one two three", until=1)],
    ids=repr,
)
def test_a_stream_that_fails_may_be_tried_again(act: Act, server: OpenAIServer) -> None:
    server.enqueue(act)
    with pytest.raises(ProviderError) as caught:
        model(server).stream(a_request(), nobody)
    assert caught.value.retry


def test_a_reply_that_is_no_stream_may_be_charged_for(server: OpenAIServer) -> None:
    server.enqueue(Garble())
    with pytest.raises(ProviderError, match="answered with nothing") as caught:
        model(server).stream(a_request(), nobody)
    assert caught.value.billed


def test_a_stream_that_is_denied_is_not(server: OpenAIServer) -> None:
    server.enqueue(Fail(401))
    with pytest.raises(ModelUnavailableError, match="denied"):
        model(server).stream(a_request(), nobody)


@pytest.mark.parametrize("act", [Hang(), Say(" ".join(["word"] * 100), drip=0.3)], ids=repr)
def test_a_stream_that_is_slow_is_given_up_and_tells_nothing_after(
    act: Act, server: OpenAIServer
) -> None:
    server.enqueue(act)
    pieces: list[str] = []
    with pytest.raises(ProviderError) as caught:
        model(server, timeout=0.5).stream(a_request(), pieces.append)
    told = len(pieces)
    time.sleep(0.7)
    assert (caught.value.retry, len(pieces)) == (True, told)


def test_who_cannot_stream_does_not_say_so() -> None:
    assert not isinstance(ScriptedModel(), StreamingProvider)
