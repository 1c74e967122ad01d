"""What a generation tells the others, over a real bus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cultivar import Cultivar, load_settings
from cultivar.bus.nats import NatsBus
from cultivar.errors import SettingsError
from cultivar.learning.messages import decoded
from cultivar.ledger.outgoing import Outbox
from cultivar.settings import BusSettings, Settings
from cultivar.testing.buses import Basket
from cultivar.testing.nats import nats_server


@pytest.fixture
def settings(workspace: Path, servers: None) -> Iterator[Settings]:
    """Of an instance with a name of its own, and a bus."""
    with nats_server() as server:
        yield load_settings(bus=BusSettings(url=server.url), instance_id="ours")


def test_a_generation_is_told_with_its_closed_answers_and_no_others(settings: Settings) -> None:
    basket = Basket()
    with Cultivar(settings) as cultivar, closing(NatsBus(settings.bus)) as bus:
        answers = {"name": "Ada", "loud": True, "token": "hidden"}
        made = cultivar.generate("greet", template="test:greeting", output="out", answers=answers)
        with closing(bus.consume("GENERATIONS", "test", basket)):
            assert basket.holds(1)
        assert cultivar.services.need(Outbox).pending("ours") == ()
    (told,) = basket.deliveries
    message = decoded(told.message.data, "ours")
    assert (message.id, message.success, message.answers) == (
        made.generation_id,
        True,
        {"loud": True},
    )


def test_what_cannot_be_told_now_waits(workspace: Path) -> None:
    nowhere = BusSettings(url="nats://127.0.0.1:9", connect_timeout=0.2)
    with Cultivar(load_settings(bus=nowhere, instance_id="ours")) as cultivar:
        made = cultivar.generate("greet", template="test:greeting", output="out")
        (waiting,) = cultivar.services.need(Outbox).pending("ours")
    assert waiting.generation_id == made.generation_id


def test_an_instance_without_a_name_is_told_to_take_one(workspace: Path) -> None:
    nowhere = BusSettings(url="nats://127.0.0.1:9")
    refused = pytest.raises(SettingsError, match="could not tell us apart")
    with Cultivar(load_settings(bus=nowhere)) as cultivar, refused:
        cultivar.history()
