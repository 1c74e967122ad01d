"""On a server that has no streams yet, those who begin at once do not get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Timer

import pytest

from cultivar.bus.base import Message
from cultivar.bus.nats import NatsBus
from cultivar.settings import BusSettings
from cultivar.testing.buses import WORK, Basket, numbered
from cultivar.testing.nats import NatsServer


@pytest.fixture
def buses(server: NatsServer) -> Iterator[list[NatsBus]]:
    with ExitStack() as opened:
        settings = BusSettings(url=server.url)
        yield [opened.enter_context(closing(NatsBus(settings, (WORK,)))) for _ in range(6)]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_stream_that_somebody_makes_meanwhile_keeps_the_order(
    delay: float, buses: list[NatsBus]
) -> None:
    one, other, *_ = buses
    messages, basket = numbered(5000), Basket()
    making = Timer(delay, other.consume, ("WORK", "reader", basket))
    making.start()
    published = one.publish_all(messages)
    making.join()
    assert (published.failed, published.refused) == ((), ())
    assert basket.holds(5000)
    assert [each.message.id for each in basket.deliveries] == [each.id for each in messages]


def test_of_many_that_begin_at_once_each_stores_all_in_its_order(buses: list[NatsBus]) -> None:
    def publish(number: int) -> bool:
        messages = [
            Message(subject=f"work.{number}", data=b"", id=f"{number} {each}") for each in range(50)
        ]
        return not buses[number].publish_all(messages).failed

    with ThreadPoolExecutor(len(buses)) as pool:
        assert all(pool.map(publish, range(len(buses))))
    basket = Basket()
    buses[0].consume("WORK", "reader", basket)
    assert basket.holds(50 * len(buses))
    for number in range(len(buses)):
        told = [each for each in basket.ids if each.startswith(f"{number} ")]
        assert told == [f"{number} {each}" for each in range(50)]
