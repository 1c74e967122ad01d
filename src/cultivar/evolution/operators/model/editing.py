"""Edits of a template that a model proposes, from full traces of what failed.

The invariant: a model sees nothing that is sealed, and nothing of its reply counts but edits of
files that it was shown as its own, which find their one place there; all else is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from cultivar.agent import Context
from cultivar.errors import BudgetSpentError, ReplyError, UnavailableError
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.refusing import MOST_BYTES, is_test
from cultivar.evolution.operators.templates.study import Study, Use, aims
from cultivar.evolution.roles import Refusal
from cultivar.generation.fixes import MAX_EDITS, apply_edits
from cultivar.ledger.improvements import ExperimentQuery
from cultivar.llm.base import Message, ModelDoor
from cultivar.model import CheckResult, Edit
from cultivar.record import to_builtins
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.template import Rules
from cultivar.tree import Tree

OPERATOR: Final = "model"
"""What candidates say that made them."""

PROMPT: Final = "edit"
"""The agent's prompt that it is asked with."""

_MOST_SHOWN: Final = 60_000
"""Characters of the template's files, of rendered files, and of outputs, each."""

_LONGEST_OUTPUT: Final = 6_000
_MOST_FAILURES: Final = 3
_MOST_WORKED: Final = 3
_MOST_TRIED: Final = 8


class EditBlock(BaseModel):
    """One place of a file that becomes something else."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="Of the file, as it is listed")
    search: str = Field(
        min_length=1, description="Lines of the file, letter by letter, that stand there once"
    )
    replace: str = Field(description="All that is to stand there instead")


class EditReply(BaseModel):
    """The edits that mend one cause of failure; none where you are not sure."""

    model_config = ConfigDict(extra="forbid")

    cause: str = Field(description="Why the uses fail, in at most thirty words")
    change: str = Field(description="What the edits change, in at most fifteen words")
    edits: list[EditBlock]


def model_edits(study: Study, context: Context) -> Iterator[Proposed | Refusal]:
    """What a model makes of it, where there is a model and something to mend.

    Args:
        study: What is known of the template.
        context: The improver's, with its prompts.
    """
    door = context.get(ModelDoor)
    if not (door.available and study.failures):
        return
    own = frozenset(_editable(study.subject.tree))
    asked = _messages(study, own, context.prompts[PROMPT])
    try:
        reply = door.ask(study.order.run_id, "improver", asked, EditReply)
    except ReplyError as error:
        yield _refused(f"The reply is malformed: {error.what}")
    except (UnavailableError, BudgetSpentError) as error:
        # What was made without a model is tried all the same.
        yield _refused(f"The model was not asked: {error.what}")
    else:
        if reply.edits:
            yield _applied(reply, own, study)


def _applied(reply: EditReply, own: frozenset[str], study: Study) -> Proposed | Refusal:
    edits = [Edit(path=each.path, search=each.search, replace=each.replace) for each in reply.edits]
    size = sum(len(each.search) + len(each.replace) for each in edits)
    if len(edits) > MAX_EDITS or size > 2 * MOST_BYTES:
        return _refused(f"{len(edits)} edits with {size:,} characters are too much for one.")
    if others := sorted({each.path for each in edits} - own):
        return _refused(f"It edits {others[0]!r}, which is none of its files.")
    tree = apply_edits(study.subject.tree, edits)
    if tree is None:
        return _refused("Its edits do not apply: what one looks for does not stand there once.")
    return Proposed(
        operator=OPERATOR, tree=tree, description=_sentence(reply), aims_at=aims(study.failures)
    )


def _refused(reason: str) -> Refusal:
    return Refusal(operator=OPERATOR, reason=reason)


def _sentence(reply: EditReply) -> str:
    words = " ".join(reply.change.split())[:200].rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _editable(tree: Tree) -> Iterator[str]:
    """The files that a model may edit: texts that are no tests."""
    for path, entry in tree.items():
        text = _text(tree, path)
        if entry.mode != "link" and text is not None and not is_test(path, text):
            yield path


def _messages(study: Study, own: frozenset[str], prompt: str) -> tuple[Message, ...]:
    """The rules, then all that is known, in a fence that it cannot close."""
    known = json.dumps(_known(study, own), ensure_ascii=False, indent=1)
    fence = f"known-{hashlib.sha256(known.encode('utf-8', 'replace')).hexdigest()[:12]}"
    facts = {
        "template": study.template.ref.id,
        "most_edits": MAX_EDITS,
        "fence": fence,
    }
    environment = environment_of(Rules(), Tree({}))
    system = render_text(environment, prompt, facts, file=f"{PROMPT}.md.jinja")
    return (
        Message(role="system", content=system),
        Message(role="user", content=f"<{fence}>\n{known}\n</{fence}>"),
    )


def _known(study: Study, own: frozenset[str]) -> Mapping[str, Any]:
    outputs = " ".join(each.output for use in study.failures for each in use.failed)
    files = _shown(study.subject.tree, outputs)
    return {
        "why": study.order.opportunity.why,
        "files": [{"path": p, "editable": p in own, "text": text} for p, text in files],
        "failures": [_failure(use) for use in study.failures[:_MOST_FAILURES]],
        "worked": [to_builtins(dict(use.answers)) for use in study.successes[:_MOST_WORKED]],
        "tried": _tried(study),
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


def _tried(study: Study) -> list[Mapping[str, str]]:
    """What was tried of late and did not help, so that it is not made again."""
    query = ExperimentQuery(artifact=study.subject.artifact, limit=50)
    known = study.bench.experiments.experiments(query)
    failed = [each for each in known if each.status in {"refused", "rejected"}]
    return [
        {"what": each.candidate.description, "outcome": each.reason}
        for each in failed[:_MOST_TRIED]
    ]
