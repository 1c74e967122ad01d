"""A bad combination of answers that nobody asked for: another default where it would come about.

What a person asked for, or a task says, is never changed: an answer that is given counts in any
version. So a question's `when` mends nothing that a default does not, and takes a choice away. What
is asked for and never works is refused by a `validator` (`forbidding`), which no trial counts as a
success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cultivar.evals.suites.expanding import closed_values
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.templates.configuring import (
    chosen_by,
    condition,
    with_default,
    written,
)
from cultivar.evolution.operators.templates.study import Study, Use, aims, has
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.template import Question
from cultivar.tree import Tree

OPERATOR: Final = "default"
"""What candidates say that made them."""

_MOST: Final = 2
"""How many other values of one default are proposed."""

_LEAST: Final = 3
"""How many failing uses make an answer worth a trial that is not known to go with failure."""

_MOST_BESIDE: Final = 4
"""And how many other defaults beside one bad answer that was asked for."""


class _Change(Record):
    """A default that leads to failure."""

    question: Question
    under: Mapping[str, Json]
    """Earlier answers with which it does; empty: with any."""
    bad: Json
    failed: tuple[Use, ...]
    """The uses that had it from the default."""

    @property
    def answers(self) -> Mapping[str, Json]:
        """All that goes with failure."""
        return {**self.under, self.question.name: self.bad}


def other_defaults(study: Study) -> Sequence[Proposed]:
    """Versions in which a bad combination does not come about by itself, the most careful first."""
    changes = [
        (change, value) for change in _changes(study) for value in _values(change, study)[:_MOST]
    ]
    found = [*changes, *_beside(study)]
    found.sort(key=lambda each: not each[0].under)  # what changes some uses, then what changes all
    return sorted(_proposed(found, study), key=lambda each: study.touched(each.tree))


def _proposed(changes: Iterable[tuple[_Change, Json]], study: Study) -> Iterator[Proposed]:
    for change, value in changes:
        tree = _changed(change, value, study)
        if tree is not None and _mends(tree, change, value, study):
            yield Proposed(
                operator=OPERATOR,
                tree=tree,
                description=_said(change, value),
                aims_at=aims(change.failed),
            )


def _changes(study: Study) -> Iterator[_Change]:
    """What may be changed: of two questions the later one under the earlier, as it is cautious."""
    order = {each.name: place for place, each in enumerate(study.template.questions)}
    for bad in study.order.opportunity.bad_answers:
        names = sorted(bad.answers.keys() & order.keys(), key=order.__getitem__)
        failed = [use for use in study.failures if has(use, bad.answers)]
        for last, name in reversed([*enumerate(names)]):
            own = tuple(use for use in failed if name not in use.given)
            question = study.template.questions[order[name]]
            if own and len(names) == len(bad.answers) and not question.secret:
                yield _Change(
                    question=question,
                    under={each: bad.answers[each] for each in names[:last]},
                    bad=bad.answers[name],
                    failed=own,
                )


def _beside(study: Study) -> Sequence[tuple[_Change, Json]]:
    """Defaults that may go badly with one answer that was asked for, the likeliest first.

    Too few may have asked for both, to tell the two together from the one; so it is a default
    that all failing uses with that answer have and none that worked, and trials have to show
    whether it is to blame.
    """
    found = [
        (change, value)
        for answers in _suspects(study)
        for change in _defaults_with(answers, study)
        for value in _values(change, study)
    ]
    ranked = sorted(found, key=lambda each: -_worked(each[0], each[1], study))
    return ranked[:_MOST_BESIDE]


def _suspects(study: Study) -> Iterator[Mapping[str, Json]]:
    """Single answers that go with failure: for sure, or so far that it is worth a trial."""
    known = [each.answers for each in study.order.opportunity.bad_answers if len(each.answers) == 1]
    yield from known
    closed = closed_values(study.template)
    for answers in [{name: value} for name, values in closed.items() for value in values]:
        failed = sum(
            has(use, answers) and answers.keys() <= use.given.keys() for use in study.failures
        )
        worked = sum(has(use, answers) for use in study.successes)
        if answers not in known and failed >= _LEAST and failed > worked:
            yield answers


def _defaults_with(answers: Mapping[str, Json], study: Study) -> Iterator[_Change]:
    names = [each.name for each in study.template.questions]
    failed = tuple(use for use in study.failures if has(use, answers))
    known = [place for place, name in enumerate(names) if name in answers]
    later = study.template.questions[known[0] + 1 :] if known else ()
    for question in later:
        own = tuple(use for use in failed if question.name not in use.given)
        had = {
            written(use.answers[question.name]) for use in failed if question.name in use.answers
        }
        if own and len(had) == 1 and question.name in own[0].answers and not question.secret:
            bad = own[0].answers[question.name]
            change = _Change(question=question, under=answers, bad=bad, failed=own)
            if not any(has(use, change.answers) for use in study.successes):
                yield change


def _worked(change: _Change, value: Json, study: Study) -> int:
    """How many uses worked with that value beside the bad answer."""
    wanted = {**change.under, change.question.name: value}
    return sum(has(use, wanted) for use in study.successes)


def _values(change: _Change, study: Study) -> Sequence[Json]:
    """Other values, those first that worked most often under the same answers."""
    name = change.question.name
    worked = [use.answers[name] for use in study.successes if has(use, change.under)]
    counted = Counter(written(each) for each in worked)
    closed = closed_values(study.template).get(name, ())
    found = {written(each): each for each in (*worked, *closed) if each != change.bad}
    ranked = sorted(found, key=lambda each: -counted[each])
    return [found[each] for each in ranked if change.question.is_closed(found[each])]


def _changed(change: _Change, value: Json, study: Study) -> Tree | None:
    question, tree = change.question, study.subject.tree
    if question.multiselect or isinstance(question.default, list | dict):
        return None
    if not change.under:
        return with_default(tree, question, value)
    default = chosen_by(
        condition(change.under), written(value), written(question.default), study.template.rules
    )
    return with_default(tree, question, default)


def _mends(tree: Tree, change: _Change, value: Json, study: Study) -> bool:
    """Whether it comes about no more, and what worked without it is as it was."""
    name = change.question.name
    for use in change.failed:
        made = study.makes(tree, use.given)
        if made is None or made.answers[name] != value:
            return False
    if not change.under:
        return True
    return not study.touched(tree, [e for e in study.successes if not has(e, change.under)])


def _said(change: _Change, value: Json) -> str:
    under = f" where `{condition(change.under)}`" if change.under else ""
    return f"The default of `{change.question.name}` is {value!r}{under}; {change.bad!r} fails."
