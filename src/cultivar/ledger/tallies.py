"""Reads what was counted, each question by one range of an index; counts anew where it must be.

The invariant: what is counted anew is what was counted as it arrived.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, TextClause, delete, select, text

from cultivar.ledger import evidence, judgements
from cultivar.ledger.columns import restored, storable
from cultivar.ledger.counting import (
    EPOCH,
    MICROSECOND,
    TOTAL,
    WHOLE,
    tally,
)
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import answers_of
from cultivar.ledger.tables import answer_stats, combination_stats, template_generations
from cultivar.ledger.tables import judgements as judgements_kept
from cultivar.ledger.tallying import (
    AnswerTally,
    CombinationTally,
    Extent,
    Judgement,
    Known,
    Observation,
    Outcomes,
    Stratum,
    Tally,
    observed,
)
from cultivar.model import Json

_generations = template_generations.c

BATCH: Final = 2000
"""How many generations are in memory at once, when they are counted anew."""

# Plain text, not `select`: what SQLAlchemy does to each value of a row would take most of the time.
_COUNTS: Final = (
    "template_version, instance_id, uses, chosen, succeeded, failed, "
    "recent_uses, recent_succeeded, recent_failed, recent_at"
)
_ANSWERS: Final = f"SELECT question, value, {_COUNTS} FROM answer_stats WHERE template_id = :of"
_MOST_USED: Final = "ORDER BY uses DESC, question, value"
_OF_TEMPLATE: Final = text(f"{_ANSWERS} {_MOST_USED}")
_OF_QUESTION: Final = text(f"{_ANSWERS} AND question = :question {_MOST_USED}")
_NEXT: Final = "SELECT min(question) FROM answer_stats WHERE template_id = :of"
# From one to the next by the index, as neither database does it for DISTINCT.
_QUESTIONS: Final = text(
    f"WITH RECURSIVE known (name) AS ({_NEXT} UNION ALL SELECT ({_NEXT} AND question > name) "
    "FROM known WHERE name IS NOT NULL) SELECT name FROM known WHERE name IS NOT NULL"
)

_TOGETHER: Final = f"SELECT template_id, combination, {_COUNTS} FROM combination_stats"
_ALL_TOTALS: Final = text(f"{_TOGETHER} WHERE questions = '{TOTAL}'")
_TOTALS: Final = text(f"{_TOGETHER} WHERE questions = '{TOTAL}' AND template_id = :of")
_WHOLE: Final = text(
    f"{_TOGETHER} WHERE questions = '{WHOLE}' AND template_id = :of "
    "ORDER BY uses DESC, combination LIMIT :most"
)
_RECORDED: Final = select(
    *(_generations.id, _generations.template_id, _generations.template_version),
    *(_generations.instance_id, _generations.answer_records, _generations.task),
    *(_generations.success, _generations.generated_at),
).order_by(_generations.id)


_Counted: TypeAlias = tuple[str, str, Stratum, Tally]
"""The two columns that a row is asked for, where it was counted, and what."""


class SqlTallies:
    """The counts of the ledger.

    Args:
        database: It has the tables of the counts; only `rebuild` needs those of generations too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        if not database.is_sqlite:
            self._looker = database.engine.execution_options(isolation_level="AUTOCOMMIT")

    def answers(self, template_id: str, question: str = "") -> tuple[AnswerTally, ...]:
        """Of the answers to one question, or to all, of a template; the most used first."""
        named = {"of": storable(template_id)}
        with self._database.read() as connection:
            if question:
                rows = _read(connection, _OF_QUESTION, **named, question=storable(question))
            else:
                rows = _read(connection, _OF_TEMPLATE, **named)
            return tuple(
                AnswerTally(
                    question=restored(name), value=json.loads(value), stratum=where, tally=counted
                )
                for name, value, where, counted in rows
            )

    def questions(self, template_id: str) -> tuple[str, ...]:
        """The questions of a template that were ever answered, by name."""
        with self._looking() as connection:
            found = connection.execute(_QUESTIONS, {"of": storable(template_id)}).scalars().all()
        return tuple(map(restored, found))

    def outcomes(
        self, template_id: str, question: str, asked: Sequence[Json] = ()
    ) -> tuple[Outcomes, ...]:
        """Of the answers to a question, by their values; of many, of some and of all others."""
        with self._looking() as connection:
            return evidence.outcomes(connection, template_id, question, asked)

    def outcomes_under(
        self,
        template_id: str,
        question: str,
        given: Mapping[str, Json],
        among: Sequence[Json] = (),
    ) -> Mapping[str, tuple[Outcomes, ...]]:
        """The same where one of `given` was answered so, by its name."""
        with self._looking() as connection:
            return evidence.outcomes_under(connection, template_id, question, given, among)

    def extent(self, template_id: str) -> Extent:
        """How much was counted of a template."""
        with self._looking() as connection:
            return judgements.extent(connection, template_id)

    def known(self, template_id: str, question: str, keys: Collection[str]) -> Known:
        """What is kept of a question, of these keys, and how much was counted of its template."""
        with self._looking() as connection:
            return judgements.known(connection, template_id, question, keys)

    def judgements(
        self, template_id: str, question: str, keys: Collection[str]
    ) -> Mapping[str, Judgement]:
        """What is kept of a question, of these keys."""
        with self._looking() as connection:
            return judgements.kept(connection, template_id, question, keys)

    def keep(self, template_id: str, question: str, made: Mapping[str, Judgement]) -> None:
        """Keep what was worked out, if that can be done at once; otherwise nothing happens."""
        judgements.keep(self._database, template_id, question, made)

    @contextmanager
    def _looking(self) -> Generator[Connection, None, None]:
        """What single statements need: of a server not even a transaction, which takes its time."""
        if self._database.is_sqlite:
            with self._database.read() as connection:
                yield connection
            return
        with self._database.explained(), self._looker.connect() as connection:
            yield connection

    def combinations(self, template_id: str, limit: int = 1000) -> tuple[CombinationTally, ...]:
        """Of whole combinations; the most used first."""
        with self._database.read() as connection:
            return tuple(
                CombinationTally(
                    answers=evidence.decoded(combination),
                    stratum=where,
                    tally=counted,
                )
                for _, combination, where, counted in _read(
                    connection, _WHOLE, of=storable(template_id), most=limit
                )
            )

    def totals(self, template_id: str = "") -> Mapping[str, Mapping[Stratum, Tally]]:
        """Of all generations, by template."""
        found: dict[str, dict[Stratum, Tally]] = defaultdict(dict)
        with self._database.read() as connection:
            if template_id:
                rows = _read(connection, _TOTALS, of=storable(template_id))
            else:
                rows = _read(connection, _ALL_TOTALS)
            for template, _, where, counted in rows:
                found[restored(template)][where] = counted
        return dict(found)

    def rebuild(self, batch: int = BATCH) -> None:
        """Count all recorded generations anew; whoever records meanwhile waits.

        Args:
            batch: How many of them are in memory at once.
        """
        with self._database.write() as connection:
            recount(connection, self._database, batch)


def _read(connection: Connection, wanted: TextClause, **named: object) -> Iterator[_Counted]:
    """The rows of one of the statements above."""
    strata: dict[tuple[str, str], Stratum] = {}
    for what, which, version, instance, *counts in connection.execute(wanted, named).all():
        where = strata.get((version, instance))
        if where is None:
            where = strata[version, instance] = Stratum(
                template_version=restored(version), instance_id=restored(instance)
            )
        yield what, which, where, _tally_of(counts)


def _tally_of(counts: Sequence[Any]) -> Tally:
    uses, chosen, succeeded, failed, recent_uses, recent_succeeded, recent_failed, at = counts
    return Tally(
        uses=uses,
        chosen=chosen,
        succeeded=succeeded,
        failed=failed,
        recent_uses=recent_uses,
        recent_succeeded=recent_succeeded,
        recent_failed=recent_failed,
        recent_at=EPOCH + at * MICROSECOND,
    )


def recount(connection: Connection, database: Database, batch: int = BATCH) -> None:
    """Count all recorded generations anew, in the transaction of `connection`."""
    if not database.is_sqlite:  # a file has one writer as it is
        connection.execute(_LOCK)
    for table in (answer_stats, combination_stats, judgements_kept):
        connection.execute(delete(table))
    wanted = _RECORDED.limit(batch)
    rows = connection.execute(wanted).all()
    while rows:
        tally(connection, database, map(_observation_of, rows))
        rows = connection.execute(wanted.where(_generations.id > rows[-1].id)).all()


_LOCK: Final = text("LOCK TABLE answer_stats, combination_stats IN SHARE ROW EXCLUSIVE MODE")


def _observation_of(row: Row[*tuple[Any, ...]]) -> Observation:
    return Observation(
        template_id=row.template_id,
        template_version=row.template_version,
        instance_id=row.instance_id,
        answers=observed(answers_of(row.answer_records), row.task),
        success=row.success,
        at=row.generated_at,
    )
