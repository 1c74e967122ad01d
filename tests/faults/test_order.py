"""What an instance recorded earlier is never stored later, however large its batches are."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

import pytest

from cultivar.bus.base import ConsumePolicy
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import GENERATIONS_STREAM
from cultivar.learning.telling.publishing import Publisher, PublishPolicy
from cultivar.settings import BusSettings
from cultivar.testing.buses import Basket
from cultivar.testing.crowds import Crowd
from cultivar.testing.hubs import wait_for
from cultivar.testing.nats import NatsServer
from cultivar.testing.victims import kill_amid, moments


@pytest.mark.parametrize("in_flight", [50, 1000])
def test_a_bus_that_is_killed_amid_a_batch_reorders_nothing(
    in_flight: int, telling: Crowd, server: NatsServer
) -> None:
    member, basket = telling.members[0], Basket()
    settings = BusSettings(url=server.url, timeout=2, in_flight=in_flight)
    policy = PublishPolicy(batch=3000, interval=0.05, backoff=0.05, longest_pause=0.2)
    with ExitStack() as opened:
        outbox = opened.enter_context(member.outbox())
        bus = opened.enter_context(closing(NatsBus(settings)))
        bus.consume(GENERATIONS_STREAM.name, "reader", basket, ConsumePolicy(batch=20, lease=1))
        publisher = Publisher(outbox, partial(NatsBus, settings), member.instance_id, policy)
        opened.enter_context(closing(publisher)).start()
        schedule = [(each, server) for each in moments(in_flight, 3, 50, 2500)]
        assert max(kill_amid(lambda: len(seen(basket)), schedule)) < len(member.ids)
        assert wait_for(lambda: not outbox.pending(member.instance_id, 1), 60)
        assert wait_for(lambda: len(seen(basket)) == len(member.ids), 60)
    assert tuple(seen(basket).values()) == member.ids


def seen(basket: Basket) -> dict[int, str]:
    """The ids that came, by their place in the stream."""
    deliveries = sorted(basket.deliveries, key=lambda each: each.sequence)
    return {each.sequence: each.message.id for each in deliveries}
