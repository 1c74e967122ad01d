"""What is left of an opportunity once some of it is mended, without what is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from cultivar.evolution.campaigns.cases import chosen
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.opportunities.executions import pattern_of
from cultivar.ledger.base import Ledger
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Opportunity, TrialCase
from cultivar.model import Json
from cultivar.record import Record, replace, to_builtins
from cultivar.templating.template import Template


class Failed(Record):
    """One use that failed."""

    id: str
    inputs: Mapping[str, Json]
    patterns: frozenset[str]
    """The ids of the failure patterns that it shows."""


def failed_generations(
    opportunity: Opportunity, template: Template, ledger: Ledger
) -> tuple[Failed, ...]:
    """The generations that show an opportunity of a template."""
    made = map(ledger.generation, opportunity.examples)
    return tuple(
        Failed(
            id=each.id,
            inputs=chosen(each, template),
            patterns=frozenset(each.attempts[-1].patterns),
        )
        for each in made
    )


def failed_executions(opportunity: Opportunity, log: ExecutionLog) -> tuple[Failed, ...]:
    """The executions that show an opportunity of a tool or a prompt."""
    shown = set(opportunity.examples)
    query = ExecutionQuery(artifact=opportunity.artifact, succeeded=False)
    return tuple(
        Failed(id=each.id, inputs=each.inputs, patterns=frozenset({pattern_of(each)}))
        for each in log.executions(query)
        if each.id in shown
    )


def reduced(
    opportunity: Opportunity, failed: Iterable[Failed], mended: Iterable[TrialCase]
) -> Opportunity:
    """The opportunity with the examples that nobody mended yet and that are not sealed.

    Args:
        opportunity: As the analyst has it.
        failed: The uses that show it.
        mended: The cases that pass by now.
    """
    done = {_key(each.inputs) for each in mended}
    left = [each for each in failed if _key(each.inputs) not in done and not is_sealed(each.inputs)]
    shown = frozenset[str]().union(*(each.patterns for each in left))
    return replace(
        opportunity,
        examples=tuple(each.id for each in left),
        patterns=tuple(each for each in opportunity.patterns if each.pattern_id in shown),
    )


def _key(inputs: Mapping[str, Json]) -> str:
    return json.dumps(to_builtins(inputs), sort_keys=True)
