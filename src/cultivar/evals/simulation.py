"""Fills a ledger with the generations of a world: recorded one by one, or only counted.

The invariants: both ways give the same counts; and what is simulated gets among what really was
generated only where the user says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from cultivar.errors import RefusedError, UsageError
from cultivar.evals.ways import Way
from cultivar.evals.worlds import Draw, Planted, World, observation_of
from cultivar.ledger.base import Query
from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database, connect
from cultivar.ledger.schema import prepare
from cultivar.ledger.sql import SqlLedger
from cultivar.model import Answers, Attempt, Check, CheckResult, Draft, Generation, Proof, Verdict
from cultivar.record import Record, replace
from cultivar.templating.rendering.render import render

RECORDED: Final = 10_000
"""How many generations are recorded, unless somebody says otherwise; more are counted only."""

BATCH: Final = 5000
"""How many generations are counted in one transaction."""

_FILE: Final = "sqlite:///"

Told: TypeAlias = Callable[[int], None]
"""Hears how many generations more are in the ledger."""


class Simulated(Record):
    """What was put into a ledger."""

    planted: Planted
    generations: int
    recorded: bool
    """Whether they were recorded, rather than only counted."""
    seconds: float

    @property
    def per_second(self) -> float:
        """How many generations went into the ledger in a second."""
        return self.generations / self.seconds if self.seconds else 0.0


def address_of(into: str, own: str, *, mine: bool) -> str:
    """The address of the ledger that is to be filled.

    Args:
        into: A folder or an address of a database, as the user said it; empty: the user's own.
        own: The address of the user's own ledger.
        mine: Whether the user wants it there.

    Raises:
        UsageError: Two places were said.
        RefusedError: It is the user's own ledger, and nobody asked for that.
    """
    if into and mine:
        raise UsageError("`--into` and `--mine` name two places.", "Say one of them.")
    found = into if "://" in into else f"{_FILE}{Path(into).expanduser().resolve() / 'ledger.db'}"
    if mine:
        return own
    if not into or _file(found) == _file(own):
        raise RefusedError(
            "That is your own ledger, and what is simulated would mix with what is real.",
            "Leave `--into` out, or say `--mine` if you want it so.",
        )
    return found


def _file(address: str) -> str:
    """The file of an address, whichever way it is named; else the address."""
    if not address.startswith(_FILE):
        return address
    return str(Path(address.removeprefix(_FILE)).expanduser().resolve())


@contextmanager
def opened(address: str, *, mine: bool) -> Generator[Database]:
    """The database of the ledger that is to be filled.

    Args:
        address: SQLAlchemy's.
        mine: Whether it may hold something already.

    Raises:
        UsageError: It may not, and does.
        StoreUnavailableError: The database does not answer, or is no ledger.
    """
    database = connect(address)
    try:
        prepare(database)
        ledger = SqlLedger(database)
        if not mine and (ledger.tallies.totals() or ledger.generations(Query(limit=1))):
            raise UsageError(
                f"The ledger `{database.name}` holds generations already.",
                "Name a new folder or an empty database by `--into`, or leave it out.",
            )
        yield database
    finally:
        database.close()


def record(world: World, database: Database, told: Told = lambda _: None) -> Simulated:
    """Record all generations of a world as if they had been made, with trees and checks.

    Those that are there already stay as they are, and others are told of none.

    Args:
        world: Whose.
        database: Of the ledger.
        told: Hears of each.
    """
    recorder = _Recorder(world, SqlLedger(database))
    began = time.perf_counter()
    for draw in world.draws():
        recorder.record(draw)
        told(1)
    return _simulated(world, began, recorded=True)


def count(world: World, database: Database, told: Told = lambda _: None) -> Simulated:
    """Count all generations of a world, and keep none of them.

    Args:
        world: Whose.
        database: Of the ledger.
        told: Hears of each batch.
    """
    name = world.scenario.template.ref.id
    began = time.perf_counter()
    for draws in _batches(world.draws()):
        observations = [observation_of(each, name) for each in draws]
        with database.write() as connection:
            tally(connection, database, observations)
        told(len(draws))
    return _simulated(world, began, recorded=False)


def _batches(draws: Iterator[Draw]) -> Iterator[list[Draw]]:
    while batch := list(islice(draws, BATCH)):
        yield batch


def _simulated(world: World, began: float, *, recorded: bool) -> Simulated:
    return Simulated(
        planted=world.planted,
        generations=world.scenario.generations,
        recorded=recorded,
        seconds=time.perf_counter() - began,
    )


class _Recorder:
    """Records draws as generations, each with the tree that the template makes of its answers."""

    def __init__(self, world: World, ledger: SqlLedger) -> None:
        self._scenario = world.scenario
        self._ledger = ledger
        self._checks = _checks(world)
        self._trees: dict[Way, str] = {}

    def record(self, draw: Draw) -> None:
        template, name = self._scenario.template, f"{self._scenario.seed} {draw.number}"
        proof = Proof(results=self._results(draw), sandbox="simulated")
        attempt = Attempt(number=1, draft=Draft(tree_hash=self._tree(draw.way)), proof=proof)
        generation = Generation(
            id=str(uuid5(NAMESPACE_URL, f"cultivar-simulation:{template.ref.id} {name}")),
            run_id=f"simulated {name}",
            task=f"simulated: {template.description or template.ref.id}",
            template=replace(template.ref, version=draw.version),
            answers=_answers(draw),
            attempts=(attempt,),
            instance_id=draw.instance_id,
            generated_at=draw.at,
        )
        self._ledger.record(generation)

    def _tree(self, way: Way) -> str:
        found = self._trees.get(way)
        if found is None:
            made = render(self._scenario.template, way.answers).tree
            found = self._trees[way] = self._ledger.content.put(made)
        return found

    def _results(self, draw: Draw) -> tuple[CheckResult, ...]:
        """What the checks said; where it failed, one of those that decide did."""
        required = [each for each in self._checks if each.required] or list(self._checks)
        decides = required[draw.number % len(required)]
        rest: Verdict = "not_verified" if draw.success is None else "passed"
        return tuple(
            CheckResult(
                check=each.name,
                verdict="failed" if draw.success is False and each is decides else rest,
                required=each.required,
                weight=each.weight,
                output="simulated",
            )
            for each in self._checks
        )


def _checks(world: World) -> tuple[Check, ...]:
    return world.scenario.template.checks or (Check(name="simulated", run="true", required=True),)


def _answers(draw: Draw) -> Answers:
    sources = dict(zip(draw.way.forks, draw.sources, strict=True))
    return tuple(
        replace(each, source=sources[each.name]) if each.name in sources else each
        for each in draw.way.answers
    )
