"""Nobody is heard without end, and answers are kept while they are worked out anew."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from cultivar.bus.base import Bus
from cultivar.errors import UnavailableError
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.limits import Limits
from cultivar.learning.hub.snapshots import Partial, Snapshots
from cultivar.learning.hub.store import HubStore
from cultivar.testing.clock import SteppedClock
from cultivar.testing.hubs import Places, counted, messages, told, wait_for


def test_who_sends_too_much_is_not_heard_until_time_has_passed() -> None:
    clock = SteppedClock()
    limits = Limits(rate=2, burst=3, now=clock.time.now)
    assert [limits.allow("one") for _ in range(4)] == [True, True, True, False]
    assert limits.allow("two")
    clock.advance(1)
    assert [limits.allow("one") for _ in range(3)] == [True, True, False]


def test_what_is_not_heard_is_set_aside(places: Places, bus: Bus, store: HubStore) -> None:
    with (
        closing(places.bus()) as hubs,
        closing(Hub(hubs, store, HubSettings(rate=0.001, burst=5))) as hub,
    ):
        bus.publish_all(messages([told(n) for n in range(8)]))
        assert wait_for(lambda: hub.metrics["dead_lettered"] == 3)
        assert (hub.metrics["limited"], counted(store)) == (3, 5)


def test_an_answer_is_kept_until_the_counts_have_changed_for_a_while() -> None:
    clock, answers = SteppedClock(), iter(range(10))
    with closing(Snapshots(5, clock.time.now)) as snapshots:
        assert snapshots.get("t", "q", lambda: next(answers)) == 0
        snapshots.changed(["t"])
        assert snapshots.get("t", "q", lambda: next(answers)) == 0
        clock.advance(5)
        assert snapshots.get("t", "q", lambda: next(answers)) == 1


def test_what_takes_long_is_answered_as_it_was_and_worked_out_meanwhile() -> None:
    clock, answers = SteppedClock(), iter(range(10))

    def slowly() -> int:
        time.sleep(0.1)
        return next(answers)

    with closing(Snapshots(5, clock.time.now)) as snapshots:
        assert snapshots.get("t", "q", slowly) == 0
        snapshots.changed(["t"])
        clock.advance(100)
        assert snapshots.get("t", "q", slowly) == 0
        assert wait_for(lambda: snapshots.get("t", "q", slowly) == 1)


def test_an_answer_in_part_is_never_kept_as_if_it_were_whole() -> None:
    """Nothing has changed and no time has passed, and yet it is worked out further."""
    clock, answers = SteppedClock(), iter([Partial(answer=1), Partial(answer=2), 3, 4])

    def slowly() -> object:
        time.sleep(0.1)
        return next(answers)

    with closing(Snapshots(5, clock.time.now)) as snapshots:
        assert snapshots.get("t", "q", slowly) == 1
        snapshots.renewals.wait()
        assert snapshots.get("t", "q", slowly) == 2
        snapshots.renewals.wait()
        assert [snapshots.get("t", "q", slowly) for _ in range(3)] == [3] * 3
        snapshots.renewals.wait()
        assert snapshots.get("t", "q", slowly) == 3


def test_what_was_kept_is_answered_while_the_database_is_down() -> None:
    clock, answers = SteppedClock(), iter([1])

    def work() -> int:
        for answer in answers:
            return answer
        raise UnavailableError("The database is down.")

    with closing(Snapshots(5, clock.time.now)) as snapshots:
        assert snapshots.get("t", "q", work) == 1
        snapshots.changed(["t"])
        clock.advance(100)
        assert snapshots.get("t", "q", work) == 1
        with pytest.raises(UnavailableError):
            snapshots.get("t", "another", work)


def test_answers_that_nothing_changed_are_not_worked_out_anew() -> None:
    clock, answers = SteppedClock(), iter(range(10))
    with closing(Snapshots(5, clock.time.now)) as snapshots:
        snapshots.get("t", "q", lambda: next(answers))
        snapshots.changed(["other"])
        clock.advance(30)
        snapshots.get("t", "q", lambda: next(answers))
    assert next(answers) == 1
