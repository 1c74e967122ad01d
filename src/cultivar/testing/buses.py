"""What every bus must do; a backend runs it by giving the fixtures `bus` and `open_bus`."""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from cultivar.bus.base import (
    Bus,
    BusUnavailableError,
    ConsumePolicy,
    Delivery,
    Message,
    NoStreamError,
    RemoteError,
    Stream,
)
from cultivar.bus.subjects import DEAD_LETTER
from cultivar.errors import UnavailableError

QUICK = ConsumePolicy(batch=10, attempts=3, backoff=(0.05,), lease=1.0)
"""A policy for tests: nothing takes long."""

WORK = Stream(name="WORK", subjects=("work", "work.*"))
"""What the buses of tests keep."""

OpenBus = Callable[[], Bus]


class Basket:
    """A handler that keeps what it gets.

    Args:
        fails: Raises for a delivery what should be wrong with it.
    """

    def __init__(self, fails: Callable[[Delivery], None] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self.batches: list[int] = []
        self._fails = fails
        self._news = threading.Condition()

    def __call__(self, batch: Sequence[Delivery]) -> None:
        for each in batch:
            if self._fails:
                self._fails(each)
        with self._news:
            self.batches.append(len(batch))
            self.deliveries += batch
            self._news.notify_all()

    @property
    def ids(self) -> list[str]:
        """The messages' ids, in the order of their coming."""
        return [each.message.id for each in self.deliveries]

    def holds(self, number: int, seconds: float = 20.0) -> bool:
        """Whether so many deliveries come in time."""
        with self._news:
            return self._news.wait_for(lambda: len(self.deliveries) >= number, seconds)


def numbered(count: int, subject: str = "work") -> list[Message]:
    """So many messages, with their numbers for ids."""
    return [Message(subject=subject, data=str(n).encode(), id=str(n)) for n in range(count)]


def echo(message: Message) -> bytes:
    """Answers with what was asked."""
    return message.data


class BusContract:
    """How every bus carries messages; its stream `WORK` keeps `work` and `work.*`."""

    def test_a_message_comes_as_it_was_published(self, bus: Bus) -> None:
        sent = Message(subject="work.a", data=b"\x00\xff", id="one", headers={"Kind": "plain"})
        basket = Basket()
        bus.publish(sent)
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(1)
        assert basket.deliveries[0].message == sent

    def test_messages_come_in_the_order_of_their_publishing(self, bus: Bus) -> None:
        basket = Basket()
        bus.publish_all(numbered(100))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(100)
        assert basket.ids == [str(n) for n in range(100)]

    def test_batches_are_no_larger_than_asked(self, bus: Bus) -> None:
        basket = Basket()
        bus.publish_all(numbered(35))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(35)
        assert max(basket.batches) == QUICK.batch

    def test_all_that_is_published_together_is_said_to_be_stored(self, bus: Bus) -> None:
        messages = numbered(50)
        published = bus.publish_all(messages)
        assert (published.stored, published.failed) == (tuple(messages), ())

    def test_a_message_with_a_known_id_is_stored_once(self, bus: Bus) -> None:
        basket = Basket()
        bus.publish_all(numbered(5))
        bus.publish_all(numbered(6))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(6)
        assert basket.ids == ["0", "1", "2", "3", "4", "5"]

    def test_messages_without_an_id_are_all_stored(self, bus: Bus) -> None:
        basket = Basket()
        for _ in range(3):
            bus.publish(Message(subject="work", data=b"same"))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(3)

    def test_a_subject_that_no_stream_keeps_is_refused(self, bus: Bus) -> None:
        with pytest.raises(NoStreamError, match=r"nowhere\.to"):
            bus.publish(Message(subject="nowhere.to", data=b""))

    def test_what_no_stream_keeps_is_set_apart_from_the_rest(self, bus: Bus) -> None:
        stray, kept = Message(subject="nowhere.to", data=b""), Message(subject="work", data=b"")
        published = bus.publish_all([kept, stray])
        assert (published.stored, published.failed) == ((kept,), ())
        assert (published.refused, "nowhere.to" in published.why) == ((stray,), True)

    def test_a_stream_that_is_not_known_cannot_be_consumed(self, bus: Bus) -> None:
        with pytest.raises(NoStreamError, match="PLAY"):
            bus.consume("PLAY", "hub", Basket())

    def test_each_durable_name_gets_everything(self, bus: Bus) -> None:
        first, second = Basket(), Basket()
        bus.consume("WORK", "first", first, QUICK)
        bus.consume("WORK", "second", second, QUICK)
        bus.publish_all(numbered(20))
        assert first.holds(20)
        assert second.holds(20)

    def test_consumers_of_one_name_share_the_messages(self, open_bus: OpenBus) -> None:
        baskets = [Basket(), Basket()]
        for basket in baskets:
            open_bus().consume("WORK", "hub", basket, QUICK)
        open_bus().publish_all(numbered(60))
        until = time.monotonic() + 20
        while sum(len(each.ids) for each in baskets) < 60 and time.monotonic() < until:
            time.sleep(0.01)
        assert sorted(baskets[0].ids + baskets[1].ids) == sorted(str(n) for n in range(60))

    def test_what_is_done_does_not_come_again(self, open_bus: OpenBus) -> None:
        before, after = Basket(), Basket()
        bus = open_bus()
        bus.publish_all(numbered(20))
        bus.consume("WORK", "hub", before, QUICK)
        assert before.holds(20)
        bus.close()
        again = open_bus()
        again.consume("WORK", "hub", after, QUICK)
        again.publish(Message(subject="work", data=b"", id="next"))
        assert after.holds(1)
        assert after.ids == ["next"]

    def test_a_message_that_failed_comes_again(self, bus: Bus) -> None:
        basket = Basket(_fail_until(2))
        bus.publish_all(numbered(1))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(1)
        assert basket.deliveries[0].attempt == 2

    def test_one_bad_message_stops_no_other(self, bus: Bus) -> None:
        basket = Basket(_fail_for("3"))
        bus.publish_all(numbered(10))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(9)
        assert basket.ids == [str(n) for n in range(10) if n != 3]

    def test_a_message_that_keeps_failing_goes_to_the_dead_letters(self, bus: Bus) -> None:
        letters = Basket()
        bus.publish_all(numbered(2))
        bus.consume("WORK", "hub", Basket(_fail_for("1")), QUICK)
        bus.consume("DEAD_LETTERS", "undertaker", letters, QUICK)
        assert letters.holds(1)
        letter = letters.deliveries[0].message
        assert (letter.subject, letter.data) == (f"{DEAD_LETTER}.hub", b"1")
        assert letter.headers == {
            "Cultivar-Subject": "work",
            "Cultivar-Id": "1",
            "Cultivar-Attempts": "3",
            "Cultivar-Error": "ValueError",
        }

    def test_a_service_that_is_down_costs_no_message(self, bus: Bus) -> None:
        down = [UnavailableError("The database is down.")] * 4

        def need_the_service(_: Delivery) -> None:
            if down:
                raise down.pop()

        basket = Basket(need_the_service)
        bus.publish_all(numbered(5))
        bus.consume("WORK", "hub", basket, QUICK)
        assert basket.holds(5)
        assert [each.attempt for each in basket.deliveries] == [1] * 5

    def test_a_consumer_says_what_it_struggles_with(self, bus: Bus) -> None:
        tried = threading.Event()

        def never(_: Sequence[Delivery]) -> None:
            tried.set()
            raise UnavailableError("The database is down.")

        bus.publish_all(numbered(1))
        activity = bus.consume("WORK", "hub", never, QUICK)
        assert tried.wait(20)
        until = time.monotonic() + 5
        while not activity.trouble and time.monotonic() < until:
            time.sleep(0.01)
        assert activity.trouble == "The database is down."

    def test_what_takes_longer_than_its_lease_stays_with_its_consumer(
        self, open_bus: OpenBus
    ) -> None:
        slow, idle = Basket(lambda _: time.sleep(2.5 * QUICK.lease)), Basket()
        bus = open_bus()
        bus.publish_all(numbered(1))
        bus.consume("WORK", "hub", slow, QUICK)
        time.sleep(0.3)
        open_bus().consume("WORK", "hub", idle, QUICK)
        assert slow.holds(1)
        assert (slow.deliveries[0].attempt, idle.ids) == (1, [])

    def test_a_closed_consumer_gives_back_what_it_did_not_finish(self, open_bus: OpenBus) -> None:
        tried = threading.Event()

        def never(_: Sequence[Delivery]) -> None:
            tried.set()
            raise UnavailableError("The database is down.")

        first, basket = open_bus(), Basket()
        first.publish_all(numbered(3))
        patient = ConsumePolicy(batch=10, lease=600)
        first.consume("WORK", "hub", never, patient)
        assert tried.wait(20)
        first.close()
        open_bus().consume("WORK", "hub", basket, patient)
        assert basket.holds(3)

    def test_a_request_is_answered(self, bus: Bus) -> None:
        bus.serve("ask.me", echo)
        assert bus.request(Message(subject="ask.me", data=b"hello")) == b"hello"

    def test_who_serves_a_pattern_sees_the_subject(self, bus: Bus) -> None:
        bus.serve("ask.*", lambda message: message.subject.encode())
        assert bus.request(Message(subject="ask.you", data=b"")) == b"ask.you"

    def test_the_headers_of_a_request_arrive(self, bus: Bus) -> None:
        bus.serve("ask.me", lambda message: message.headers["Kind"].encode())
        asked = Message(subject="ask.me", data=b"", headers={"Kind": "plain"})
        assert bus.request(asked) == b"plain"

    def test_what_is_sent_is_heard_by_who_serves_it(self, open_bus: OpenBus) -> None:
        heard, news = list[Message](), threading.Event()

        def hear(message: Message) -> bytes:
            heard.append(message)
            news.set()
            return b"nobody awaits this"

        open_bus().serve("tell.*", hear)
        open_bus().send(Message(subject="tell.you", data=b"news", headers={"Kind": "plain"}))
        assert news.wait(20)
        assert [(m.subject, m.data, m.headers["Kind"]) for m in heard] == [
            ("tell.you", b"news", "plain")
        ]

    def test_what_is_sent_where_nobody_listens_is_gone(self, bus: Bus) -> None:
        bus.send(Message(subject="tell.nobody", data=b"news"))
        bus.serve("ask.me", echo)
        assert bus.request(Message(subject="ask.me", data=b"hello")) == b"hello"

    def test_a_request_goes_to_one_of_those_who_serve_it(self, open_bus: OpenBus) -> None:
        served: list[bytes] = []

        def serve(message: Message) -> bytes:
            served.append(message.data)
            return b""

        for _ in range(2):
            open_bus().serve("ask.me", serve)
        asking = open_bus()
        for number in range(10):
            asking.request(Message(subject="ask.me", data=str(number).encode()))
        assert served == [str(number).encode() for number in range(10)]

    def test_the_parts_of_an_answer_come_one_by_one(self, bus: Bus) -> None:
        first_is_read = threading.Event()

        def speak(_: Message) -> Iterator[bytes]:
            yield b"first"
            assert first_is_read.wait(20)
            yield b"second"

        bus.serve("tell.me", speak)
        parts = bus.stream(Message(subject="tell.me", data=b""))
        assert next(parts) == b"first"
        first_is_read.set()
        assert list(parts) == [b"second"]

    def test_the_parts_of_an_answer_can_be_had_together(self, bus: Bus) -> None:
        bus.serve("tell.me", lambda _: iter([b"a", b"b"]))
        assert bus.request(Message(subject="tell.me", data=b"")) == b"ab"

    def test_an_answer_may_end_in_an_error(self, bus: Bus) -> None:
        def speak(_: Message) -> Iterator[bytes]:
            yield b"first"
            raise UnavailableError("No model answers.")

        bus.serve("tell.me", speak)
        parts = bus.stream(Message(subject="tell.me", data=b""))
        assert next(parts) == b"first"
        with pytest.raises(RemoteError, match="No model answers"):
            next(parts)

    def test_an_error_that_is_not_ours_is_told_by_its_kind_alone(self, bus: Bus) -> None:
        def break_down(_: Message) -> bytes:
            raise ValueError("the password is hunter2")

        bus.serve("ask.me", break_down)
        with pytest.raises(RemoteError) as caught:
            bus.request(Message(subject="ask.me", data=b""))
        assert str(caught.value) == "The request was answered with: ValueError"

    def test_a_request_that_nobody_serves_fails_in_time(self, bus: Bus) -> None:
        began = time.monotonic()
        with pytest.raises(BusUnavailableError, match=r"'ask\.nobody'"):
            bus.request(Message(subject="ask.nobody", data=b""), timeout=0.3)
        assert time.monotonic() - began < 5

    def test_an_answer_that_does_not_go_on_fails_in_time(self, bus: Bus) -> None:
        ended = threading.Event()

        def speak(_: Message) -> Iterator[bytes]:
            yield b"first"
            ended.wait(20)

        bus.serve("tell.me", speak)
        parts = bus.stream(Message(subject="tell.me", data=b""), timeout=0.5)
        assert next(parts) == b"first"
        with pytest.raises(BusUnavailableError):
            next(parts)
        ended.set()

    def test_who_stopped_serving_answers_no_more(self, bus: Bus) -> None:
        bus.serve("ask.me", echo).close()
        with pytest.raises(BusUnavailableError):
            bus.request(Message(subject="ask.me", data=b""), timeout=0.3)

    def test_requests_are_worked_on_side_by_side(self, bus: Bus) -> None:
        together = threading.Barrier(2, timeout=20)

        def meet(_: Message) -> bytes:
            return str(together.wait() >= 0).encode()

        bus.serve("meet.me", meet, workers=2)
        answers: list[bytes] = []
        asking = [
            threading.Thread(
                target=lambda: answers.append(bus.request(Message(subject="meet.me", data=b"")))
            )
            for _ in range(2)
        ]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        assert answers == [b"True", b"True"]


def _fail_until(attempt: int) -> Callable[[Delivery], None]:
    def fail(delivery: Delivery) -> None:
        if delivery.attempt < attempt:
            raise ValueError("not yet")

    return fail


def _fail_for(message_id: str) -> Callable[[Delivery], None]:
    def fail(delivery: Delivery) -> None:
        if delivery.message.id == message_id:
            raise ValueError("the password is hunter2")

    return fail
