"""A bad combination of answers that is asked for and never works: a validator that says so.

What fails is never delivered, so who asks for it gets nothing today, and gets to know why only
from a failing check. A validator tells him at once what does not go together, and what does.

The invariant: it is made only of two answers with which every known use failed, beyond chance,
and only where no default leads there; what worked with them, ever, forbids nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cultivar.evals.suites.expanding import closed_values
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.templates.configuring import block, condition, with_validator
from cultivar.evolution.operators.templates.study import Study, Use, aims, has
from cultivar.lifecycle import BadAnswers
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.template import Question

OPERATOR: Final = "validator"
"""What candidates say that made them."""

_LEAST: Final = 10
"""Uses that must have failed with a combination, none of them otherwise."""


class _Combination(Record):
    """Two answers that never work together."""

    question: Question
    """The later one, whose answer is refused."""
    answers: Mapping[str, Json]
    """In the order in which they are asked for."""
    failed: tuple[Use, ...]
    better: Sequence[Json]
    """What worked in its stead, beside the same other answer."""


def forbidding(study: Study) -> Iterator[Proposed]:
    """Versions that refuse a combination that never works, with a word on what does."""
    for bad in study.order.opportunity.bad_answers:
        found = _combination(bad, study)
        if found is None:
            continue
        tree = with_validator(study.subject.tree, found.question, _refusal(found, study))
        if tree is not None:
            yield Proposed(
                operator=OPERATOR,
                tree=tree,
                description=f"{_said(found)}, and who asks for it is told so.",
                aims_at=aims(found.failed),
                forbids=found.question.name,
            )


def _combination(bad: BadAnswers, study: Study) -> _Combination | None:
    names = [each.name for each in study.template.questions if each.name in bad.answers]
    closed = closed_values(study.template)
    if len(names) != 2 or not closed.keys() >= set(names) or bad.failed < max(_LEAST, bad.uses):
        return None
    failed = tuple(use for use in study.failures if has(use, bad.answers))
    worked = any(has(use, bad.answers) for use in study.successes)
    if worked or not failed or not all(bad.answers.keys() <= use.given.keys() for use in failed):
        return None
    other = {names[0]: bad.answers[names[0]]}
    better = [
        value
        for value in closed[names[1]]
        if any(has(use, {**other, names[1]: value}) for use in study.successes)
    ]
    (question,) = (each for each in study.template.questions if each.name == names[1])
    answers = {name: bad.answers[name] for name in names}
    return _Combination(question=question, answers=answers, failed=failed, better=better)


def _refusal(found: _Combination, study: Study) -> str:
    """The validator: where both are answered so, what does not go together and what does."""
    test = condition(found.answers)
    choose = " or ".join(_shown(each) for each in found.better)
    said = f"{_said(found)}; choose {choose}." if choose else f"{_said(found)}."
    rules = study.template.rules
    return f"{block(f'if {test}', rules)}{said}{block('endif', rules)}"


def _said(found: _Combination) -> str:
    other, name = found.answers
    one, two = _shown(found.answers[name]), _shown(found.answers[other])
    return f"`{name}` {one} does not work with `{other}` {two}"


def _shown(value: Json) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
