"""What tests of the hub share: what instances tell, what they ask, and where all of it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import json

from cultivar.bus.base import Bus, Message
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import GENERATION, INTELLIGENCE
from cultivar.learning.hub.hub import HubSettings
from cultivar.learning.hub.store import HubStore
from cultivar.record import Record
from cultivar.settings import BusSettings

TEMPLATE: Final = "quality_template:elixir-production"
"""Whatever is told, is told of it."""

QUICK: Final = HubSettings(renew_seconds=0.0, insights_seconds=0.3, batch=500)
"""Settings for tests: nothing waits long."""


def told(number: int = 0, **said: Any) -> dict[str, Any]:
    """What an instance tells of a generation."""
    return {
        "id": f"generation-{number}",
        "template_id": TEMPLATE,
        "template_version": "2.4.0",
        "instance_id": "one",
        "answers": {"use_ets": True, "strategy": "one_for_one"},
        "success": True,
        "quality_score": 0.9,
        "generated_at": "2026-10-01T12:00:00Z",
        **said,
    }


def messages(facts: list[dict[str, Any]]) -> list[Message]:
    """The messages that tell so."""
    return [Message(subject=GENERATION, data=json.encode(each), id=each["id"]) for each in facts]


def ask(bus: Bus, action: str, **more: Any) -> dict[str, Any]:
    """What the hub answers."""
    request = {"action": action, "template_id": TEMPLATE, **more}
    data = bus.request(Message(subject=INTELLIGENCE, data=json.encode(request)), 20)
    answer: dict[str, Any] = json.decode(data)
    return answer


def wait_for(done: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


class Places(Record):
    """Where bus and database are."""

    address: str
    """Of the bus: a file's, or a server's."""
    database: str

    def bus(self) -> Bus:
        """The bus, opened once more."""
        if self.address.startswith("nats:"):
            return NatsBus(BusSettings(url=self.address))
        return LocalBus(Path(self.address))

    def store(self) -> HubStore:
        """The hub's database."""
        return HubStore(self.database)


def counted(store: HubStore, template_id: str = TEMPLATE) -> int:
    """How many generations the counts tell of."""
    totals = store.tallies.totals(template_id).get(template_id, {})
    return sum(each.uses for each in totals.values())
