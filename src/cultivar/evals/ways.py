"""The ways through a template's questions: where several answers can be given, and what then.

The invariant: whatever way is taken, its answers are such as the template itself accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cultivar.ledger.tallying import Observed, observed
from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, replace
from cultivar.templating.questions.asking import AskedQuestion, Asker
from cultivar.templating.questions.interview import Interview
from cultivar.templating.template import Question, Template

KEPT: Final = 20_000
"""How many ways are remembered; a template with more is asked anew for the rest."""


class Fork(Record):
    """A question that takes one of several values."""

    question: str
    values: tuple[Json, ...]
    """What it takes."""
    options: Answers
    """The same as answers, as if nobody had chosen them."""
    default: Json
    """The template's own."""

    @property
    def is_choice(self) -> bool:
        """Whether it is yes or no, or a choice: a number may be any."""
        return all(isinstance(each, bool | str) for each in self.values)


class Way:
    """The answers up to the next fork; without a fork it is at its end.

    Args:
        ways: All that set out from the same beginning.
        answers: Those so far.
        rest: The questions that come after them.
        forks: The questions of the forks behind.
    """

    __slots__ = ("_next", "_rest", "_ways", "answers", "fork", "forks", "seen", "values")

    def __init__(
        self,
        ways: Ways,
        answers: Answers,
        rest: Sequence[Question],
        forks: tuple[str, ...] = (),
    ) -> None:
        self._ways = ways
        self.forks = forks
        """The questions that were forks, in their order."""
        self._next: dict[int, Way] = {}
        self.fork: Fork | None = None
        """Where it divides."""
        for at, question in enumerate(rest, start=1):
            asker = ways.interview.asker(question, answers)
            self.fork = _fork(asker)
            if self.fork is not None:
                self._rest = rest[at:]
                break
            answers = (*answers, *_only(asker))
        self.answers: Answers = answers
        """All so far, as if nobody had chosen any."""
        self.seen: tuple[Observed, ...] = () if self.fork else observed(answers, "")
        """At the end: what is counted of them."""
        self.values = {each.question: each.value for each in self.seen}
        """The same, by question."""

    def taking(self, option: int) -> Way:
        """The way on from the fork with that option."""
        found = self._next.get(option)
        if found is None:
            assert self.fork is not None
            answers = (*self.answers, self.fork.options[option])
            forks = (*self.forks, self.fork.question)
            found = Way(self._ways, answers, self._rest, forks)
            if self._ways.remembers():
                self._next[option] = found
        return found


class Ways:
    """All ways through the questions of a template.

    Args:
        template: Whose questions.
        kept: How many are remembered.
    """

    def __init__(self, template: Template, kept: int = KEPT) -> None:
        self.interview = Interview(template=template)
        self._room = kept
        self.begin = Way(self, (), template.questions)
        """Where all of them begin."""

    def remembers(self) -> bool:
        """Whether there is room for one more; then it is taken."""
        self._room -= 1
        return self._room >= 0


def _fork(asker: Asker) -> Fork | None:
    """The question as one with several closed answers; None where it is none."""
    if not asker.visible:
        return None
    asked = asker.asked()
    if not asked.ask or asked.secret or asked.multiselect:
        return None
    offers = (asker.accepted(_answer(asked.name, value))[0] for value in _values(asked))
    options = tuple(each for each in offers if each is not None and each.closed)
    if len(options) < 2:
        return None
    values = tuple(each.value for each in options)
    return Fork(question=asked.name, values=values, options=options, default=asked.default)


def _values(asked: AskedQuestion) -> tuple[Json, ...]:
    """What is answered to it; of a number, what is near its default."""
    if asked.choices:
        return tuple(each.value for each in asked.choices if not each.refused)
    if asked.type == "bool":
        return (True, False)
    if asked.type not in {"int", "float"} or not isinstance(asked.default, int | float):
        return ()
    return (asked.default, asked.default * 2, asked.default * 10)


def _answer(name: str, value: Json) -> Answer:
    return Answer(name=name, value=value, source="default", confidence=1.0)


def _only(asker: Asker) -> Answers:
    """The one answer to a question that is no fork; none where it needs somebody's."""
    if not asker.visible:
        computed = asker.computed()
        return () if computed is None else (computed,)
    asked = asker.asked()
    return () if asked.required else (replace(asker.by_default(asked, ""), evidence=""),)
