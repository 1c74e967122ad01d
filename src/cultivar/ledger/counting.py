"""Adds what was observed to the counts, with one statement a table however much it is.

The invariants: the order in which observations arrive makes no difference to the counts, and
writers take rows in the order of their keys, so that none waits for another in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Final, TypeAlias

from sqlalchemy import Connection

from cultivar.ledger.columns import storable
from cultivar.ledger.database import Database
from cultivar.ledger.tallying import HALF_LIFE, PAIRED, Observation, Observed
from cultivar.model import Json

LONGEST: Final = 200
"""Characters of a value, or of a question's name, in JSON; what is longer is not counted."""

LONGEST_COMBINATION: Final = 1500
"""Characters of a whole combination: PostgreSQL's index takes few more."""

TOTAL: Final = "[]"
"""In `combination_stats`, the questions and the answers of what counts whole generations."""

WHOLE: Final = "*"
"""In `combination_stats`, the questions of what counts all answers of a generation at once."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

Key: TypeAlias = tuple[str, str, str, str, str]
"""The key of a row, as the table has it."""

_HALF_LIFE: Final = HALF_LIFE // MICROSECOND
_FORGOTTEN: Final = 64 * _HALF_LIFE
"""Whatever lies further apart is halved no more often: it makes no difference to a double."""

_encoder: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)


class Counts:
    """What a batch adds to one row."""

    __slots__ = ("at", "chosen", "failed", "recent", "succeeded", "uses")

    def __init__(self, at: int) -> None:
        self.uses = self.chosen = self.succeeded = self.failed = 0
        self.recent = [0.0, 0.0, 0.0]
        """Uses, successes and failures, each as it counts at the time `at`."""
        self.at = at

    def add(self, success: bool | None, at: int, *, chosen: bool) -> None:
        """Count one use at that time."""
        if at > self.at:
            factor = _faded(at - self.at)
            self.recent = [each * factor for each in self.recent]
            self.at = at
        weight = _faded(self.at - at)
        self.uses += 1
        self.chosen += chosen
        self.recent[0] += weight
        if success is True:
            self.succeeded += 1
            self.recent[1] += weight
        elif success is False:
            self.failed += 1
            self.recent[2] += weight

    def row(self, key: Key) -> Sequence[object]:
        """The row of that key, in the order of the table's columns."""
        whole = (self.uses, self.chosen, self.succeeded, self.failed)
        return (*key, *whole, *self.recent, self.at)


def _faded(microseconds: int) -> float:
    return 0.5 ** (min(microseconds, _FORGOTTEN) / _HALF_LIFE) if microseconds else 1.0


class Sums:
    """What a batch of observations adds, by the keys of the rows."""

    def __init__(self) -> None:
        self.answers: dict[Key, Counts] = {}
        self.combinations: dict[Key, Counts] = {}

    def add(self, observation: Observation) -> None:
        """Count one generation."""
        success, at = observation.success, (observation.at - EPOCH) // MICROSECOND
        template = storable(observation.template_id)
        stratum = storable(observation.template_version), storable(observation.instance_id)
        known = {each.name: each for each in _encoded(observation.answers)}
        for one in known.values():
            key = (template, storable(one.name), one.value, *stratum)
            _row(self.answers, key, at).add(success, at, chosen=one.chosen)
        for questions, values, chosen in _combined(tuple(known.values())):
            key = (questions, template, values, *stratum)
            _row(self.combinations, key, at).add(success, at, chosen=chosen)


def _row(rows: dict[Key, Counts], key: Key, at: int) -> Counts:
    found = rows.get(key)
    if found is None:
        found = rows[key] = Counts(at)
    return found


class _Encoded:
    """An answer in JSON."""

    __slots__ = ("chosen", "is_choice", "name", "question", "value")

    def __init__(self, answer: Observed, question: str, value: str) -> None:
        self.name, self.chosen = answer.question, answer.chosen
        self.question, self.value = question, value
        self.is_choice = isinstance(answer.value, bool | str)


def _encoded(answers: Iterable[Observed]) -> Iterator[_Encoded]:
    for each in answers:
        question, value = canonical(each.question), canonical(each.value)
        if question and value:
            yield _Encoded(each, question, value)


def canonical(value: Json) -> str:
    """The one JSON text of `value`; a list is what was ticked, in any order.

    Empty where it is too long to be counted, or no JSON.
    """
    try:
        if isinstance(value, list | tuple):
            text = f"[{','.join(sorted(map(_encoder.encode, value)))}]"
        else:
            text = _encoder.encode(value)
    except ValueError:  # not a number, or one of thousands of digits
        return ""
    return text if len(text) <= LONGEST else ""


def _combined(answers: Sequence[_Encoded]) -> Iterator[tuple[str, str, bool]]:
    """Questions, answers and whether they were chosen, of all combinations that are counted."""
    yield TOTAL, TOTAL, any(each.chosen for each in answers)
    choices = [each for each in answers if each.is_choice]
    for pair in combinations(sorted(choices[:PAIRED], key=_by_name), 2):
        one, other = pair
        yield pair_key(one.question, other.question), _joined(pair), one.chosen and other.chosen
    whole = _joined(sorted(choices, key=_by_name))
    if choices and len(whole) <= LONGEST_COMBINATION:
        yield WHOLE, whole, all(each.chosen for each in choices)


def _by_name(answer: _Encoded) -> str:
    return answer.name


def pair_key(one: str, other: str) -> str:
    """The questions of a pair, each given in JSON, in the order of their names."""
    return f"[{one},{other}]"


def _joined(answers: Iterable[_Encoded]) -> str:
    return f"[{','.join(f'[{each.question},{each.value}]' for each in answers)}]"


def tally(connection: Connection, database: Database, observations: Iterable[Observation]) -> None:
    """Add observations to the counts, in the transaction of `connection`.

    Whoever calls it sees to it that no generation is observed twice.
    """
    sums = Sums()
    for each in observations:
        sums.add(each)
    for statements, counted in ((_ANSWERS, sums.answers), (_COMBINATIONS, sums.combinations)):
        rows = [counts.row(key) for key, counts in sorted(counted.items(), key=_by_key)]
        if not rows:
            continue
        if database.is_sqlite:
            connection.exec_driver_sql(statements["sqlite"], [tuple(row) for row in rows])
        else:
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            connection.exec_driver_sql(statements["postgresql"], columns)


def _by_key(item: tuple[Key, Counts]) -> Key:
    return item[0]


_WHOLE_NUMBERS = ("uses", "chosen", "succeeded", "failed")
_RECENT = ("recent_uses", "recent_succeeded", "recent_failed")
_TYPES = "text " * 5 + "bigint " * 4 + "float8 " * 3 + "bigint"


def _upserts(table: str, keys: str) -> Mapping[str, str]:
    """The statement that adds rows to a table, by the kind of database."""
    columns = f"{keys}, {', '.join((*_WHOLE_NUMBERS, *_RECENT))}, recent_at"
    arrays = ", ".join(f"%s::{each}[]" for each in _TYPES.split())
    values = f"VALUES ({', '.join('?' * len(_TYPES.split()))})"
    begin = f"INSERT INTO {table} ({columns})"
    return {
        "sqlite": f"{begin} {values} {_merge(table, keys, 'min', 'max')}",
        "postgresql": f"{begin} SELECT * FROM unnest({arrays}) "
        f"{_merge(table, keys, 'least', 'greatest')}",
    }


def _merge(table: str, keys: str, least: str, greatest: str) -> str:
    """What becomes of a row that is there: the older of the two recents fades to the newer."""
    here, new = f"{table}.recent_at", "excluded.recent_at"
    added = [f"{each} = {table}.{each} + excluded.{each}" for each in _WHOLE_NUMBERS]
    merged = [
        f"{each} = CASE WHEN {here} >= {new} "
        f"THEN {table}.{each} + {_fading(f'excluded.{each}', f'{here} - {new}', least)} "
        f"ELSE {_fading(f'{table}.{each}', f'{new} - {here}', least)} + excluded.{each} END"
        for each in _RECENT
    ]
    at = f"recent_at = {greatest}({here}, {new})"
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join((*added, *merged, at))}"


def _fading(amount: str, age: str, least: str) -> str:
    """`_faded`, times an amount; PostgreSQL refuses a product that is too small for a double."""
    halvings = f"CAST({least}({age}, {_FORGOTTEN}) AS DOUBLE PRECISION) / {_HALF_LIFE}.0"
    return f"CASE WHEN {amount} > 1e-99 THEN {amount} * power(0.5, {halvings}) ELSE 0 END"


_ANSWERS: Final = _upserts(
    "answer_stats", "template_id, question, value, template_version, instance_id"
)
_COMBINATIONS: Final = _upserts(
    "combination_stats", "questions, template_id, combination, template_version, instance_id"
)
