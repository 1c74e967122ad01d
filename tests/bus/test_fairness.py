"""Clients share places, and no client's haste costs another its turn."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.bus.base import Bus, Message, RemoteError
from cultivar.bus.fairness import BusyError, FairShare, most_of_one
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.settings import BusSettings
from cultivar.testing.buses import OpenBus, echo
from cultivar.testing.nats import NatsServer


def test_no_client_has_more_than_its_share() -> None:
    share = FairShare(places=4, share=2)
    assert [share.take("greedy") for _ in range(3)] == [True, True, False]
    assert [share.take("other") for _ in range(3)] == [True, True, False]


def test_a_place_that_was_left_is_free_again() -> None:
    share = FairShare(places=1, share=1)
    assert share.take("one")
    share.leave("one")
    assert share.take("two")


def test_of_those_that_wait_the_one_with_the_fewest_places_is_next() -> None:
    begun: list[str] = []
    share = FairShare(places=2, share=2, waiting=9)
    for client in ("greedy", "greedy", "greedy", "greedy", "other"):
        assert share.queue(client, partial(begun.append, client))
    share.leave("greedy")
    assert begun == ["greedy", "greedy", "other"]


def test_clients_that_wait_alike_take_turns() -> None:
    begun: list[str] = []
    share = FairShare(places=1, share=1, waiting=9)
    assert share.take("first")
    for client in ("a", "a", "a", "b", "b"):
        share.queue(client, partial(begun.append, client))
    for client in ("first", "a", "b", "a", "b"):
        share.leave(client)
    assert begun == ["a", "b", "a", "b", "a"]


def test_what_is_too_much_to_wait_is_not_taken_on() -> None:
    share = FairShare(places=1, share=1, waiting=2)
    assert [share.queue("greedy", _nothing) for _ in range(4)] == [True, True, True, False]
    assert share.queue("other", _nothing)


def test_made_up_names_do_not_make_more_wait_than_is_good() -> None:
    share = FairShare(places=1, share=1, waiting=2)
    taken_on = [share.queue(f"name {number}", _nothing) for number in range(1000)]
    assert sum(taken_on) < 50


def test_a_place_is_waited_for_and_then_given_up() -> None:
    share = FairShare(places=1, share=1, waiting=1)
    with share.place("one"), pytest.raises(BusyError), share.place("two", 0.01):
        pass
    with share.place("two"):
        assert (share.in_hand("one"), share.in_hand("two")) == (0, 1)


def test_who_waits_for_a_place_gets_the_one_that_is_left() -> None:
    share = FairShare(places=1, share=1, waiting=1)
    assert share.take("one")
    threading.Timer(0.05, share.leave, ["one"]).start()
    with share.place("two", 20):
        assert share.in_hand("two") == 1


def test_all_is_over_when_nothing_is_in_hand_and_nothing_waits() -> None:
    done: list[int] = []
    share = FairShare(places=2, share=2, waiting=100)

    def work(number: int) -> None:
        done.append(number)
        share.leave("one")

    with ThreadPoolExecutor(2) as pool:

        def begin(number: int) -> None:
            pool.submit(work, number)

        for number in range(50):
            share.queue("one", partial(begin, number))
        share.join()
        assert sorted(done) == list(range(50))


@given(
    places=st.integers(1, 5),
    share=st.integers(1, 5),
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
)
def test_whatever_comes_nobody_has_too_much_and_no_place_is_free_for_who_waits(
    places: int, share: int, steps: list[tuple[str, bool]]
) -> None:
    begun: list[str] = []
    shares, queued = FairShare(places, share, waiting=100), dict.fromkeys("abc", 0)
    for client, comes in steps:
        if comes:
            shares.queue(client, partial(begun.append, client))
            queued[client] += 1
        elif shares.in_hand(client):
            shares.leave(client)
        hands = {each: shares.in_hand(each) for each in "abc"}
        waiting = [each for each in "abc" if queued[each] > begun.count(each)]
        assert sum(hands.values()) <= places
        assert max(hands.values()) <= share
        assert sum(hands.values()) == places or all(hands[each] == share for each in waiting)


def test_senders_are_told_apart_where_each_has_a_subject_of_its_own() -> None:
    assert (most_of_one("ask.*", 4), most_of_one("ask", 4)) == (3, 4)


def test_a_sender_that_floods_keeps_no_other_waiting(open_bus: OpenBus) -> None:
    served = open_bus()
    served.serve("ask.*", _slowly, workers=3)
    with ThreadPoolExecutor(20) as pool:
        flood = [pool.submit(_asked, bus, "greedy") for bus in [open_bus()] * 20]
        time.sleep(0.1)
        began = time.monotonic()
        assert [_asked(open_bus(), "polite") for _ in range(3)] == ["answered"] * 3
        took = time.monotonic() - began
        assert {each.result() for each in flood} == {"answered"}
    # The flood takes twenty times 0.2 seconds of two workers.
    assert took < 1.8


def test_what_a_sender_has_too_much_of_is_refused_at_once(server: NatsServer) -> None:
    bus, asking = NatsBus(BusSettings(url=server.url)), NatsBus(BusSettings(url=server.url))
    freed = threading.Event()

    def wait(message: Message) -> bytes:
        freed.wait(20)
        return message.data

    bus.serve("ask.*", wait, workers=2, busy=b"busy")
    bus.serve("tell.*", wait, workers=2)
    for _ in range(100):
        asking.send(Message(subject="ask.greedy", data=b""))
        asking.send(Message(subject="tell.greedy", data=b""))
    assert asking.request(Message(subject="ask.greedy", data=b""), 10) == b"busy"
    with pytest.raises(RemoteError, match="Too many requests of yours"):
        asking.request(Message(subject="tell.greedy", data=b""), 10)
    freed.set()
    assert asking.request(Message(subject="ask.other", data=b"fine"), 10) == b"fine"
    asking.close()
    bus.close()


def test_another_process_is_heard_within_some_milliseconds(tmp_path: Path) -> None:
    served, asking = LocalBus(tmp_path / "bus.db"), LocalBus(tmp_path / "bus.db")
    served.serve("ask.me", echo)
    times: list[float] = []
    for _ in range(25):
        began = time.monotonic()
        asking.request(Message(subject="ask.me", data=b""))
        times.append(time.monotonic() - began)
    asking.close()
    served.close()
    assert median(times) < 0.02


def test_who_waits_for_another_process_is_no_burden(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")
    bus.serve("ask.me", echo)
    time.sleep(0.3)
    began = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - began < 0.2
    bus.close()


def _nothing() -> None:
    """Begins nothing."""


def _slowly(message: Message) -> bytes:
    time.sleep(0.2)
    return message.data


def _asked(bus: Bus, sender: str) -> str:
    return bus.request(Message(subject=f"ask.{sender}", data=b"answered"), 20).decode()
