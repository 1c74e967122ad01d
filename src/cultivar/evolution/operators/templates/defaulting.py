"""A bad combination of answers that nobody asked for: another default where it would come about.

What a person asked for, or a task says, is never changed: an answer that is given counts in any
version. So a question's `when` mends nothing that a default does not, and takes a choice away; a
`validator` only refuses what fails, and a refusal is no working result, so that no trial counts it
as one. A version that refuses would raise the rate of success and help nobody: neither is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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


def other_defaults(study: Study) -> Iterator[Proposed]:
    """Versions in which a bad combination does not come about by itself."""
    for change in _changes(study):
        for value in _values(change, study)[:_MOST]:
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
    others = (use for use in study.successes if not has(use, change.under))
    return all(
        (made := study.makes(tree, use.given)) is not None and made.tree == use.tree
        for use in others
    )


def _said(change: _Change, value: Json) -> str:
    under = f" where `{condition(change.under)}`" if change.under else ""
    return f"The default of `{change.question.name}` is {value!r}{under}; {change.bad!r} fails."
