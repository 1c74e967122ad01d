"""The failure patterns of all instances: kept with their generations, told by how common they are.

The invariant: an instance has one vote, divided among all that it tells, so that neither by much
nor by many can it put its own before what the others see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, func, select

from cultivar.learning.evidence.weighing import bounded
from cultivar.learning.hub.tables import failure_patterns, failure_stats, moment
from cultivar.learning.telling.messages import GenerationMessage
from cultivar.learning.telling.sieve import LONGEST, understood
from cultivar.learning.telling.signature import FailureSignature
from cultivar.ledger.columns import storable
from cultivar.ledger.database import Database
from cultivar.ledger.upserts import from_columns, in_columns
from cultivar.record import Record

MOST_TOLD: Final = 20
"""Failure patterns in one answer."""

_MOST_HEARD: Final = 20
"""Failure patterns of one generation that are counted."""

_MOST_READ: Final = 2 * LONGEST
"""Characters of texts in one message; who floods the hub with long ones does not slow it down."""

_MOST_OF_ONE: Final = MOST_TOLD // 3
"""Of those told, how many mostly one instance has seen, while others have seen more."""

_LOOKED_AT: Final = 50
"""Failure patterns of one instance that are looked at, the most frequent first."""

_Key: TypeAlias = tuple[str, str, str]
"""Template, instance and failure pattern."""


class _Upsert(Record):
    """Adds rows to a table, or to the rows that are there."""

    into: str
    types: tuple[str, ...]
    """Of the columns, as PostgreSQL calls them."""
    conflict: str


_PATTERNS: Final = _Upsert(
    into=f"{failure_patterns.name} "
    "(id, signature, check_name, language, first_seen_at, last_seen_at)",
    types=("text", "text", "text", "text", "timestamptz", "timestamptz"),
    conflict="(id) DO UPDATE SET last_seen_at = excluded.last_seen_at, "
    + ", ".join(
        f"{each} = CASE WHEN {failure_patterns.name}.{each} = '' "
        f"THEN excluded.{each} ELSE {failure_patterns.name}.{each} END"
        for each in ("signature", "check_name", "language")
    ),
)
_COUNTS: Final = _Upsert(
    into=f"{failure_stats.name} (template_id, instance_id, pattern_id, seen, failed)",
    types=("text", "text", "text", "bigint", "bigint"),
    conflict="(template_id, instance_id, pattern_id) DO UPDATE SET "
    f"seen = {failure_stats.name}.seen + excluded.seen, "
    f"failed = {failure_stats.name}.failed + excluded.failed",
)


class CommonFailure(Record):
    """A failure pattern of a template."""

    id: str
    signature: str
    """What goes wrong, in words of tools; empty where instances told nothing but the id."""
    check: str
    language: str
    count: int
    """Generations that showed it."""
    failed: int
    """Of these, those in which something was still wrong at the end."""
    share: float
    """Of all that was seen of failures, no instance having more than its bounded weight."""
    instances: int
    first_seen_at: datetime
    last_seen_at: datetime


class _Told(Record):
    pattern_id: str
    instance_id: str
    seen: int
    of: int
    """Of how many that the instance has seen at all."""


class _Vote(Record):
    pattern_id: str
    weight: float
    mostly: str
    """The instance of which more than half of it is, if there is one."""


class FailureStore:
    """What the hub knows of failures.

    Args:
        database: The hub's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def common(self, template_id: str) -> tuple[CommonFailure, ...]:
        """The failure patterns of a template, the most common first.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        with self._database.read() as connection:
            told = tuple(_told(connection, template_id))
            votes = _votes(told)
            chosen = _chosen(votes, len({each.instance_id for each in told}))
            whole = sum(each.weight for each in votes)
            found = _counted(connection, template_id, chosen, whole)
        return tuple(found[each.pattern_id] for each in chosen)


def keep_failures(
    connection: Connection, database: Database, messages: Iterable[GenerationMessage]
) -> None:
    """Keep and count what new messages tell of failures, in the transaction that keeps them."""
    patterns: dict[str, tuple[object, ...]] = {}
    seen, failed = Counter[_Key](), Counter[_Key]()
    for message in messages:
        for pattern in _patterns(message):
            key = (storable(message.template_id), storable(message.instance_id), pattern.id)
            seen[key] += 1
            failed[key] += message.success is False
            patterns[pattern.id] = (pattern.id, pattern.signature, pattern.check, pattern.language)
    if not seen:
        return
    now = moment(datetime.now(UTC))
    rows = [(*patterns[each], now, now) for each in sorted(patterns)]
    counts = [(*key, seen[key], failed[key]) for key in sorted(seen)]
    _put(connection, database, _PATTERNS, rows)
    _put(connection, database, _COUNTS, counts)


def _put(
    connection: Connection, database: Database, upsert: _Upsert, rows: Sequence[tuple[object, ...]]
) -> None:
    """All hubs put their rows in one order, so that none waits for another in a circle."""
    if database.is_sqlite:
        values = f"VALUES ({', '.join('?' * len(upsert.types))})"
        given: Any = list(rows)
    else:
        values, given = from_columns(upsert.types), in_columns(rows)
    statement = f"INSERT INTO {upsert.into} {values} ON CONFLICT {upsert.conflict}"
    connection.exec_driver_sql(statement, given)


def _patterns(message: GenerationMessage) -> Iterator[FailureSignature]:
    """The failure patterns of a message, each once, under the ids that they have here."""
    heard = message.failures[:_MOST_HEARD]
    told = {each.id: each for each in _within(message.signatures) if each.signature}
    found = (
        understood(told[name]) if name in told else FailureSignature(id=storable(name))
        for name in heard
    )
    yield from {each.id: each for each in found}.values()


def _within(signatures: Sequence[FailureSignature]) -> Iterator[FailureSignature]:
    """The first of these texts that are not too much to read together."""
    left = _MOST_READ
    for each in signatures[:_MOST_HEARD]:
        left -= len(each.signature)
        if left < 0:
            return
        yield each


def _told(connection: Connection, template_id: str) -> Iterator[_Told]:
    """What each instance tells of a template, of its most frequent failures."""
    table = failure_stats.c
    often = (table.seen.desc(), table.pattern_id)
    each = (
        select(
            *(table.pattern_id, table.instance_id, table.seen),
            func.sum(table.seen).over(partition_by=table.instance_id).label("whole"),
            func.row_number().over(partition_by=table.instance_id, order_by=often).label("place"),
        )
        .where(table.template_id == template_id)
        .subquery()
    )
    for row in connection.execute(select(each).where(each.c.place <= _LOOKED_AT)):
        yield _Told(
            pattern_id=row.pattern_id,
            instance_id=row.instance_id,
            seen=row.seen,
            of=int(row.whole),
        )


def _votes(told: Sequence[_Told]) -> list[_Vote]:
    """How much each failure pattern weighs, the heaviest first."""
    whole = {each.instance_id: float(each.of) for each in told}
    weights = dict(zip(whole, bounded(list(whole.values())), strict=True))
    parts: dict[str, dict[str, float]] = defaultdict(dict)
    for each in told:
        weight = weights[each.instance_id] * each.seen / each.of
        parts[each.pattern_id][each.instance_id] = weight
    votes = [_vote(pattern_id, by) for pattern_id, by in parts.items()]
    return sorted(votes, key=lambda vote: (-vote.weight, vote.pattern_id))


def _vote(pattern_id: str, by: Mapping[str, float]) -> _Vote:
    whole, heaviest = sum(by.values()), max(by, key=lambda each: by[each])
    mostly = heaviest if by[heaviest] > whole / 2 else ""
    return _Vote(pattern_id=pattern_id, weight=whole, mostly=mostly)


def _chosen(votes: Sequence[_Vote], instances: int) -> list[_Vote]:
    """The heaviest; what is mostly of one instance that had its places stands after the rest."""
    places = Counter[str]()
    first: list[_Vote] = []
    after: list[_Vote] = []
    for each in votes:
        places[each.mostly] += bool(each.mostly) and instances > 1
        (after if places[each.mostly] > _MOST_OF_ONE else first).append(each)
    return (first + after)[:MOST_TOLD]


def _counted(
    connection: Connection, template_id: str, votes: Sequence[_Vote], whole: float
) -> dict[str, CommonFailure]:
    """What was counted of these failure patterns by all instances, by their ids."""
    table, pattern = failure_stats.c, failure_patterns.c
    shares = {each.pattern_id: each.weight / whole for each in votes}
    wanted = (
        select(
            failure_patterns,
            func.sum(table.seen).label("seen"),
            func.sum(table.failed).label("failed"),
            func.count().label("instances"),
        )
        .join(failure_stats, table.pattern_id == pattern.id)
        .where(table.template_id == template_id, pattern.id.in_(shares))
        .group_by(pattern.id)
    )
    return {row.id: _common(row, shares[row.id]) for row in connection.execute(wanted)}


def _common(row: Row[Any], share: float) -> CommonFailure:
    return CommonFailure(
        id=row.id,
        signature=row.signature,
        check=row.check_name,
        language=row.language,
        count=int(row.seen),
        failed=int(row.failed),
        share=share,
        instances=row.instances,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
    )
