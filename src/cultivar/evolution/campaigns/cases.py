"""What candidates of a template are tried on: what failed, what worked, and what may be asked.

The invariant: the same history gives the same cases, and what was sealed once stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cultivar.evals.suites.covering import covering, extent_of
from cultivar.evals.suites.expanding import closed_values, factors_of
from cultivar.evals.suites.suite import distinct, identified
from cultivar.evolution.campaigns.sealing import sealed
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import Ledger, Query
from cultivar.lifecycle import Assertion, CaseOrigin, TrialCase
from cultivar.model import Generation, Json, Source
from cultivar.record import replace
from cultivar.templating.template import Template

MOST_FAILURES: Final = 40
MOST_REGRESSIONS: Final = 40
MOST_COVERING: Final = 60
"""Of each origin, how many cases at most."""

_LOOKED_AT: Final = 400
"""How many of the latest generations of each outcome are looked at."""

_CHOSEN: Final = frozenset[Source]({"user", "task", "model", "learned"})
"""Where an answer came from that a new version must live with; its own defaults it may change."""

_NOISY: Final = 3
"""How often a case is tried where a check says of itself that it is flaky."""

_HOLDS: Final = (Assertion(kind="checks"),)


def template_cases(template: Template, ledger: Ledger, workshop: Workshop) -> tuple[TrialCase, ...]:
    """The cases for versions of `template`, those that failed first; each comes once.

    Args:
        template: The version that is used.
        ledger: Knows what was generated from it.
        workshop: What asks its questions.
    """
    repeats = _NOISY if any(check.flaky for check in template.checks) else 1
    found = (
        *_replayed(template, ledger, success=False),
        *_replayed(template, ledger, success=True),
        *_covering(template, workshop),
    )
    return tuple(replace(sealed(each), repeats=repeats) for each in distinct(found))


def _replayed(template: Template, ledger: Ledger, *, success: bool) -> Iterator[TrialCase]:
    """What was asked of it before, as it was asked then."""
    query = Query(template_id=template.ref.id, success=success, limit=_LOOKED_AT)
    made = (_case(each, template, success=success) for each in ledger.generations(query))
    yield from distinct(made)[: MOST_REGRESSIONS if success else MOST_FAILURES]


def chosen(generation: Generation, template: Template) -> dict[str, Json]:
    """The answers of a generation that any version of its template must live with.

    Args:
        generation: What was asked once.
        template: What it does not ask, nobody answers.
    """
    known = {question.name for question in template.questions}
    return {
        each.name: each.value
        for each in generation.answers
        if each.source in _CHOSEN and each.name in known and not (each.secret or each.computed)
    }


def _case(generation: Generation, template: Template, *, success: bool) -> TrialCase:
    inputs = chosen(generation, template)
    origin: CaseOrigin = "regression" if success else "failure"
    case = TrialCase(id="", origin=origin, inputs=inputs, assertions=_HOLDS)
    return identified(replace(case, name=f"{origin} {generation.id[:8]}", slice=_slice(generation)))


def _slice(generation: Generation) -> str:
    """Which part of all uses it stands for: by the checks that failed, or those that worked."""
    results = [each for each in generation.proof.results if each.required]
    failed = sorted(each.check for each in results if each.verdict == "failed")
    return f"failed {', '.join(failed)}" if failed else "worked"


def _covering(template: Template, workshop: Workshop) -> Iterable[TrialCase]:
    """Every two closed answers together once, whoever asked for them before or not."""
    values = _coverable(closed_values(template))
    if not values:
        return ()
    rows = covering(factors_of(template, values, {}, workshop))[:MOST_COVERING]
    return (
        identified(
            TrialCase(id="", origin="covering", inputs=row, assertions=_HOLDS, slice="covering")
        )
        for row in rows
    )


def _coverable(values: Mapping[str, tuple[Json, ...]]) -> Mapping[str, tuple[Json, ...]]:
    """The questions that can be covered; those that offer the most are left to what was asked."""
    fewest_first = sorted(values, key=lambda name: len(values[name]))
    while not extent_of({name: values[name] for name in fewest_first}).is_coverable:
        fewest_first.pop()
    return {name: each for name, each in values.items() if name in fewest_first}
