"""Who speaks NATS and JSON as the first system does gets a model's answer."""

from __future__ import annotations

import asyncio
from json import dumps, loads
from typing import Any

from nats.aio.client import Client

from cultivar.testing.bridges import MODEL, Bridges
from cultivar.testing.openai_server import Say

ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "Which cache?"}]}


async def connected(url: str) -> Any:
    client: Any = Client()  # its own types are partly unknown
    await client.connect(url)
    return client


async def requested(url: str) -> dict[str, Any]:
    client = await connected(url)
    reply = await client.request("llm.request", dumps(ASKED).encode(), timeout=20)
    await client.close()
    answer: dict[str, Any] = loads(reply.data)
    return answer


async def published(url: str, *requests: bytes) -> list[dict[str, Any]]:
    """What is heard on `llm.response` of requests that name no inbox."""
    client = await connected(url)
    heard = await client.subscribe("llm.response")
    for each in requests:
        await client.publish("llm.request", each)
    answers = [loads((await heard.next_msg(20)).data) for _ in requests]
    await client.close()
    return answers


def test_a_request_is_answered_in_its_inbox(on_a_server: Bridges) -> None:
    on_a_server.service.enqueue(Say("an LRU"))
    on_a_server.bridge()
    answer = asyncio.run(requested(on_a_server.url))
    assert (answer["content"], answer["model"]) == ("an LRU", MODEL)


def test_a_request_without_an_inbox_is_answered_under_its_id(on_a_server: Bridges) -> None:
    on_a_server.service.enqueue(*[Say("an LRU")] * 2)
    on_a_server.bridge()
    requests = [dumps({"id": each, **ASKED}).encode() for each in ("a", 2)]
    answers = asyncio.run(published(on_a_server.url, *requests))
    assert {each["id"]: each["content"] for each in answers} == {"a": "an LRU", 2: "an LRU"}


def test_a_request_that_cannot_be_answered_is_told_so_under_its_id(on_a_server: Bridges) -> None:
    on_a_server.bridge()
    request = dumps({"id": "a", **ASKED, "model": "nobody/has-it"}).encode()
    (answer,) = asyncio.run(published(on_a_server.url, request))
    assert (answer["id"], answer["reason"]) == ("a", "model")
    assert "nobody/has-it" in answer["error"]
