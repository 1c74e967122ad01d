"""Records generations and finds them again.

The invariant: a generation is there with all its attempts and check results, is counted and in the
outbox, or not at all.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError

from cultivar.errors import NotKnownError
from cultivar.ledger.base import Query, VersionStats
from cultivar.ledger.counting import tally
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import (
    attempt_of,
    attempt_rows,
    check_result_of,
    check_rows,
    generation_of,
    generation_row,
)
from cultivar.ledger.finding import only, rows_of
from cultivar.ledger.outbox import put
from cultivar.ledger.outgoing import Telling
from cultivar.ledger.patterns import count, seen_patterns
from cultivar.ledger.tables import attempts, check_results, template_generations, tree_files
from cultivar.ledger.tallying import observation_of
from cultivar.ledger.upgrades import standing
from cultivar.model import Attempt, CheckResult, Generation

_table = template_generations.c
_NEAREST = 3


class SqlGenerations:
    """The generations of the ledger.

    Args:
        database: An open database with the ledger's tables.
        telling: Makes what is told of each; nothing is without it.
    """

    def __init__(self, database: Database, telling: Telling | None = None) -> None:
        self._database, self._telling = database, telling

    def record(self, generation: Generation) -> None:
        """Record and count a generation in one transaction; a known id stays as it is.

        Raises:
            NotKnownError: The tree of an attempt was never kept.
        """
        told = self._told(generation)
        with self._database.write() as connection:
            try:
                if self._insert(connection, generation) and told is not None:
                    put(connection, generation, told)
            except IntegrityError as error:
                if "foreign key" not in str(error.orig).lower():
                    raise
                raise NotKnownError(
                    "tree",
                    generation.tree_hash,
                    remedy="Keep the tree of every attempt before the generation is recorded.",
                ) from error

    def _told(self, generation: Generation) -> bytes | None:
        """What is to be told of a generation, if anything is."""
        if self._telling is None:
            return None
        shown = {pattern for each in generation.attempts for pattern in each.patterns}
        return self._telling(generation, seen_patterns(self._database, shown) if shown else ())

    def generation(self, generation_id: str) -> Generation:
        """The generation of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        bounds = _bounds(generation_id)
        if bounds is None:
            raise NotKnownError("generation", generation_id)
        wanted = select(template_generations).where(_table.id.between(*bounds))
        with self._database.read() as connection:
            found = _load(connection, wanted.order_by(_table.id).limit(_NEAREST))
        return only("generation", generation_id, {each.id: each for each in found})

    def generations(self, query: Query) -> tuple[Generation, ...]:
        """The matching generations, the newest first."""
        wanted = select(template_generations).where(*_conditions(query))
        with self._database.read() as connection:
            return _load(connection, _newest(wanted).limit(query.limit))

    def maker_of(self, path: str) -> Generation | None:
        """The latest generation that wrote the file (or folder) at the absolute `path`.

        One whose upgrade was taken back does not count.
        """
        path = posixpath.normpath(path)
        return self._latest(or_(_table.file_path == path, _table.output == path, *_inside(path)))

    def latest_at(
        self, output: str, template_id: str = "", file_path: str = ""
    ) -> Generation | None:
        """The latest generation that was written to the absolute folder `output`, and still stands.

        One whose upgrade was taken back, or failed, does not stand: the one before it does.

        Args:
            output: The folder.
            template_id: Of which template; empty: of any.
            file_path: Of which single file; empty: of any, or of the whole folder.
        """
        conditions = [_table.output == posixpath.normpath(output)]
        if template_id:
            conditions.append(_table.template_id == template_id)
        if file_path:
            conditions.append(_table.file_path == posixpath.normpath(file_path))
        return self._latest(*conditions)

    def stats(self, template_id: str = "") -> tuple[VersionStats, ...]:
        """How each version of each template has done, by name and version."""
        name, version = _table.template_id, _table.template_version
        wanted = select(
            *(name, version, func.count().label("uses")),
            func.count().filter(_table.success.is_(True)).label("succeeded"),
            func.count().filter(_table.success.is_(False)).label("failed"),
            func.count().filter(_table.success.is_(None)).label("not_verified"),
            func.avg(_table.quality_score).label("quality"),
            func.max(_table.generated_at, type_=_table.generated_at.type).label("last_used"),
        ).group_by(name, version)
        if template_id:
            wanted = wanted.where(name == template_id)
        with self._database.read() as connection:
            rows = connection.execute(wanted).mappings().all()
        return tuple(sorted((VersionStats(**row) for row in rows), key=_by_version))

    def _latest(self, *conditions: ColumnElement[bool]) -> Generation | None:
        wanted = select(template_generations).where(*conditions, standing(_table.run_id))
        with self._database.read() as connection:
            found = _load(connection, _newest(wanted).limit(1))
        return found[0] if found else None

    def _insert(self, connection: Connection, generation: Generation) -> bool:
        """Whether it is new; then it is recorded and counted."""
        new = self._database.insert_new(template_generations)
        if connection.execute(new.returning(_table.id), generation_row(generation)).first() is None:
            return False
        connection.execute(self._database.insert(attempts), attempt_rows(generation))
        results = check_rows(generation)
        if results:
            connection.execute(self._database.insert(check_results), results)
        count(connection, generation)
        tally(connection, self._database, (observation_of(generation),))
        return True


def _bounds(prefix: str) -> tuple[str, str] | None:
    """The least and the greatest UUID that begin with `prefix`; None where none does."""
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        return None
    return digits.ljust(32, "0"), digits.ljust(32, "f")


def _conditions(query: Query) -> Iterator[ColumnElement[bool]]:
    if query.template_id:
        yield _table.template_id == query.template_id
    if query.template_version:
        yield _table.template_version == query.template_version
    if query.instance_id:
        yield _table.instance_id == query.instance_id
    if query.since is not None:
        yield _table.generated_at >= query.since
    if query.success is not None:
        yield _table.success.is_(query.success)


def _newest(wanted: Select[Any]) -> Select[Any]:
    return wanted.order_by(_table.generated_at.desc(), _table.id.desc())


def _inside(path: str) -> Iterator[ColumnElement[bool]]:
    """That one of the folders above `path` is an output whose tree holds the rest of it."""
    output, rest = posixpath.split(path)
    while rest:
        holds = or_(
            tree_files.c.path == rest,
            and_(tree_files.c.path > f"{rest}/", tree_files.c.path < f"{rest}0"),
        )
        in_tree = exists().where(tree_files.c.tree_hash == _table.tree_hash, holds)
        yield and_(_table.output == output, in_tree)
        output, name = posixpath.split(output)
        rest = f"{name}/{rest}" if name else ""


def _load(connection: Connection, wanted: Select[Any]) -> tuple[Generation, ...]:
    """The generations of these rows with all that belongs to them."""
    rows = connection.execute(wanted).mappings().all()
    made = _attempts(connection, [row["id"] for row in rows])
    return tuple(generation_of(row, made[row["id"]]) for row in rows)


def _attempts(connection: Connection, ids: Sequence[str]) -> Mapping[str, list[Attempt]]:
    results: dict[tuple[str, int], list[CheckResult]] = defaultdict(list)
    for row in rows_of(connection, _RESULTS, check_results.c.generation_id, ids):
        results[row["generation_id"], row["attempt"]].append(check_result_of(row))
    found: dict[str, list[Attempt]] = defaultdict(list)
    for row in rows_of(connection, _ATTEMPTS, attempts.c.generation_id, ids):
        key = row["generation_id"], row["position"]
        found[row["generation_id"]].append(attempt_of(row, results[key]))
    return found


_ATTEMPTS = select(attempts).order_by(attempts.c.position)
_RESULTS = select(check_results).order_by(check_results.c.position)


def _by_version(stats: VersionStats) -> tuple[str, Version, str]:
    """By name, then 1.9 before 1.10; what is no version comes first."""
    try:
        version = Version(stats.template_version)
    except InvalidVersion:
        version = Version("0.dev0")
    return stats.template_id, version, stats.template_version
