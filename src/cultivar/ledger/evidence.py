"""Reads what a default goes by, which is asked for often: few columns, and nothing made of a row.

The invariants: what comes back is part of what `SqlTallies.answers` tells, of all or of a pair; and
however many values were answered, no more are read one by one than are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Text, TextClause, bindparam, text

from cultivar.ledger.columns import restored, storable
from cultivar.ledger.counting import canonical, pair_key
from cultivar.ledger.tallying import LOOKED_AT, Outcomes, Stratum
from cultivar.model import Json
from cultivar.record import Record

_COUNTS: Final = "template_version, instance_id, chosen, succeeded, failed"
_TELLING: Final = "chosen + succeeded + failed > 0"
_OF_QUESTION: Final = (
    f"FROM answer_stats WHERE template_id = :of AND question = :question AND {_TELLING}"
)
_NEXT: Final = f"SELECT value {_OF_QUESTION} AND value > known.value ORDER BY value LIMIT 1"
# From one value to the next by the index, and no further than one too many.
_ANSWERS: Final = text(
    "WITH RECURSIVE known (value, number) AS ("
    f"SELECT (SELECT min(value) {_OF_QUESTION}), 1 UNION ALL SELECT ({_NEXT}), number + 1 "
    f"FROM known WHERE value IS NOT NULL AND number <= {LOOKED_AT}) "
    f"SELECT value, {_COUNTS} {_OF_QUESTION} AND value <= (SELECT max(value) FROM known) "
    "ORDER BY value, template_version, instance_id"
)

_REST: Final = ""
"""What stands for all other values: it is no JSON."""

_SUMS: Final = ", ".join(
    f"CAST(sum({name}) AS bigint)" for name in ("chosen", "succeeded", "failed")
)
_BY_STRATUM: Final = "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"


def _among(statement: str) -> TextClause:
    """With a list of values."""
    return text(statement).bindparams(bindparam("among", expanding=True, type_=Text()))


# What one instance makes up, however often it is used, comes after what several have answered.
_MOST_USED: Final = _among(
    f"WITH most_used AS (SELECT value {_OF_QUESTION} GROUP BY value "
    f"ORDER BY count(DISTINCT instance_id) DESC, sum(uses) DESC, value LIMIT {LOOKED_AT}) "
    "SELECT CASE WHEN value IN (SELECT value FROM most_used) OR value IN :among "
    f"THEN value ELSE '{_REST}' END, template_version, instance_id, {_SUMS} "
    f"{_OF_QUESTION} {_BY_STRATUM}"
)

_OF_PAIR: Final = (
    f"FROM combination_stats WHERE questions = :questions AND template_id = :of AND {_TELLING} AND "
)
_BEGINS: Final = "substr(combination, 1, :length) = :text"
_ENDS: Final = "substr(combination, length(combination) - :length + 1) = :text"
_PAIRS: Final = f"SELECT combination, {_COUNTS} {_OF_PAIR}"
_IN_ORDER: Final = "ORDER BY combination, template_version, instance_id"
_BEGINNING: Final = text(f"{_PAIRS} {_BEGINS} {_IN_ORDER}")
_ENDING: Final = text(f"{_PAIRS} {_ENDS} {_IN_ORDER}")
_SOME_PAIRS: Final = (
    f"SELECT CASE WHEN combination IN :among THEN combination ELSE '{_REST}' END, "
    f"template_version, instance_id, {_SUMS} {_OF_PAIR}"
)
_SOME_BEGINNING: Final = _among(f"{_SOME_PAIRS} {_BEGINS} {_BY_STRATUM}")
_SOME_ENDING: Final = _among(f"{_SOME_PAIRS} {_ENDS} {_BY_STRATUM}")

_Strata: TypeAlias = dict[tuple[str, str], Stratum]
"""One object for each, which dictionaries know without looking at its names."""


def outcomes(
    connection: Connection, template_id: str, question: str, asked: Sequence[Json] = ()
) -> tuple[Outcomes, ...]:
    """Of the answers to a question, by their values; of many, of some and of all others."""
    named: dict[str, Any] = {"of": storable(template_id), "question": storable(question)}
    found = tuple(_gathered(connection.execute(_ANSWERS, named).all(), json.loads, {}))
    if len(found) <= LOOKED_AT:
        return found
    named["among"] = [each for value in asked for each in _texts(value)]
    return tuple(_gathered(connection.execute(_MOST_USED, named).all(), json.loads, {}))


def outcomes_under(
    connection: Connection,
    template_id: str,
    question: str,
    given: Mapping[str, Json],
    among: Sequence[Json] = (),
) -> dict[str, tuple[Outcomes, ...]]:
    """The same where one of `given` was answered so, by its name."""
    others = (name for name in given if name != question)
    known = [each for name in others if (each := _Given.of(question, name, given[name]))]
    strata: _Strata = {}
    found = {each.name: each.outcomes(connection, template_id, strata, among) for each in known}
    return {name: each for name, each in found.items() if each}


def _texts(value: Json) -> Iterator[str]:
    """How a value may be written: 5 is 5.0, too."""
    forms: list[Json] = [value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        forms = [value, float(value) if isinstance(value, int) else round(value)]
    for each in forms:
        if each == value and (said := canonical(each)):
            yield said


class _Given(Record):
    """One answer that is given, and how the pairs that hold it are known."""

    name: str
    asked: str
    """The question of the other answer, in JSON."""
    questions: str
    """What the table has for the two questions of such a pair."""
    text: str
    """How such a pair begins, or ends, in JSON."""
    is_first: bool

    @classmethod
    def of(cls, question: str, name: str, value: Json) -> _Given | None:
        """What is given for `question`; None where no pair can hold it."""
        asked, named, said = canonical(question), canonical(name), canonical(value)
        if not (asked and named and said and isinstance(value, bool | str)):
            return None
        is_first = name < question
        return cls(
            name=name,
            asked=asked,
            questions=pair_key(named, asked) if is_first else pair_key(asked, named),
            text=f"[[{named},{said}]," if is_first else f",[{named},{said}]]",
            is_first=is_first,
        )

    def outcomes(
        self,
        connection: Connection,
        template_id: str,
        strata: _Strata,
        among: Sequence[Json] = (),
    ) -> tuple[Outcomes, ...]:
        """What the pairs that hold it tell."""
        named: dict[str, Any] = {
            "of": storable(template_id),
            "questions": self.questions,
            "text": self.text,
            "length": len(self.text),
        }
        if among:
            written = [text for value in among if (text := canonical(value))]
            named["among"] = [self._pair(each) for each in written]
            statement = _SOME_BEGINNING if self.is_first else _SOME_ENDING
        else:
            statement = _BEGINNING if self.is_first else _ENDING
        rows = connection.execute(statement, named).all()
        return tuple(_gathered(rows, self._other, strata))

    def _pair(self, value: str) -> str:
        """A pair that holds it, and that value of the other answer, in JSON."""
        if self.is_first:
            return f"{self.text}[{self.asked},{value}]]"
        return f"[[{self.asked},{value}]{self.text}"

    def _other(self, combination: str) -> Json:
        """The value of the other answer of a pair."""
        return decoded(combination)[self.is_first][1]


@lru_cache(maxsize=4096)
def decoded(combination: str) -> tuple[tuple[str, Json], ...]:
    """Questions and values; the same ones come back with each given answer."""
    return tuple((name, value) for name, value in json.loads(combination))


def _gathered(
    rows: Iterable[Any], value_of: Callable[[str], Json], strata: _Strata
) -> Iterator[Outcomes]:
    """What rows tell that come one value after the other."""
    last, here = None, Outcomes(value=None, verified={}, chosen={}, is_rest=True)
    for what, version, instance, chosen, succeeded, failed in rows:
        if what != last:
            last, is_rest = what, what == _REST
            value = None if is_rest else value_of(what)
            here = Outcomes(value=value, verified={}, chosen={}, is_rest=is_rest)
            yield here
        where = strata.get((version, instance))
        if where is None:
            where = strata[version, instance] = Stratum(
                template_version=restored(version), instance_id=restored(instance)
            )
        if succeeded or failed:
            here.verified[where] = (succeeded, failed)
        if chosen:
            here.chosen[where] = chosen
