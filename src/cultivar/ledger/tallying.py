"""What the ledger counts as generations arrive, so that learning from ten million costs no more.

The invariant: a generation is counted in the transaction that records it, once, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from cultivar.model import Answers, Generation, Json, Source
from cultivar.record import Record

HALF_LIFE: Final = timedelta(days=30)
"""After which a generation counts half in what is recent."""

PAIRED: Final = 12
"""How many answers of one generation, the first in the template's order, are counted in pairs."""

LOOKED_AT: Final = 50
"""Values of a question that are looked at one by one, the most used; whoever makes up thousands has
nobody look at them."""

ADOPTED: Final = "adopted"
"""The task of a generation that was made elsewhere, and brought into the ledger by an upgrade."""

_CHOOSERS: Final[frozenset[Source]] = frozenset({"user", "task", "model"})
"""The sources of answers that somebody chose."""


# The hub makes a dozen of them of each message, and none is ever part of a cycle.
class Observed(Record, gc=False):
    """One answer of a generation, as it is counted."""

    question: str
    value: Json
    chosen: bool
    """Whether a person, the task or a model chose it, rather than a default."""


class Observation(Record, gc=False):
    """What is counted of a generation: its closed answers and its outcome."""

    template_id: str
    template_version: str
    instance_id: str
    answers: tuple[Observed, ...]
    """In the order of the template's questions."""
    success: bool | None
    """None: it was not verified."""
    at: datetime


def observation_of(generation: Generation) -> Observation:
    """What is counted of a generation that this ledger records.

    An upgrade counts as a use of the new version, with the outcome of its checks: an answer that
    was carried over was chosen if it was chosen before. Of an adopted generation nobody here saw
    the choosing, and nothing was verified: there only what a person said counts as chosen.
    """
    return Observation(
        template_id=generation.template.id,
        template_version=generation.template.version,
        instance_id=generation.instance_id,
        answers=observed(generation.answers, generation.task),
        success=generation.success,
        at=generation.generated_at,
    )


def observed(answers: Answers, task: str) -> tuple[Observed, ...]:
    """What is counted of the answers of a generation that was made for `task`.

    Secrets, computed values and texts that anybody may write in their own way are left out.
    """
    choosers = frozenset({"user"}) if task == ADOPTED else _CHOOSERS
    return tuple(
        Observed(question=each.name, value=each.value, chosen=each.source in choosers)
        for each in answers
        if each.closed and not each.secret and not each.computed
    )


class Seen(Record, gc=False):
    """What is counted of a generation, as it is quickest to count."""

    template_id: str
    template_version: str
    instance_id: str
    answers: Mapping[str, Json]
    """By question, in the order of the template's."""
    chosen: Collection[str]
    """The questions that a person, the task or a model answered; it may name others, too."""
    success: bool | None
    at: datetime


def seen(observation: Observation) -> Seen:
    """What is counted of an observation; of two answers to one question that is the second."""
    chosen = {each.question: each.chosen for each in observation.answers}
    return Seen(
        template_id=observation.template_id,
        template_version=observation.template_version,
        instance_id=observation.instance_id,
        answers={each.question: each.value for each in observation.answers},
        chosen=tuple(question for question, is_chosen in chosen.items() if is_chosen),
        success=observation.success,
        at=observation.at,
    )


class Tally(Record):
    """How often something was used, and what became of it."""

    uses: int = 0
    chosen: int = 0
    """Uses in which somebody chose it: of several answers each one, of a whole template any."""
    succeeded: int = 0
    failed: int = 0
    """What neither succeeded nor failed was not verified."""
    recent_uses: float = 0.0
    """Each use halved for every `HALF_LIFE` that it lies before `recent_at`."""
    recent_succeeded: float = 0.0
    recent_failed: float = 0.0
    recent_at: datetime | None = None
    """When the newest of them was; None where there is none."""


class Stratum(Record):
    """Where something was counted: what differs between two of these is never mixed unweighed."""

    template_version: str
    instance_id: str


class AnswerTally(Record):
    """What was counted of one answer to one question."""

    question: str
    value: Json
    stratum: Stratum
    tally: Tally


class CombinationTally(Record):
    """What was counted of all the answers of a generation that are yes or no, or a choice."""

    answers: tuple[tuple[str, Json], ...]
    """Question and value, by the question's name."""
    stratum: Stratum
    tally: Tally


class Outcomes(Record):
    """Of one answer what a default goes by; strata without any of it are left out."""

    value: Json
    """None where it is the rest."""
    verified: dict[Stratum, tuple[int, int]]
    """How many succeeded and how many failed."""
    chosen: dict[Stratum, int]
    is_rest: bool = False
    """Whether it is of all the values together that are not looked at one by one."""


class Judgement(Record):
    """What somebody made of the counts, in a form of their own."""

    body: str
    uses: int
    """How often the template had been used when it was worked out."""


class Extent(Record):
    """How much was counted of a template."""

    uses: int = 0
    strata: int = 0
    """In how many versions and instances."""
    instances: int = 0
    told: tuple[int, ...] = ()
    """How often each instance used it, in no order."""


class Known(Record):
    """What is kept of a question, of the keys that were asked for, and how much was counted."""

    extent: Extent
    kept: Mapping[str, Judgement]
    """By their keys."""


class TallyStore(Protocol):
    """The counts of what was generated, and what was made of them."""

    def answers(self, template_id: str, question: str = "") -> tuple[AnswerTally, ...]:
        """Of the answers to one question, or to all, of a template; the most used first."""
        ...

    def questions(self, template_id: str) -> tuple[str, ...]:
        """The questions of a template that were ever answered, by name."""
        ...

    def outcomes(
        self, template_id: str, question: str, asked: Sequence[Json] = ()
    ) -> tuple[Outcomes, ...]:
        """Of the answers to a question, by their values.

        Where there are more than `LOOKED_AT`, of those that most instances gave, the most used
        before others, and of those that are `asked` for; of all others together.
        """
        ...

    def outcomes_under(
        self,
        template_id: str,
        question: str,
        given: Mapping[str, Json],
        among: Sequence[Json] = (),
    ) -> Mapping[str, tuple[Outcomes, ...]]:
        """The same where one of `given` was answered so, by its name.

        Of the values `among` these, and of all others together; without any, of each value.
        """
        ...

    def extent(self, template_id: str) -> Extent:
        """How much was counted of a template."""
        ...

    def known(self, template_id: str, question: str, keys: Collection[str]) -> Known:
        """What is kept of a question, of these keys, and how much was counted of its template."""
        ...

    def judgements(
        self, template_id: str, question: str, keys: Collection[str]
    ) -> Mapping[str, Judgement]:
        """What is kept of a question, of these keys."""
        ...

    def keep(self, template_id: str, question: str, made: Mapping[str, Judgement]) -> None:
        """Keep what was worked out, if that can be done at once; otherwise nothing happens."""
        ...

    def combinations(self, template_id: str, limit: int = 1000) -> tuple[CombinationTally, ...]:
        """Of whole combinations; the most used first."""
        ...

    def totals(self, template_id: str = "") -> Mapping[str, Mapping[Stratum, Tally]]:
        """Of all generations, by template."""
        ...
