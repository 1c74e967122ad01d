"""What smart defaults cost in a simulated world: asked as interviews ask, while the counts grow.

Nothing is kept at first, so what is asked for the first time is measured apart. Then all that is
kept is aged, so that in the middle of the interviews that follow it is no longer fresh: they hold
more renewals than as many others would.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import ceil
from typing import Final

from cultivar.evals.worlds import World, observation_of
from cultivar.learning.defaults.keeping import FRESH, KeptDefaults, heard_of
from cultivar.learning.defaults.proposing import asked_for, given_before
from cultivar.learning.defaults.renewing import Renewals
from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor
from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.tallying import Judgement, Observation
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.questions.interview import asked_questions

_WARMING: Final = 200
"""Interviews in which most is asked for the first time."""


class Interview(Record):
    """What is asked for one generation, and what becomes of it."""

    asked: tuple[tuple[AskedFor, Mapping[str, Json]], ...]
    """Each question with the answers before it."""
    made: Observation


class Latencies(Record):
    """How long answers took, in milliseconds."""

    p50_ms: float
    p99_ms: float
    worst_ms: float
    samples: int


class AskingCost(Record):
    """What defaults cost."""

    waited: Latencies
    """Who asked, in all interviews after the first ones."""
    busy: Latencies
    """The same in processor time of who asked: what else the machine does is not in it."""
    never_asked: Latencies | None
    """Who asked for what nobody had asked for; None where nothing is kept."""
    directly: Latencies
    """Who worked it out from all counts."""
    renewed: int
    """How many judgements were renewed in these interviews."""
    renewal_ms: float
    """Processor time for one of them."""


def interviews(world: World) -> Iterator[Interview]:
    """What is asked for each generation of a world."""
    template = world.scenario.template
    for draw in world.draws():
        forks = set(draw.way.forks)
        asked = [e for e in asked_questions(template, draw.way.answers) if e.name in forks]
        yield Interview(
            asked=tuple((wanted, given_before(e)) for e in asked if (wanted := asked_for(e))),
            made=observation_of(draw, template.ref.id),
        )


def asking_cost(world: World, database: Database, number: int, patience: float) -> AskingCost:
    """What defaults cost where a world has been counted; it is counted on.

    Args:
        world: The world.
        database: Where its counts are.
        number: How many interviews are held, at most.
        patience: For how many seconds, at most; and for how many all is worked out directly.
    """
    room = _Room(world, database)
    few = min(number, _WARMING)
    directly = room.directly(few, patience)
    first = room.warm_up(few)
    room.age(number)
    waited, busy = room.hold(number, patience)
    return AskingCost(
        waited=_latencies(waited),
        busy=_latencies(busy),
        never_asked=_latencies(first) if first else None,
        directly=_latencies(directly),
        renewed=room.store.kept,
        renewal_ms=1000 * room.spent / max(1, room.store.kept),
    )


class _CountingTallies(SqlTallies):
    """Tallies that count what is kept."""

    kept = 0

    def keep(self, template_id: str, question: str, made: Mapping[str, Judgement]) -> None:
        super().keep(template_id, question, made)
        self.kept += len(made)


class _Room:
    """Where interviews are held."""

    def __init__(self, world: World, database: Database) -> None:
        self._world, self._database = world, database
        self._template_id = world.scenario.template.ref.id
        self._renewals = Renewals()
        self.store = _CountingTallies(database)
        self._defaults = KeptDefaults(self.store, self._renewals)
        self.spent = 0.0
        """Processor time of what went on in the background."""

    def directly(self, number: int, patience: float) -> list[float]:
        """How long answers take that are worked out from all counts."""
        taken: list[float] = []
        until = time.monotonic() + patience
        for interview in islice(interviews(self._world), number):
            for asked, given in interview.asked:
                began = time.perf_counter()
                default_for(asked, given, self.store, self._template_id)
                taken.append(time.perf_counter() - began)
            if time.monotonic() > until:
                break
        return taken

    def warm_up(self, number: int) -> list[float]:
        """How long answers take from which something is kept, where nothing was."""
        taken: list[float] = []
        for interview in islice(interviews(self._world), number):
            for asked, given in interview.asked:
                before, began = self.store.kept, time.perf_counter()
                self._defaults.find(asked, given, self._template_id)
                seconds = time.perf_counter() - began
                self._renewals.wait()
                if self.store.kept > before:
                    taken.append(seconds)
        return taken

    def age(self, number: int) -> None:
        """Have what is kept be fresh for half as many interviews more."""
        heard = heard_of(self.store.extent(self._template_id))
        then = ceil((heard + number / 2) / (1 + FRESH))
        aged = f"""replace(body, '"heard":{heard}', '"heard":{then}')"""
        with self._database.write() as connection:
            connection.exec_driver_sql(f"UPDATE judgements SET body = {aged}")
        self.store.kept = 0

    def hold(self, number: int, patience: float) -> tuple[list[float], list[float]]:
        """How long answers take, and how long the processor is busy with them."""
        waited: list[float] = []
        busy: list[float] = []
        all_of_it, own = time.process_time(), time.thread_time()
        until = time.monotonic() + patience
        for interview in islice(interviews(self._world), number):
            for asked, given in interview.asked:
                began, busy_before = time.perf_counter(), time.thread_time()
                self._defaults.find(asked, given, self._template_id)
                waited.append(time.perf_counter() - began)
                busy.append(time.thread_time() - busy_before)
            self._count(interview.made)
            if time.monotonic() > until:
                break
        self._renewals.wait()
        self.spent = time.process_time() - all_of_it - (time.thread_time() - own)
        return waited, busy

    def _count(self, made: Observation) -> None:
        with self._database.write() as connection:
            tally(connection, self._database, [made])


def _latencies(seconds: Sequence[float]) -> Latencies:
    ordered = sorted(seconds)
    return Latencies(
        p50_ms=_at(ordered, 0.5),
        p99_ms=_at(ordered, 0.99),
        worst_ms=_at(ordered, 1.0),
        samples=len(ordered),
    )


def _at(ordered: Sequence[float], share: float) -> float:
    """The least of which that share is not more, in milliseconds."""
    return round(1000 * ordered[max(0, ceil(share * len(ordered)) - 1)], 3)
