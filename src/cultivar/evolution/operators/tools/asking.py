"""Edits of a tool that a model proposes, from what it was given and what came of that.

The invariant: a model sees nothing that is sealed, masked or cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cultivar.agent import Context
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.model.blocks import Brief, edited, tried_before
from cultivar.evolution.operators.tools.guarding import Study
from cultivar.evolution.operators.tools.observing import can_be_used_again
from cultivar.evolution.roles import ImprovementOrder, Refusal
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.lifecycle import Execution
from cultivar.llm.base import ModelDoor
from cultivar.record import to_builtins

PROMPT: Final = "edit_tool"
"""The agent's prompt that it is asked with."""

_MOST_FAILURES: Final = 6
_MOST_WORKED: Final = 6
_LONGEST: Final = 2_000
"""Characters of one output that are shown."""

_MOST_SHOWN: Final = 60_000
"""And of the tool's file: of a longer one nobody is asked."""


def tool_edits(
    study: Study, order: ImprovementOrder, context: Context
) -> Iterator[Proposed | Refusal]:
    """What a model makes of it, where there is a model.

    Args:
        study: What is known of the tool.
        order: What is to be bettered.
        context: The improver's, with its prompts.
    """
    path = f"{order.opportunity.artifact.name}.py"
    text = study.tree[path].content.decode("utf-8", "replace") if path in study.tree else ""
    if not context.get(ModelDoor).available or not 0 < len(text) <= _MOST_SHOWN:
        return
    brief = Brief(
        run_id=order.run_id,
        prompt=PROMPT,
        facts={"tool": order.opportunity.artifact.name, "kind": order.opportunity.kind},
        known={
            "why": order.opportunity.why,
            "files": [{"path": path, "editable": True, "text": text}],
            **_uses(order, context.get(Workbench)),
        },
        tree=study.tree,
        own=frozenset({path}),
        aims_at=tuple(each.pattern_id for each in order.opportunity.patterns),
    )
    yield from edited(brief, context)


def _uses(order: ImprovementOrder, bench: Workbench) -> Mapping[str, Any]:
    artifact = order.opportunity.artifact
    known = [
        each
        for each in bench.executions.executions(ExecutionQuery(artifact=artifact))
        if can_be_used_again(each.inputs) and not is_sealed(each.inputs)
    ]
    left = set(order.opportunity.examples)
    failed = [each for each in known if each.id in left and not each.succeeded]
    return {
        "failures": [_use(each) for each in _unlike(failed)[:_MOST_FAILURES]],
        "worked": [_use(e) for e in _unlike([e for e in known if e.succeeded])[:_MOST_WORKED]],
        "tried": tried_before(artifact, bench),
    }


def _unlike(executions: Sequence[Execution]) -> list[Execution]:
    """The latest use with each of the inputs."""
    return list({repr(each.inputs): each for each in reversed(executions)}.values())[::-1]


def _use(execution: Execution) -> Mapping[str, Any]:
    said = execution.message if execution.error else repr(to_builtins(execution.output))
    return {
        "inputs": to_builtins(dict(execution.inputs)),
        "error": execution.error,
        "said": said[:_LONGEST],
        "seconds": round(execution.seconds, 3),
    }
