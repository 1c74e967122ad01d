"""Reads what a default goes by, which is asked for often: few columns, and nothing made of a row.

The invariant: what comes back is part of what `SqlTallies.answers` tells, of all or of a pair.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, text

from cultivar.ledger.columns import restored, storable
from cultivar.ledger.counting import canonical, pair_key
from cultivar.ledger.tallying import Outcomes, Stratum
from cultivar.model import Json
from cultivar.record import Record

_COUNTS: Final = "template_version, instance_id, chosen, succeeded, failed"
_TELLING: Final = "chosen + succeeded + failed > 0"
_ANSWERS: Final = text(
    f"SELECT value, {_COUNTS} FROM answer_stats "
    f"WHERE template_id = :of AND question = :question AND {_TELLING} "
    "ORDER BY value, template_version, instance_id"
)
_PAIRS: Final = (
    f"SELECT combination, {_COUNTS} FROM combination_stats "
    f"WHERE questions = :questions AND template_id = :of AND {_TELLING} AND "
)
_IN_ORDER: Final = "ORDER BY combination, template_version, instance_id"
_BEGINNING: Final = text(f"{_PAIRS} substr(combination, 1, :length) = :text {_IN_ORDER}")
_ENDING: Final = text(
    f"{_PAIRS} substr(combination, length(combination) - :length + 1) = :text {_IN_ORDER}"
)

_Strata: TypeAlias = dict[tuple[str, str], Stratum]
"""One object for each, which dictionaries know without looking at its names."""


def outcomes(connection: Connection, template_id: str, question: str) -> tuple[Outcomes, ...]:
    """Of the answers to a question, by their values."""
    named = {"of": storable(template_id), "question": storable(question)}
    return tuple(_gathered(connection.execute(_ANSWERS, named).all(), json.loads, {}))


def outcomes_under(
    connection: Connection, template_id: str, question: str, given: Mapping[str, Json]
) -> dict[str, tuple[Outcomes, ...]]:
    """The same where one of `given` was answered so, by its name."""
    others = (name for name in given if name != question)
    known = [each for name in others if (each := _Given.of(question, name, given[name]))]
    strata: _Strata = {}
    found = {each.name: each.outcomes(connection, template_id, strata) for each in known}
    return {name: each for name, each in found.items() if each}


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
        if not (asked and named and said and isinstance(value, bool | str)):
            return None
        is_first = name < question
        return cls(
            name=name,
            questions=pair_key(named, asked) if is_first else pair_key(asked, named),
            text=f"[[{named},{said}]," if is_first else f",[{named},{said}]]",
            is_first=is_first,
        )

    def outcomes(
        self, connection: Connection, template_id: str, strata: _Strata
    ) -> tuple[Outcomes, ...]:
        """What the pairs that hold it tell."""
        named = {
            "of": storable(template_id),
            "questions": self.questions,
            "text": self.text,
            "length": len(self.text),
        }
        rows = connection.execute(_BEGINNING if self.is_first else _ENDING, named).all()
        return tuple(_gathered(rows, self._other, strata))

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
    last, here = None, Outcomes(value=None, verified={}, chosen={})
    for what, version, instance, chosen, succeeded, failed in rows:
        if what != last:
            last, here = what, Outcomes(value=value_of(what), verified={}, chosen={})
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
