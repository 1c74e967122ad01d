"""Adds what was observed to the counts: a batch is added up first, then written as few rows.

The invariants: the order in which observations arrive makes no difference to the counts, and
writers take rows in the order of their keys, so that none waits for another in a circle.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection

from cultivar.ledger.columns import storable
from cultivar.ledger.database import Database
from cultivar.ledger.summing import summed
from cultivar.ledger.tallying import PAIRED, Observation, Seen, seen
from cultivar.ledger.upserts import Added, add_answers, add_combinations
from cultivar.ledger.uses import Numbers, Stratum, Thing, Use
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

_MOST_MET: Final = 300_000
"""Parts of combinations that are kept; each takes some fifty bytes."""

_MOST_CHOICES: Final = 64
"""Of one combination, how many ways to choose among its answers are kept."""

_PLAIN: Final = frozenset({str, bool, int, type(None)})
"""Of these, values of one type that are equal have the same JSON."""

_Codes: TypeAlias = tuple[int, ...]
"""Of answers, each by the number that stands for it."""

_encoder: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)


def tally(connection: Connection, database: Database, observations: Iterable[Observation]) -> None:
    """Add observations to the counts, in the transaction of `connection`.

    Whoever calls it sees to it that no generation is observed twice.
    """
    Sums(map(seen, observations)).write(connection, database)


class Sums:
    """What a batch of generations adds, ready to be written.

    Args:
        batch: What is counted of them; no generation is in it twice.
        met: What was met in batches before.
    """

    answers: Added
    """What is added to `answer_stats`."""
    combinations: Added
    """What is added to `combination_stats`."""

    def __init__(self, batch: Iterable[Seen], met: Combinations | None = None) -> None:
        met, strata = met or Combinations(), dict[Stratum, list[Use]]()
        met.make_room()
        used = set[_Combination]()
        for each in batch:
            at = (each.at - EPOCH) // MICROSECOND
            made = met.of(each.template_id, each.answers)
            use = Use(at, each.success, made.adds_to, made.chosen(each.chosen))
            stratum = each.template_id, each.template_version, each.instance_id
            strata.setdefault(stratum, []).append(use)
            used.add(made)
        numbers = set[int]().union(*(each.adds_to for each in used))
        things = {number: met.things[number] for number in numbers}
        self.answers, self.combinations = summed(things, strata)

    def write(self, connection: Connection, database: Database) -> None:
        """Add it to the counts, in the transaction of `connection`."""
        add_answers(connection, database, self.answers)
        add_combinations(connection, database, self.combinations)


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


def pair_key(one: str, other: str) -> str:
    """The questions of a pair, each given in JSON, in the order of their names."""
    return f"[{one},{other}]"


_Made = TypeVar("_Made")


class _Once(dict[_Codes, _Made]):
    """What is made when it is first asked for.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[_Codes], _Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Codes) -> _Made:
        made = self[key] = self._make(key)
        return made


class Combinations:
    """The combinations of answers that were met, so that each is taken apart once.

    They are for one thread at a time.
    """

    def __init__(self) -> None:
        self.things: list[Thing] = []
        """All that is counted of them, by number."""
        self._templates: dict[str, _Template] = {}

    def of(self, template_id: str, answers: Mapping[str, Json]) -> _Combination:
        """The combination of a generation's answers."""
        template = self._templates.get(template_id)
        if template is None:
            template = self._templates[template_id] = _Template(template_id, self.things)
        return template.combination(answers)

    def make_room(self) -> None:
        """Forget all, where it is more than is worth its place."""
        parts = sum(each.parts for each in self._templates.values())
        if parts + len(self.things) + len(self._templates) > _MOST_MET:
            self.things = []
            self._templates.clear()


class _Combination:
    """What generations with certain answers add to.

    Args:
        parts: By the number of what they add to, the answers that this is made of, each a bit.
        bits: Of the answers, by their questions.
    """

    __slots__ = ("_bits", "_chosen", "_parts", "adds_to")

    def __init__(self, parts: Mapping[int, int], bits: Mapping[str, int]) -> None:
        self._parts, self._bits = tuple(parts.values()), bits
        self._chosen: dict[int, bytes] = {}
        self.adds_to: Numbers = array("q", parts)

    def chosen(self, questions: Iterable[str]) -> bytes:
        """Of all that they add to, whether as chosen, where somebody answered these questions."""
        bits, given = self._bits, 0
        for each in questions:
            given |= bits.get(each, 0)
        found = self._chosen.get(given)
        if found is None:
            if len(self._chosen) == _MOST_CHOICES:
                self._chosen.clear()
            found = bytes([given > 0 and part & given == part for part in self._parts])
            self._chosen[given] = found
        return found


class _Answer(NamedTuple):
    """An answer, with its question and itself in JSON."""

    code: int
    name: str
    question: str
    text: str
    number: int
    """Of what it adds to by itself."""
    is_choice: bool


class _Template:
    """What a batch counts of one template.

    Each answer has a code, so that what answers a generation has is told by a few small integers.
    """

    def __init__(self, template_id: str, things: list[Thing]) -> None:
        self._id, self._things = storable(template_id), things
        self._codes: dict[tuple[str, type, Json], int] = {}
        self._texts: dict[tuple[str, str], int] = {}
        self._answers: list[_Answer] = []
        self.parts = 0
        """Of all its combinations."""
        self._combinations = _Once(self._new_combination)
        self._pairs, self._wholes = _Once(self._new_pair), _Once(self._new_whole)
        self._total = self._new((True, TOTAL, self._id, TOTAL))

    def combination(self, answers: Mapping[str, Json]) -> _Combination:
        """The combination of these answers."""
        codes = self._codes
        try:
            key = tuple([codes[name, type(value), value] for name, value in answers.items()])
        except (KeyError, TypeError):  # one is new, or no plain value
            key = tuple([self._code(*each) for each in answers.items()])
        return self._combinations[key]

    def _code(self, question: str, value: Json) -> int:
        """The code of an answer; negative where it is not counted."""
        kind = type(value)
        key = question, kind, value if kind in _PLAIN else canonical(value)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = self._new_code(question, value)
        return code

    def _new_code(self, name: str, given: Json) -> int:
        question, value = canonical(name), canonical(given)
        if not (question and value):
            return -1
        known = self._texts.setdefault((name, value), len(self._answers))
        if known == len(self._answers):
            number = self._new((False, self._id, storable(name), value))
            is_choice, text = isinstance(given, bool | str), f"[{question},{value}]"
            self._answers.append(_Answer(known, name, question, text, number, is_choice))
        return known

    def _new_combination(self, key: _Codes) -> _Combination:
        answers = [self._answers[each] for each in key if each >= 0]
        bits = {each.name: 1 << at for at, each in enumerate(answers)}
        choices = [each for each in answers if each.is_choice]
        parts = {self._total: 0, **{each.number: bits[each.name] for each in answers}}
        for one, other in combinations(_by_name(choices[:PAIRED]), 2):
            parts[self._pairs[one.code, other.code]] = bits[one.name] | bits[other.name]
        if choices:
            whole = self._wholes[tuple([each.code for each in _by_name(choices)])]
            parts[whole] = sum(bits[each.name] for each in choices)
        parts.pop(-1, None)
        self.parts += len(parts)
        return _Combination(parts, bits)

    def _new_pair(self, codes: _Codes) -> int:
        one, other = (self._answers[each] for each in codes)
        questions = pair_key(one.question, other.question)
        return self._new((True, questions, self._id, _joined(one, other)))

    def _new_whole(self, codes: _Codes) -> int:
        text = _joined(*(self._answers[each] for each in codes))
        fits = len(text) <= LONGEST_COMBINATION
        return self._new((True, WHOLE, self._id, text)) if fits else -1

    def _new(self, thing: Thing) -> int:
        self._things.append(thing)
        return len(self._things) - 1


def _joined(*answers: _Answer) -> str:
    return f"[{','.join(each.text for each in answers)}]"


def _by_name(answers: Iterable[_Answer]) -> list[_Answer]:
    return sorted(answers, key=attrgetter("name"))
