"""Reads what was counted, each question by one range of an index; counts anew where it must be.

The invariant: what is counted anew is what was counted as it arrived.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, TextClause, delete, select, text

from cultivar.ledger.columns import restored, storable
from cultivar.ledger.counting import (
    EPOCH,
    MICROSECOND,
    TOTAL,
    WHOLE,
    canonical,
    pair_key,
    tally,
)
from cultivar.ledger.database import Database
from cultivar.ledger.encoding import answers_of
from cultivar.ledger.tables import answer_stats, combination_stats, template_generations
from cultivar.ledger.tallying import (
    AnswerTally,
    CombinationTally,
    Observation,
    PairTally,
    Stratum,
    Tally,
    observed,
)
from cultivar.model import Json
from cultivar.record import Record

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

_TOGETHER: Final = f"SELECT template_id, combination, {_COUNTS} FROM combination_stats"
_ALL_TOTALS: Final = text(f"{_TOGETHER} WHERE questions = '{TOTAL}'")
_TOTALS: Final = text(f"{_TOGETHER} WHERE questions = '{TOTAL}' AND template_id = :of")
_WHOLE: Final = text(
    f"{_TOGETHER} WHERE questions = '{WHOLE}' AND template_id = :of "
    "ORDER BY uses DESC, combination LIMIT :most"
)
_PAIRS: Final = (
    f"SELECT questions, combination, {_COUNTS} FROM combination_stats "
    "WHERE questions = :questions AND template_id = :of AND "
)
_BEGINNING: Final = text(f"{_PAIRS} substr(combination, 1, :length) = :text")
_ENDING: Final = text(f"{_PAIRS} substr(combination, length(combination) - :length + 1) = :text")

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

    def pairs(
        self, template_id: str, question: str, given: Mapping[str, Json]
    ) -> tuple[PairTally, ...]:
        """Of the answers to `question` where one of `given` was answered so."""
        others = (name for name in given if name != question)
        known = [each for name in others if (each := _Given.of(question, name, given[name]))]
        with self._database.read() as connection:
            return tuple(
                PairTally(
                    given=each.name,
                    given_value=given[each.name],
                    question=question,
                    value=each.other(combination),
                    stratum=where,
                    tally=counted,
                )
                for each in known
                for _, combination, where, counted in each.found(connection, template_id)
            )

    def combinations(self, template_id: str, limit: int = 1000) -> tuple[CombinationTally, ...]:
        """Of whole combinations; the most used first."""
        with self._database.read() as connection:
            return tuple(
                CombinationTally(
                    answers=_decoded(combination),
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


class _Given(Record):
    """One answer that is given, and how the pairs that hold it are known."""

    name: str
    questions: str
    """What the table has for the two questions of such a pair."""
    text: str
    """How such a pair begins, or ends, in JSON."""
    is_first: bool

    @classmethod
    def of(cls, question: str, name: str, value: Json) -> _Given | None:
        """What is given for `question`; None where no pair can hold it."""
        asked, named, said = canonical(question), canonical(name), canonical(value)
        if not (asked and named and said):
            return None
        is_first = name < question
        return cls(
            name=name,
            questions=pair_key(named, asked) if is_first else pair_key(asked, named),
            text=f"[[{named},{said}]," if is_first else f",[{named},{said}]]",
            is_first=is_first,
        )

    def found(self, connection: Connection, template_id: str) -> Iterator[_Counted]:
        """The pairs that hold it."""
        return _read(
            connection,
            _BEGINNING if self.is_first else _ENDING,
            of=storable(template_id),
            questions=self.questions,
            text=self.text,
            length=len(self.text),
        )

    def other(self, combination: str) -> Json:
        """The value of the other answer of a pair that holds it."""
        return _decoded(combination)[self.is_first][1]


@lru_cache(maxsize=4096)
def _decoded(combination: str) -> tuple[tuple[str, Json], ...]:
    """Questions and values; the same ones come back from each version and instance."""
    return tuple((name, value) for name, value in json.loads(combination))


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
    for table in (answer_stats, combination_stats):
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
