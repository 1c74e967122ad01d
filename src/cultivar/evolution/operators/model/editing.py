"""Edits of a template that a model proposes, from full traces of what failed.

The invariant: a model sees nothing that is sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from cultivar.agent import Context
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.model.blocks import Brief, edited, tried_before
from cultivar.evolution.operators.refusing import is_test
from cultivar.evolution.operators.templates.study import Study, Use, aims
from cultivar.evolution.roles import Refusal
from cultivar.llm.base import ModelDoor
from cultivar.model import CheckResult
from cultivar.record import to_builtins
from cultivar.tree import Tree

PROMPT: Final = "edit"
"""The agent's prompt that it is asked with."""

_MOST_SHOWN: Final = 60_000
"""Characters of the template's files, of rendered files, and of outputs, each."""

_LONGEST_OUTPUT: Final = 6_000
_MOST_FAILURES: Final = 3
_MOST_WORKED: Final = 3


def model_edits(study: Study, context: Context) -> Iterator[Proposed | Refusal]:
    """What a model makes of it, where there is a model and something to mend.

    Args:
        study: What is known of the template.
        context: The improver's, with its prompts.
    """
    if not (context.get(ModelDoor).available and study.failures):
        return
    own = frozenset(_editable(study.subject.tree))
    brief = Brief(
        run_id=study.order.run_id,
        prompt=PROMPT,
        facts={"template": study.template.ref.id, "kind": study.order.opportunity.kind},
        known=_known(study, own),
        tree=study.subject.tree,
        own=own,
        aims_at=aims(study.failures),
    )
    yield from edited(brief, context)


def _editable(tree: Tree) -> Iterator[str]:
    """The files that a model may edit: texts that are no tests."""
    for path, entry in tree.items():
        text = _text(tree, path)
        if entry.mode != "link" and text is not None and not is_test(path, text):
            yield path


def _known(study: Study, own: frozenset[str]) -> Mapping[str, Any]:
    outputs = " ".join(each.output for use in study.failures for each in use.failed)
    files = _shown(study.subject.tree, outputs)
    return {
        "why": study.order.opportunity.why,
        "files": [{"path": p, "editable": p in own, "text": text} for p, text in files],
        "failures": [_failure(use) for use in study.failures[:_MOST_FAILURES]],
        "worked": [to_builtins(dict(use.answers)) for use in study.successes[:_MOST_WORKED]],
        "tried": tried_before(study.subject.artifact, study.bench),
    }


def _failure(use: Use) -> Mapping[str, Any]:
    outputs = " ".join(each.output for each in use.failed)
    return {
        "answers": to_builtins(dict(use.answers)),
        "checks": [_check(each) for each in use.failed],
        "rendered": [{"path": p, "text": text} for p, text in _shown(use.tree, outputs)],
    }


def _check(result: CheckResult) -> Mapping[str, Any]:
    return {
        "name": result.check,
        "ended_by": result.ended_by,
        "seconds": round(result.wall_seconds, 1),
        "output": result.output[-_LONGEST_OUTPUT:],
    }


def _shown(tree: Tree, outputs: str) -> Iterable[tuple[str, str]]:
    """The files as far as there is room, those first that outputs speak of."""
    left = _MOST_SHOWN
    ranked = sorted(tree, key=lambda path: path.rpartition("/")[2].split(".")[0] not in outputs)
    for path in sorted(ranked, key=lambda path: path != "copier.yml"):
        text = _text(tree, path)
        if text is not None and len(text) <= left:
            left -= len(text)
            yield path, text


def _text(tree: Tree, path: str) -> str | None:
    try:
        return tree.text(path)
    except UnicodeDecodeError:
        return None
