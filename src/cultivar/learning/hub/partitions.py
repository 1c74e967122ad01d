"""Keeps the hub's generations on PostgreSQL in a partition for each month, made ahead of time.

The invariant: every row has its place, in the partition of its month or in that for the rest, and
what arrives waits for no more than a moment while a partition comes or goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

TABLE: Final = "template_generations_global"

REST: Final = f"{TABLE}_rest"
"""The partition of what says no time, or one that no month's partition takes."""

AHEAD: Final = 3
"""For how many months to come there are partitions."""

_MOVED: Final = 24
"""For how many months of the past partitions are made, for rows that were there before."""

_BEFORE: Final = f"{TABLE}_before"

_NAME: Final = re.compile(rf"{TABLE}_y(\d{{4}})m(\d\d)")

_LOCK_KEY: Final = 0x43554C50
"""Of PostgreSQL's advisory lock: "CULP" in ASCII."""


def partition(connection: Connection) -> None:
    """Make of the plain table one that is partitioned, with all that is in it."""
    now = datetime.now(UTC)
    for statement in (
        f"ALTER TABLE {TABLE} RENAME TO {_BEFORE}",
        f"CREATE TABLE {TABLE} (LIKE {_BEFORE}, CONSTRAINT pk_{TABLE} "
        "PRIMARY KEY (id, generated_at)) PARTITION BY RANGE (generated_at)",
        f"CREATE TABLE {REST} PARTITION OF {TABLE} DEFAULT",
    ):
        connection.exec_driver_sql(statement)
    for month in _months(_first(connection, now), _shifted(now, AHEAD)):
        connection.exec_driver_sql(
            f"CREATE TABLE {_name(month)} PARTITION OF {TABLE} FOR VALUES {_range(month)}"
        )
    for statement in (
        f"INSERT INTO {TABLE} SELECT * FROM {_BEFORE}",
        f"DROP TABLE {_BEFORE}",
        f"CREATE INDEX ix_{REST}_received ON {REST} (received_at)",
    ):
        connection.exec_driver_sql(statement)


def partitions(connection: Connection) -> dict[datetime, str]:
    """The partitions of months, by the month's first moment."""
    found = connection.execute(
        text(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = CAST(:parent AS regclass)"
        ),
        {"parent": TABLE},
    ).scalars()
    named = filter(None, map(_NAME.fullmatch, found))
    return {datetime(int(each[1]), int(each[2]), 1, tzinfo=UTC): each[0] for each in named}


def missing(connection: Connection, now: datetime) -> list[datetime]:
    """The months for which there should be a partition by now, and is none."""
    there = partitions(connection)
    wanted = _months(_shifted(now, -1), _shifted(now, AHEAD))
    return [each for each in wanted if each not in there]


def outdated(connection: Connection, horizon: datetime) -> list[str]:
    """The partitions all of whose months were over before the horizon, the oldest first."""
    found = sorted(partitions(connection).items())
    return [name for month, name in found if _shifted(month, 1) <= horizon]


def take_turn(connection: Connection) -> bool:
    """Whether no other hub is making or dropping partitions, until the transaction ends."""
    # Who waits for a lock keeps what arrives waiting behind it.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
    asked = text("SELECT pg_try_advisory_xact_lock(:key)")
    return bool(connection.execute(asked, {"key": _LOCK_KEY}).scalar_one())


def add(connection: Connection, month: datetime) -> None:
    """Add a month's partition, and move there what waits for it among the rest.

    To attach it takes no lock that what arrives must wait for, unless it is for the rest.
    """
    name, first, end = _name(month), month, _shifted(month, 1)
    among = {"first": first, "end": end}
    connection.exec_driver_sql(f"LOCK TABLE {REST} IN ACCESS EXCLUSIVE MODE")
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)")
    connection.execute(
        text(
            f"WITH moved AS (DELETE FROM {REST} WHERE generated_at >= :first "
            f"AND generated_at < :end RETURNING *) INSERT INTO {name} SELECT * FROM moved"
        ),
        among,
    )
    connection.exec_driver_sql(
        f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES {_range(month)}"
    )


def drop(connection: Connection, name: str) -> None:
    """Drop a partition with all that is in it."""
    connection.exec_driver_sql(f"DROP TABLE {name}")


def _first(connection: Connection, now: datetime) -> datetime:
    """The month of the oldest row that gets a partition of its month."""
    found = connection.execute(
        text(f"SELECT min(generated_at) FROM {_BEFORE} WHERE generated_at >= :first"),
        {"first": _shifted(now, -_MOVED)},
    ).scalar_one()
    return min(_shifted(now, -1), _shifted(found or now, 0))


def _months(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first = _shifted(first, 1)


def _shifted(at: datetime, months: int) -> datetime:
    """The first moment of the month so many months after that of `at`."""
    at = at.astimezone(UTC)
    number = at.year * 12 + at.month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _name(month: datetime) -> str:
    return f"{TABLE}_y{month:%Ym%m}"


def _range(month: datetime) -> str:
    return f"FROM ('{month.isoformat()}') TO ('{_shifted(month, 1).isoformat()}')"
