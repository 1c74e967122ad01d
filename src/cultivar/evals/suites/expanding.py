"""From a suite's plans to its cases: matrices are combined, under the template's own conditions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from jinja2 import TemplateSyntaxError, meta

from cultivar.errors import AnswerError, RefusedError, UsageError
from cultivar.evals.suites.covering import (
    MOST_PAIRS,
    MOST_ROWS,
    Condition,
    Extent,
    Factors,
    Row,
    covering,
    every_row,
    extent_of,
)
from cultivar.evals.suites.suite import CasePlan, Suite, distinct, identified
from cultivar.generation.workshop import Workshop
from cultivar.lifecycle import TrialCase
from cultivar.model import Json
from cultivar.record import replace
from cultivar.schema import nearest
from cultivar.templating.jinja.environment import environment_of
from cultivar.templating.making.making import Making
from cultivar.templating.template import Question, Template

_MOST: Final = 2_000
"""Cases that one matrix may make."""

_LONGEST_NAME: Final = 240


def cases_of(
    suite: Suite, templates: Sequence[Template] = (), workshop: Workshop | None = None
) -> tuple[TrialCase, ...]:
    """The cases of `suite`, each with its id; those of the same content come once.

    Args:
        suite: As it was read.
        templates: The versions that are tried, where it is a template's; by the first of them it
            is known which questions are asked when.
        workshop: What asks the questions of templates.

    Raises:
        UsageError: A case answers what no version asks, or a matrix makes too many cases.
    """
    for plan in suite.plans:
        if templates:
            _refuse_unasked(suite, plan, templates)
    made = (case for plan in suite.plans for case in _combined(suite, plan, templates, workshop))
    return distinct(identified(case) for case in made)


def closed_values(template: Template) -> Mapping[str, tuple[Json, ...]]:
    """The values of each question that is yes or no, or offers choices that it names."""
    asked = [each for each in template.questions if each.when is not False and not each.secret]
    values = {each.name: _values(each) for each in asked}
    return {name: each for name, each in values.items() if each}


def factors_of(
    template: Template,
    values: Mapping[str, Sequence[Json]],
    given: Mapping[str, Json],
    workshop: Workshop,
) -> Factors:
    """The `values` as factors: a question's count where it is asked.

    Args:
        template: Whose questions they are.
        values: Of each question, the answers that are combined.
        given: Answers that are the same in all of them.
        workshop: What asks the questions.
    """
    making = Making(template=template, given=given)
    conditions = {
        each.name: Condition(
            depends=_depends(template, each) & values.keys(),
            holds=partial(_is_asked, making, each.name, workshop),
        )
        for each in template.questions
        if each.name in values and each.when is not True
    }
    return Factors(values=values, conditions=conditions)


def _combined(
    suite: Suite, plan: CasePlan, templates: Sequence[Template], workshop: Workshop | None
) -> Iterator[TrialCase]:
    values = plan.matrix
    if plan.every_closed and templates:
        closed = closed_values(templates[0])
        values = {name: each for name, each in closed.items() if name not in plan.case.inputs}
    if not values:
        yield plan.case
        return
    factors = Factors(values=values)
    if templates and workshop is not None:
        factors = factors_of(templates[0], values, plan.case.inputs, workshop)
    for row in _rows(suite, plan, factors):
        name = f"{plan.case.name} {_worded(row)}".strip()
        yield replace(plan.case, name=name, inputs={**plan.case.inputs, **row})


def _rows(suite: Suite, plan: CasePlan, factors: Factors) -> Sequence[Row]:
    if plan.pairwise:
        _refuse_too_many(suite, plan, extent_of(factors.values))
        return covering(factors)
    count = math.prod(len(values) for values in factors.values.values())
    if count > _MOST:
        raise UsageError(
            f"`{suite.file}`, line {plan.line}: The matrix makes {count:,} cases.",
            f"At most {_MOST:,} are taken; `pairwise: true` takes far fewer.",
        )
    return tuple(every_row(factors))


def _refuse_too_many(suite: Suite, plan: CasePlan, extent: Extent) -> None:
    if not extent.is_coverable:
        raise UsageError(
            f"`{suite.file}`, line {plan.line}: The matrix has {extent.pairs:,} pairs of values,"
            f" which take {extent.rows:,} cases at least.",
            f"At most {MOST_PAIRS:,} pairs in {MOST_ROWS:,} cases are taken: name fewer values, or"
            " several cases with some of the inputs each.",
        )


def _refuse_unasked(suite: Suite, plan: CasePlan, templates: Sequence[Template]) -> None:
    known = {question.name for template in templates for question in template.questions}
    for name in (*plan.case.inputs, *plan.matrix):
        if name not in known:
            raise UsageError(
                f"`{suite.file}`, line {plan.line}: `{name}` is no question of"
                f" {suite.reference!r}.",
                nearest(name, known),
            )


def _values(question: Question) -> tuple[Json, ...]:
    if question.choices and not isinstance(question.choices, str):
        chosen = tuple(each.value for each in question.choices)
        return tuple([each] for each in chosen) if question.multiselect else chosen
    return (True, False) if question.type == "bool" and not question.choices else ()


def _is_asked(making: Making, name: str, workshop: Workshop, row: Row) -> bool:
    """Whether the question `name` is asked where `row` is answered."""
    asked = replace(making, given={**making.given, **row}, files=False, complete=False)
    try:
        answers = workshop.make([asked])[0].answers
    except AnswerError:
        return True  # what is refused is for the trial to show
    return not any(each.name == name and each.computed for each in answers)


def _depends(template: Template, question: Question) -> frozenset[str]:
    """The questions before `question` that it depends on, whether it is asked."""
    before = {each.name: each for each in template.questions}
    for each in template.questions[template.questions.index(question) :]:
        del before[each.name]
    try:
        waiting, found = _names_in(template, str(question.when)), set[str]()
        while waiting:
            name = waiting.pop()
            if name in before and name not in found:
                found.add(name)
                waiting.update(*(_names_in(template, text) for text in _texts(before[name])))
    except (TemplateSyntaxError, RefusedError):
        return frozenset(before)  # written in words of an extension
    return frozenset(found)


def _names_in(template: Template, text: str) -> set[str]:
    """The names that a text of the template goes by."""
    environment = environment_of(template.rules, template.tree, trusted=template.ref.trusted)
    return meta.find_undeclared_variables(environment.parse(text))


def _texts(question: Question) -> list[str]:
    """What the value of `question` is made of, where nobody gives it."""
    choices = question.choices if isinstance(question.choices, str) else ""
    texts = [question.when, question.default, choices, question.type_template]
    return [each for each in texts if isinstance(each, str)]


def _worded(row: Row) -> str:
    said = {name: each if isinstance(each, str) else json.dumps(each) for name, each in row.items()}
    text = ", ".join(f"{name}={value}" for name, value in said.items())
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"
