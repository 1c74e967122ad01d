"""Who speaks NATS and JSON as the first system does is understood, and understands the answer."""

from __future__ import annotations

import asyncio
from contextlib import closing
from json import dumps, loads
from typing import Any

from nats.aio.client import Client

from cultivar.bus.nats import NatsBus
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.settings import BusSettings
from cultivar.testing.hubs import QUICK
from cultivar.testing.nats import NatsServer
from cultivar.testing.postgres import PostgresServer

TEMPLATE = "quality_template:elixir-production"


async def publish_and_ask(url: str) -> dict[str, Any]:
    plain: Any = Client()  # its own types are partly unknown
    await plain.connect(url)
    for number in range(100):
        is_good = number % 2 == 0
        told = {
            "template_id": TEMPLATE,
            "template_version": "2.4.0",
            "answers": {"use_genserver": True, "use_ets": is_good},
            "success": is_good,
            "quality_score": 0.9,
            "instance_id": "singularity-1",
            "generated_at": f"2026-10-01T12:00:{number % 60:02}.{number:06}Z",
        }
        await plain.publish("centralcloud.template.generation", dumps(told).encode())
    asked = dumps({"action": "suggest_defaults", "template_id": TEMPLATE}).encode()
    found: dict[str, Any] = {}
    for _ in range(200):
        reply = await plain.request("centralcloud.template.intelligence", asked, timeout=10)
        found = loads(reply.data)
        if found.get("sample_size") == 100:
            break
        await asyncio.sleep(0.05)
    await plain.close()
    return found


def test_a_client_of_the_first_system_is_counted_and_answered(
    server: NatsServer, postgres: PostgresServer
) -> None:
    with (
        postgres.database() as database,
        closing(HubStore(database)) as store,
        closing(NatsBus(BusSettings(url=server.url))) as bus,
        closing(Hub(bus, store, QUICK)),
    ):
        found = asyncio.run(publish_and_ask(server.url))
    assert found["suggested_answers"]["use_ets"] is True
    assert (found["sample_size"], found["instances"]) == (100, 1)
    assert found["confidence"] > 0
