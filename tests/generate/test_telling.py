"""What a generation tells the others, over a real bus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cultivar import Cultivar, load_settings
from cultivar.application.telling import Untold
from cultivar.bus.nats import NatsBus
from cultivar.errors import DestinationError, SettingsError
from cultivar.learning.telling.messages import decoded
from cultivar.ledger.outgoing import Outbox
from cultivar.record import replace
from cultivar.settings import BusSettings, Settings
from cultivar.testing.buses import Basket
from cultivar.testing.hubs import wait_for
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


def test_the_next_command_of_any_kind_tells_what_waits(settings: Settings) -> None:
    nowhere = replace(settings, bus=BusSettings(url="nats://127.0.0.1:9"))
    with Cultivar(nowhere) as cultivar:
        cultivar.generate("greet", template="test:greeting", output="out")
        assert cultivar.services.need(Outbox).waiting("ours") == 1
    with Cultivar(settings) as cultivar:
        cultivar.history()
        outbox = cultivar.services.need(Outbox)
        assert wait_for(lambda: outbox.waiting("ours") == 0)


def test_a_run_that_is_taken_up_tells_what_it_made(settings: Settings, workspace: Path) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "greet.py").write_text("in the way")
    with Cultivar(settings) as cultivar:
        with pytest.raises(DestinationError) as stopped:
            cultivar.generate("greet", template="test:greeting", output="out")
        cultivar.resume(stopped.value.run_id, force=True)
        assert cultivar.services.need(Outbox).waiting("ours") == 0


def test_what_was_refused_is_told_when_it_is_tried_again(settings: Settings) -> None:
    with Cultivar(replace(settings, bus=BusSettings(url="nats://127.0.0.1:9"))) as cultivar:
        cultivar.generate("greet", template="test:greeting", output="out")
        outbox = cultivar.services.need(Outbox)
        (waiting,) = outbox.pending("ours")
        outbox.park(waiting.sequence, "It was too large.")
    with Cultivar(settings) as cultivar:
        left = cultivar.tell()
        assert [each.reason for each in left.parked] == ["It was too large."]
        assert cultivar.tell(retry=True) == Untold(waiting=0, parked=())


def test_what_waits_and_what_was_refused_is_for_the_doctor_to_say(settings: Settings) -> None:
    dead = replace(settings, bus=BusSettings(url="nats://127.0.0.1:9"))
    with Cultivar(dead) as cultivar:
        for output in ("one", "two"):
            cultivar.generate("greet", template="test:greeting", output=output)
        outbox = cultivar.services.need(Outbox)
        outbox.park(outbox.pending("ours")[0].sequence, "It is too large.")
        found = cultivar.doctor()
    assert [(each.state, each.what) for each in found if each.part == "outbox"] == [
        ("fair", "1 generation waits to be told"),
        ("fair", "1 generation was refused by the bus, the last since: It is too large."),
    ]
    (bus,) = [each for each in found if each.part == "bus"]
    assert (bus.state, "does not answer" in bus.what) == ("fair", True)


def test_an_instance_without_a_name_is_told_to_take_one(workspace: Path) -> None:
    nowhere = BusSettings(url="nats://127.0.0.1:9")
    refused = pytest.raises(SettingsError, match="could not tell us apart")
    with Cultivar(load_settings(bus=nowhere)) as cultivar, refused:
        cultivar.history()
