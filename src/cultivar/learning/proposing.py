"""Smart defaults as answers: proposed for each question as it comes to be asked."""

from __future__ import annotations

from itertools import takewhile

from cultivar.learning.defaults import default_for
from cultivar.learning.suggestion import AskedFor
from cultivar.ledger.tallying import TallyStore
from cultivar.model import Answer, Json
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Propose
from cultivar.templating.template import Template


def smart_defaults(template: Template, store: TallyStore) -> Propose:
    """What earlier generations of `template` speak for; the evidence says why.

    Only closed questions of one value are answered so: yes or no, a number, one of choices.
    """

    def propose(asked: AskedQuestion) -> Answer | None:
        if not _is_closed(asked):
            return None
        wanted = AskedFor(name=asked.name, values=_values(asked), default=asked.default)
        found = default_for(wanted, _given(asked), store, template.ref.id)
        if found is None:
            return None
        return Answer(
            name=asked.name,
            value=found.value,
            source="learned",
            confidence=found.confidence,
            evidence=found.why,
        )

    return propose


def _is_closed(asked: AskedQuestion) -> bool:
    if asked.secret or asked.multiselect or not asked.ask:
        return False
    return bool(asked.choices) or asked.type in {"bool", "int", "float"}


def _values(asked: AskedQuestion) -> tuple[Json, ...]:
    """All that it takes now; empty: any number."""
    if asked.choices:
        return tuple(each.value for each in asked.choices if not each.refused)
    return (True, False) if asked.type == "bool" else ()


def _given(asked: AskedQuestion) -> dict[str, Json]:
    """The closed answers before it."""
    before = takewhile(lambda answer: answer.name != asked.name, asked.answered)
    return {each.name: each.value for each in before if each.closed and not each.computed}
