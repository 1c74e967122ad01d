"""Smart defaults as answers: proposed for each question as it comes to be asked."""

from __future__ import annotations

from itertools import takewhile

from cultivar.learning.defaults.keeping import KeptDefaults
from cultivar.learning.defaults.renewing import Renewals
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.ledger.tallying import TallyStore
from cultivar.model import Answer, Json
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Propose
from cultivar.templating.template import Template


def smart_defaults(template: Template, store: TallyStore) -> Propose:
    """What earlier generations of `template` speak for; the evidence says why.

    Only closed questions of one value are answered so: yes or no, a number, one of choices.
    """
    defaults = KeptDefaults(store, Renewals())

    def propose(asked: AskedQuestion) -> Answer | None:
        wanted = asked_for(asked)
        if wanted is None:
            return None
        found = defaults.find(wanted, given_before(asked), template.ref.id)
        return None if found is None else answer_of(found)

    return propose


def asked_for(asked: AskedQuestion) -> AskedFor | None:
    """The question as earlier answers to it are counted; None where they are not."""
    if not _is_closed(asked):
        return None
    return AskedFor(name=asked.name, values=_values(asked), default=asked.default)


def given_before(asked: AskedQuestion) -> dict[str, Json]:
    """The closed answers before it."""
    before = takewhile(lambda answer: answer.name != asked.name, asked.answered)
    return {each.name: each.value for each in before if each.closed and not each.computed}


def answer_of(found: Suggestion) -> Answer:
    """The answer that a suggestion proposes."""
    return Answer(
        name=found.question,
        value=found.value,
        source="learned",
        confidence=found.confidence,
        evidence=found.why,
    )


def _is_closed(asked: AskedQuestion) -> bool:
    if asked.secret or asked.multiselect or not asked.ask:
        return False
    return bool(asked.choices) or asked.type in {"bool", "int", "float"}


def _values(asked: AskedQuestion) -> tuple[Json, ...]:
    """All that it takes now; empty: any number."""
    if asked.choices:
        return tuple(each.value for each in asked.choices if not each.refused)
    return (True, False) if asked.type == "bool" else ()
