"""Adds what was observed to the counts: a batch is added up first, then written as few rows.

The invariants: the order in which observations arrive makes no difference to the counts, and
writers take rows in the order of their keys, so that none waits for another in a circle.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import Connection

from cultivar.ledger.columns import storable
from cultivar.ledger.database import Database
from cultivar.ledger.tallying import PAIRED, Observation, Observed
from cultivar.ledger.upserts import MICROSECONDS, Added, add_answers, add_combinations
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

_LONG_AGO: Final = 1000 * MICROSECONDS
"""What lies further before the newest of a batch fades no more: a double could not tell it."""

_PLAIN: Final = frozenset({str, bool, int, type(None)})
"""Of these, values of one type that are equal have the same JSON."""

_Numbers: TypeAlias = tuple[int, ...]
"""What a generation adds to, each by its number."""

_Stratum: TypeAlias = tuple[str, str, str]
"""Template, version and instance."""

_Thing: TypeAlias = tuple[bool, str, str, str]
"""Whether it is a combination, and how the key of its rows begins."""

_encoder: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)


class _Use(NamedTuple):
    """A generation, as it is counted."""

    at: int
    success: bool | None
    adds_to: _Numbers
    chosen: _Numbers
    """To what of it it adds as chosen."""


def tally(connection: Connection, database: Database, observations: Iterable[Observation]) -> None:
    """Add observations to the counts, in the transaction of `connection`.

    Whoever calls it sees to it that no generation is observed twice.
    """
    Sums(observations).write(connection, database)


class Sums:
    """What a batch of observations adds, ready to be written.

    Args:
        observations: The batch; no generation is in it twice.
    """

    answers: list[Added]
    """What is added to `answer_stats`, in the order of the keys."""
    combinations: list[Added]
    """What is added to `combination_stats`, in the order of the keys."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        counted, strata = _Counted(), dict[_Stratum, list[_Use]]()
        for each in observations:
            stratum = each.template_id, each.template_version, each.instance_id
            at = (each.at - EPOCH) // MICROSECOND
            use = _Use(at, each.success, *counted.numbers(each.template_id, each.answers))
            strata.setdefault(stratum, []).append(use)
        self.answers, self.combinations = _rows(counted.things, strata)

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


class _Numbering(dict[_Numbers, int]):
    """Numbers that are given when they are first asked for.

    Args:
        give: Gives the number of a new key.
    """

    def __init__(self, give: Callable[[_Numbers], int]) -> None:
        super().__init__()
        self._give = give

    def __missing__(self, key: _Numbers) -> int:
        number = self[key] = self._give(key)
        return number


class _Counted:
    """All that a batch counts, by number."""

    def __init__(self) -> None:
        self.things: list[_Thing] = []
        self._templates: dict[str, _Template] = {}

    def numbers(self, template_id: str, answers: Sequence[Observed]) -> tuple[_Numbers, _Numbers]:
        """What a generation adds to, and to what as chosen."""
        template = self._templates.get(template_id)
        if template is None:
            template = self._templates[template_id] = _Template(template_id, self.things)
        return template.numbers(answers)


class _Answer:
    """An answer in JSON."""

    __slots__ = ("is_choice", "name", "number", "question", "text")

    def __init__(self, answer: Observed, question: str, value: str, number: int) -> None:
        self.name, self.question, self.text = answer.question, question, f"[{question},{value}]"
        self.is_choice, self.number = isinstance(answer.value, bool | str), number


class _Template:
    """What a batch counts of one template.

    Each answer has a code, so that what answers a generation has is told by a few small integers.
    """

    def __init__(self, template_id: str, things: list[_Thing]) -> None:
        self._id, self._things = storable(template_id), things
        self._codes: dict[tuple[str, type, Json], int] = {}
        self._texts: dict[tuple[str, str], int] = {}
        self._known: dict[_Numbers, tuple[_Numbers, _Numbers]] = {}
        self._answers: list[_Answer] = []
        self._pairs, self._wholes = _Numbering(self._new_pair), _Numbering(self._new_whole)
        self._total = self._new((True, TOTAL, self._id, TOTAL))

    def numbers(self, answers: Sequence[Observed]) -> tuple[_Numbers, _Numbers]:
        """What a generation with these answers adds to, and to what as chosen."""
        codes = self._codes
        try:
            key = tuple([2 * codes[e.question, type(e.value), e.value] + e.chosen for e in answers])
        except (KeyError, TypeError):  # one is new, or no plain value
            key = tuple([2 * self._code(each) + each.chosen for each in answers])
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._found(key)
        return found

    def _code(self, answer: Observed) -> int:
        """The code of an answer; negative where it is not counted."""
        value, kind = answer.value, type(answer.value)
        key = answer.question, kind, value if kind in _PLAIN else canonical(value)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = self._new_code(answer)
        return code

    def _new_code(self, answer: Observed) -> int:
        question, value = canonical(answer.question), canonical(answer.value)
        if not (question and value):
            return -1
        known = self._texts.setdefault((answer.question, value), len(self._answers))
        if known == len(self._answers):
            number = self._new((False, self._id, storable(answer.question), value))
            self._answers.append(_Answer(answer, question, value, number))
        return known

    def _found(self, key: _Numbers) -> tuple[_Numbers, _Numbers]:
        last = {self._answers[each >> 1].name: each for each in key if each >= 0}.values()
        codes, chosen = [each >> 1 for each in last], {each >> 1 for each in last if each & 1}
        return self._adds_to(codes, set(codes)), self._adds_to(codes, chosen) if chosen else ()

    def _adds_to(self, codes: Sequence[int], among: set[int]) -> _Numbers:
        """What those of the answers add to that are `among` these."""
        choices = [each for each in codes if self._answers[each].is_choice]
        paired = [each for each in choices[:PAIRED] if each in among]
        pairs = map(self._pairs.__getitem__, combinations(self._by_name(paired), 2))
        answers = (self._answers[each].number for each in codes if each in among)
        if choices and among.issuperset(choices):
            whole = self._wholes[self._by_name(choices)]
            return (self._total, *answers, *pairs, *((whole,) if whole >= 0 else ()))
        return (self._total, *answers, *pairs)

    def _by_name(self, codes: Iterable[int]) -> _Numbers:
        return tuple(sorted(codes, key=lambda each: self._answers[each].name))

    def _new_pair(self, codes: _Numbers) -> int:
        one, other = (self._answers[each] for each in codes)
        questions = pair_key(one.question, other.question)
        return self._new((True, questions, self._id, _joined(one, other)))

    def _new_whole(self, codes: _Numbers) -> int:
        text = _joined(*(self._answers[each] for each in codes))
        fits = len(text) <= LONGEST_COMBINATION
        return self._new((True, WHOLE, self._id, text)) if fits else -1

    def _new(self, thing: _Thing) -> int:
        self._things.append(thing)
        return len(self._things) - 1


def _joined(*answers: _Answer) -> str:
    return f"[{','.join(each.text for each in answers)}]"


def _rows(
    things: Sequence[_Thing], strata: Mapping[_Stratum, list[_Use]]
) -> tuple[list[Added], list[Added]]:
    """The rows of answers and of combinations, each in the order of their keys."""
    named = sorted((tuple(map(storable, key)), uses) for key, uses in strata.items())
    order = sorted(range(len(things)), key=things.__getitem__)
    ranks = {number: rank * len(named) for rank, number in enumerate(order)}
    rows: list[tuple[int, Added]] = []
    for at, ((_, version, instance), uses) in enumerate(named):
        for number, counts in _counts(uses):
            key = (*things[number][1:], version, instance)
            rows.append((ranks[number] + at, (*key, *counts)))
    rows.sort(key=itemgetter(0))
    border = len(named) * sum(not thing[0] for thing in things)
    return [row for at, row in rows if at < border], [row for at, row in rows if at >= border]


_Counts: TypeAlias = tuple[int, int, int, int, float, float, float, int]
"""What a row holds beside its key."""


def _counts(uses: list[_Use]) -> Iterator[tuple[int, _Counts]]:
    """What a stratum's generations add, by number."""
    uses.sort(key=itemgetter(0))
    newest, latest = uses[-1].at, dict[int, int]()
    for use in uses:
        latest.update(dict.fromkeys(use.adds_to, use.at))
    chosen = _times(use.chosen for use in uses)
    (passed, lately_passed), (failed, lately_failed), (rest, lately_rest) = (
        _outcome([use for use in uses if use.success is each], newest)
        for each in (True, False, None)
    )
    for number, at in latest.items():
        succeeded, broken = passed(number, 0), failed(number, 0)
        grown = 1.0 / _faded(newest - at)
        recent = lately_passed(number, 0.0) * grown, lately_failed(number, 0.0) * grown
        whole = succeeded + broken + rest(number, 0), chosen(number, 0), succeeded, broken
        yield number, (*whole, sum(recent) + lately_rest(number, 0.0) * grown, *recent, at)


def _outcome(
    uses: Sequence[_Use], newest: int
) -> tuple[Callable[[int, int], int], Callable[[int, float], float]]:
    """How often each number occurs in uses of one outcome, and how much that is at `newest`."""
    recent = defaultdict[int, float](float)
    for use in uses:
        weight = _faded(newest - use.at)
        for number in use.adds_to:
            recent[number] += weight
    return _times(use.adds_to for use in uses), recent.get


def _times(uses: Iterable[_Numbers]) -> Callable[[int, int], int]:
    """How often each number occurs."""
    return Counter(chain.from_iterable(uses)).get


def _faded(microseconds: int) -> float:
    return 0.5 ** (min(microseconds, _LONG_AGO) / MICROSECONDS) if microseconds else 1.0
