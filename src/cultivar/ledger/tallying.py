"""What the ledger counts as generations arrive, so that learning from ten million costs no more.

The invariant: a generation is counted in the transaction that records it, once, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from cultivar.model import Answers, Generation, Json, Source
from cultivar.record import Record

HALF_LIFE: Final = timedelta(days=30)
"""After which a generation counts half in what is recent."""

PAIRED: Final = 12
"""How many answers of one generation, the first in the template's order, are counted in pairs."""

ADOPTED: Final = "adopted"
"""The task of a generation that was made elsewhere, and brought into the ledger by an upgrade."""

_CHOOSERS: Final[frozenset[Source]] = frozenset({"user", "task", "model"})
"""The sources of answers that somebody chose."""


class Observed(Record):
    """One answer of a generation, as it is counted."""

    question: str
    value: Json
    chosen: bool
    """Whether a person, the task or a model chose it, rather than a default."""


class Observation(Record):
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


class PairTally(Record):
    """What was counted of an answer, where another question had been answered so."""

    given: str
    """The other question."""
    given_value: Json
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


class TallyStore(Protocol):
    """The counts of what was generated."""

    def answers(self, template_id: str, question: str = "") -> tuple[AnswerTally, ...]:
        """Of the answers to one question, or to all, of a template; the most used first."""
        ...

    def pairs(
        self, template_id: str, question: str, given: Mapping[str, Json]
    ) -> tuple[PairTally, ...]:
        """Of the answers to `question` where one of `given` was answered so."""
        ...

    def combinations(self, template_id: str, limit: int = 1000) -> tuple[CombinationTally, ...]:
        """Of whole combinations; the most used first."""
        ...

    def totals(self, template_id: str = "") -> Mapping[str, Mapping[Stratum, Tally]]:
        """Of all generations, by template."""
        ...
