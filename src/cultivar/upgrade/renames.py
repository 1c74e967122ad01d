"""Which old question a new one is: by its name, by what the template says, or by likeness."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

from cultivar.templating.template import Question, Template

_SAME_NAME: Final = 0.7
_SAME_HELP: Final = 0.8
"""So alike are two names, or two helps, that are taken for the same."""


def old_names(
    answered: Collection[str], old: Template | None, new: Template, between: Sequence[Template] = ()
) -> dict[str, str]:
    """The old name of each question of `new` whose answer is among those `answered`.

    Args:
        answered: The old names of all answers.
        old: The old version of the template; None: nothing is found by likeness.
        new: The new version.
        between: The versions between them, the oldest first: a name may change several times.
    """
    found = {each.name: each.name for each in new.questions if each.name in answered}
    for question in new.questions:
        name = _said(question, answered, between)
        if question.name not in found and name in answered:
            found[question.name] = name
    return found if old is None else found | _detected(answered, old, new, found)


def _said(question: Question, answered: Collection[str], between: Sequence[Template]) -> str:
    """What the template says that the question was called in the old version."""
    name = question.renamed_from
    for template in reversed(between):
        if name in answered:
            break
        before = {each.name: each.renamed_from for each in template.questions}
        name = before.get(name) or name
    return name


def _detected(
    answered: Collection[str], old: Template, new: Template, found: Mapping[str, str]
) -> dict[str, str]:
    """Questions that vanished and came under another name; none where two may be meant."""
    known, kept = {each.name for each in old.questions}, {each.name for each in new.questions}
    taken = set(found.values())
    gone = [q for q in old.questions if q.name in answered and q.name not in kept | taken]
    came = [q for q in new.questions if q.name not in known and q.name not in found]
    pairs = [(one, other) for one in gone for other in came if _alike(one, other)]
    ones, others = [one.name for one, _ in pairs], [other.name for _, other in pairs]
    return {
        other.name: one.name
        for one, other in pairs
        if ones.count(one.name) == others.count(other.name) == 1
    }


def _alike(one: Question, other: Question) -> bool:
    """Whether they ask the same: the same kind of answer, and the same help or default."""
    if _kind(one) != _kind(other) or other.renamed_from:
        return False
    if one.help and other.help:
        likeness = _likeness(one.help, other.help)
        return likeness == 1 or (likeness >= _SAME_HELP and one.default == other.default)
    return one.default == other.default and _likeness(one.name, other.name) >= _SAME_NAME


def _kind(question: Question) -> tuple[object, ...]:
    shape = (question.type, question.type_template, question.multiselect, question.secret)
    return (*shape, question.choices, question.required)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold().strip(), other.casefold().strip()).ratio()
