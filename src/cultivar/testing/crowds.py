"""A crowd of instances that have much to tell, each with a ledger of its own.

What a hub should count of it is known: it is counted here once, from what was recorded.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import select

from cultivar.learning.telling.messages import payload_of
from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database, connect
from cultivar.ledger.outbox import SqlOutbox, put
from cultivar.ledger.outgoing import Outbox
from cultivar.ledger.schema import prepare
from cultivar.ledger.tables import answer_stats, combination_stats
from cultivar.ledger.tallying import observation_of
from cultivar.model import Generation, Verdict
from cultivar.record import Record, replace
from cultivar.testing.generations import (
    TEMPLATE,
    answer_of,
    attempt_at,
    check_result,
    generation_of,
)

KEPT: Final = "template_generations_global"
"""The hub's table of all generations."""

_TREE: Final = "0" * 64
_SINCE: Final = datetime(2026, 9, 1, tzinfo=UTC)
_VERDICTS: Final[tuple[Verdict, ...]] = ("passed", "passed", "passed", "failed", "not_verified")

Key: TypeAlias = tuple[str, ...]

Counts: TypeAlias = Mapping[Key, Mapping[str, Any]]
"""The rows of `answer_stats` and `combination_stats`, by their keys, each with its table's name."""


class Member(Record):
    """An instance, and what it has to tell, in the order in which it was recorded."""

    instance_id: str
    ledger: Path
    ids: tuple[str, ...]

    def copied_to(self, folder: Path) -> Member:
        """The same with a copy of its ledger."""
        return replace(self, ledger=Path(shutil.copy(self.ledger, folder / self.ledger.name)))

    @contextmanager
    def outbox(self) -> Generator[Outbox]:
        """What it still has to tell."""
        with closing(connect(f"sqlite:///{self.ledger}")) as database:
            yield SqlOutbox(database)


class Crowd(Record):
    """Instances that have told of nothing yet."""

    members: tuple[Member, ...]
    counts: Counts
    """What is to be counted of all of them."""

    @property
    def size(self) -> int:
        """How many generations they have to tell of."""
        return sum(len(each.ids) for each in self.members)

    def copied_to(self, folder: Path) -> Crowd:
        """The same with ledgers of their own."""
        return replace(self, members=tuple(each.copied_to(folder) for each in self.members))


def crowd(folder: Path, members: int, generations: int, seed: int) -> Crowd:
    """Instances of which each has recorded its part of the generations.

    Args:
        folder: Where their ledgers go.
        members: How many there are.
        generations: Of all of them.
        seed: The same gives the same generations.
    """
    made = [*_generations(members, generations, seed)]
    names = sorted({each.instance_id for each in made})
    return Crowd(
        members=tuple(
            _member(folder / f"{name}.db", [each for each in made if each.instance_id == name])
            for name in names
        ),
        counts=_counted_once(f"sqlite:///{folder / 'once.db'}", made),
    )


def _counted_once(url: str, generations: Sequence[Generation]) -> Counts:
    with closing(connect(url)) as database:
        prepare(database)
        with database.write() as connection:
            tally(connection, database, map(observation_of, generations))
    return counts_in(url)


def counts_in(url: str) -> Counts:
    """All that is counted in the database at SQLAlchemy's address `url`."""
    found: dict[Key, Mapping[str, Any]] = {}
    with closing(connect(url)) as database, database.read() as connection:
        for table in (answer_stats, combination_stats):
            keys = [each.name for each in table.primary_key]
            for row in connection.execute(select(table)).mappings():
                values = {name: row[name] for name in row if name not in keys}
                found[(table.name, *(str(row[name]) for name in keys))] = values
    return found


def kept_in(url: str) -> int:
    """How many generations the hub's database at SQLAlchemy's address `url` holds."""
    with closing(connect(url)) as database, database.read() as connection:
        number: int = connection.exec_driver_sql(f"SELECT count(*) FROM {KEPT}").scalar_one()
        return number


def _generations(members: int, number: int, seed: int) -> Iterator[Generation]:
    chance = Random(seed)
    for serial in range(number):
        generation = _generation(chance, f"{seed}-{serial:06}", serial % members)
        yield generation


def _generation(chance: Random, name: str, member: int) -> Generation:
    verdict = chance.choice(_VERDICTS)
    answers = (
        answer_of("backend", chance.choice(["ets", "redis", "none"])),
        answer_of("use_genserver", chance.random() < 0.7, source="default"),
        answer_of("strategy", chance.choice(["one_for_one", "rest_for_one"])),
        answer_of("ttl", chance.choice([60, 300, 3600])),
    )
    return generation_of(
        _TREE,
        id=str(uuid5(NAMESPACE_OID, name)),
        run_id=name,
        template=replace(TEMPLATE, version=chance.choice(["1.0.0", "1.1.0"])),
        answers=answers,
        attempts=(attempt_at(_TREE, check_result(verdict=verdict)),),
        instance_id=f"instance-{member}",
        generated_at=_SINCE + timedelta(seconds=chance.uniform(0, 60 * 86400)),
    )


def _member(ledger: Path, generations: Sequence[Generation]) -> Member:
    """Put what is to be told into an outbox at once: one commit each would take minutes."""
    with closing(connect(f"sqlite:///{ledger}")) as database:
        prepare(database)
        _fill(database, generations)
    ids = tuple(each.id for each in generations)
    return Member(instance_id=generations[0].instance_id, ledger=ledger, ids=ids)


def _fill(database: Database, generations: Sequence[Generation]) -> None:
    with database.write() as connection:
        for each in generations:
            put(connection, each, payload_of(each))
