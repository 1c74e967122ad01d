"""Edits of a prompt that a model proposes, from full traces of what failed.

The invariant: a model sees nothing that is sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cultivar.agent import Context
from cultivar.evals.trying.conversations import conversation_of, variables_of
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.model.blocks import Brief, edited, tried_before
from cultivar.evolution.operators.prompts.study import Study, aims
from cultivar.evolution.roles import Refusal
from cultivar.lifecycle import Execution
from cultivar.llm.base import ModelDoor
from cultivar.model import Json

PROMPT: Final = "edit_prompt"
"""The agent's prompt that it is asked with."""

_MOST_FAILURES: Final = 4
_MOST_WORKED: Final = 2
_LONGEST: Final = 6_000
"""Characters of one text that are shown."""


def prompt_edits(study: Study, context: Context) -> Iterator[Proposed | Refusal]:
    """What a model makes of it, where there is a model and something to mend.

    Args:
        study: What is known of the prompt.
        context: The improver's, with its prompts.
    """
    if not (context.get(ModelDoor).available and study.failures):
        return
    brief = Brief(
        run_id=study.order.run_id,
        prompt=PROMPT,
        facts={"prompt": study.prompt.artifact.name},
        known=_known(study),
        tree=study.prompt.tree,
        own=frozenset({study.prompt.file}),
        aims_at=aims(study.failures),
    )
    yield from edited(brief, context)


def _known(study: Study) -> Mapping[str, Any]:
    return {
        "why": study.order.opportunity.why,
        "files": [{"path": study.prompt.file, "editable": True, "text": study.prompt.text}],
        "reply_must_fit": _schema(study.failures[0]),
        "failures": [_use(each) for each in study.failures[:_MOST_FAILURES]],
        "worked": [_use(each) for each in study.successes[:_MOST_WORKED]],
        "tried": tried_before(study.prompt.artifact, study.bench),
    }


def _use(use: Execution) -> Mapping[str, Any]:
    talk = conversation_of(use.inputs)
    beside = [each for each in talk.turns if each.content is not None] if talk else []
    return {
        "variables": _shown(dict(variables_of(use.inputs))),
        "beside": [{"role": each.role, "said": _shown(each.content)} for each in beside],
        "reply": _shown(use.output),
        "wrong": _shown(use.message),
    }


def _schema(use: Execution) -> Mapping[str, Any]:
    talk = conversation_of(use.inputs)
    return talk.schema if talk else {}


def _shown(value: Json) -> Json:
    """A value with its texts cut to what there is room for."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, Mapping):
        return {name: _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value
