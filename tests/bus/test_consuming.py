"""What is handed over together, and what alone, when messages come again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from cultivar.bus.base import Activity, Bus, ConsumePolicy, Delivery, Message
from cultivar.bus.nats import NatsBus
from cultivar.errors import UnavailableError
from cultivar.settings import BusSettings
from cultivar.testing.buses import WORK, Basket, OpenBus, numbered
from cultivar.testing.nats import NatsServer

MANY = 64

# A thread of a test ends as a whole process would.
deadly = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

POLICY = ConsumePolicy(batch=MANY, attempts=3, backoff=(0.05,), lease=600)


class Handing:
    """A handler that keeps the ids of each group before it does anything with them.

    Args:
        act: What it does with them.
    """

    def __init__(self, act: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        self.groups: list[list[str]] = []
        self.called, self._act = threading.Event(), act

    def __call__(self, batch: Sequence[Delivery]) -> None:
        ids = [each.message.id for each in batch]
        self.groups.append(ids)
        self.called.set()
        self._act(ids)


def die(_: Sequence[str]) -> None:
    """End the consumer's thread, as whatever kills a consumer would."""
    raise SystemExit


def refuse_seven(ids: Sequence[str]) -> None:
    if "7" in ids:
        raise ValueError("seven")


def be_down(_: Sequence[str]) -> None:
    raise UnavailableError("The database is down.")


def consumed(bus: Bus, handing: Handing) -> Activity:
    """A consumer that has handed something over."""
    activity = bus.consume("WORK", "hub", handing, POLICY)
    assert handing.called.wait(20)
    return activity


def assert_comes_together(bus: Bus) -> None:
    basket = Basket()
    bus.consume("WORK", "hub", basket, POLICY)
    assert basket.holds(MANY)
    assert {each.attempt for each in basket.deliveries} == {2}
    assert len(basket.batches) <= 8


@deadly
def test_what_a_dead_consumer_had_in_hand_is_handed_over_together(open_bus: OpenBus) -> None:
    open_bus().publish_all(numbered(MANY))
    consumed(open_bus(), Handing(die))
    assert_comes_together(open_bus())


def test_what_a_closed_consumer_had_in_hand_is_handed_over_together(open_bus: OpenBus) -> None:
    open_bus().publish_all(numbered(MANY))
    consumed(open_bus(), Handing(be_down)).close()
    assert_comes_together(open_bus())


@deadly
def test_one_bad_message_among_many_that_come_again_is_found_in_a_few_steps(
    open_bus: OpenBus,
) -> None:
    bus, letters = open_bus(), Basket()
    bus.publish_all(numbered(MANY))
    consumed(open_bus(), Handing(die))
    handing = Handing(refuse_seven)
    bus.consume("WORK", "hub", handing, POLICY)
    bus.consume("DEAD_LETTERS", "undertaker", letters, POLICY)
    assert letters.holds(1)
    assert letters.deliveries[0].message.data == b"7"
    good = [each for group in handing.groups if "7" not in group for each in group]
    assert sorted(good, key=int) == [str(n) for n in range(MANY) if n != 7]
    assert len(handing.groups) <= 16


@deadly
def test_a_message_that_its_consumers_die_of_does_not_take_the_others_with_it(
    open_bus: OpenBus,
) -> None:
    open_bus().publish_all(numbered(MANY))
    others, done = {str(n) for n in range(MANY) if n != 7}, set[str]()
    for _ in range(50):
        done |= _done_by_one_that_dies_of_seven(open_bus())
        if done == others:
            return
    pytest.fail(f"only {sorted(done)} are done")


def _done_by_one_that_dies_of_seven(bus: Bus) -> set[str]:
    """What a consumer worked off before its death."""
    dead, done = threading.Event(), set[str]()

    def work_off(ids: Sequence[str]) -> None:
        if "7" in ids:
            dead.set()
            raise SystemExit
        done.update(ids)

    bus.consume("WORK", "hub", Handing(work_off), POLICY)
    assert dead.wait(20)
    return done


def test_what_is_large_is_handed_over_in_smaller_groups(server: NatsServer) -> None:
    large = [Message(subject="work", data=bytes(900_000), id=str(n)) for n in range(60)]
    with closing(NatsBus(BusSettings(url=server.url), (WORK,))) as bus:
        assert not bus.publish_all(large).failed
        basket = Basket()
        bus.consume("WORK", "hub", basket, POLICY)
        assert basket.holds(len(large))
    assert basket.ids == [each.id for each in large]
    assert max(basket.batches) * len(large[0].data) <= 32 * 2**20
