"""Asking a model for a bounded edit of named files, by blocks that are searched and replaced.

The invariant: nothing of a reply counts but edits of files that the model was shown as its own,
which find their one place there; all else is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from cultivar.agent import Context
from cultivar.errors import BudgetSpentError, ReplyError, UnavailableError
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.refusing import MOST_BYTES
from cultivar.evolution.roles import NOT_ASKED, Refusal
from cultivar.generation.fixes import MAX_EDITS, apply_edits
from cultivar.ledger.improvements import ExperimentQuery
from cultivar.lifecycle import MODEL, Artifact
from cultivar.llm.base import Message, ModelDoor, Said, Turn
from cultivar.model import Edit
from cultivar.prompt import Prompt
from cultivar.record import Record
from cultivar.tree import Tree

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


class Brief(Record):
    """What a model is told, and what it may change."""

    run_id: str
    prompt: str
    """Which of the agent's prompts it is asked with."""
    facts: Mapping[str, str]
    """What the prompt says of the artifact."""
    known: Mapping[str, Any]
    """All that is known, without anything that is sealed."""
    tree: Tree
    own: frozenset[str]
    """The files that it may edit."""
    aims_at: tuple[str, ...] = ()
    """The ids of the failure patterns that an edit is to mend."""


def edited(brief: Brief, context: Context) -> Iterator[Proposed | Refusal]:
    """What a model makes of it, or why that is nothing.

    Args:
        brief: What it is told.
        context: The improver's, with its prompts.
    """
    asked = _turns(brief, context.prompts[brief.prompt])
    try:
        reply = context.get(ModelDoor).ask(brief.run_id, "improver", asked, EditReply)
    except ReplyError as error:
        yield _refused(f"The reply is malformed: {error.what}")
    except (UnavailableError, BudgetSpentError) as error:
        # What was made without a model is tried all the same.
        yield _refused(f"{NOT_ASKED}: {error.what}")
    else:
        # Also an answer without an edit was paid, and is not to be paid again for the same.
        nothing = f"The model proposes nothing. {_sentence(reply.cause)}"
        yield _applied(reply, brief) if reply.edits else _refused(nothing)


def tried_before(artifact: Artifact, bench: Workbench) -> list[Mapping[str, str]]:
    """What was tried of late and did not help, so that it is not made again."""
    known = bench.experiments.experiments(ExperimentQuery(artifact=artifact, limit=50))
    failed = [each for each in known if each.status in {"refused", "rejected"}]
    return [
        {"what": each.candidate.description, "outcome": each.reason}
        for each in failed[:_MOST_TRIED]
    ]


def _applied(reply: EditReply, brief: Brief) -> Proposed | Refusal:
    edits = [Edit(path=each.path, search=each.search, replace=each.replace) for each in reply.edits]
    size = sum(len(each.search) + len(each.replace) for each in edits)
    if len(edits) > MAX_EDITS or size > 2 * MOST_BYTES:
        return _refused(f"{len(edits)} edits with {size:,} characters are too much for one.")
    if others := sorted({each.path for each in edits} - brief.own):
        return _refused(f"It edits {others[0]!r}, which is none of its files.")
    tree = apply_edits(brief.tree, edits)
    if tree is None:
        return _refused("Its edits do not apply: what one looks for does not stand there once.")
    return Proposed(
        operator=MODEL, tree=tree, description=_sentence(reply.change), aims_at=brief.aims_at
    )


def _refused(reason: str) -> Refusal:
    return Refusal(operator=MODEL, reason=reason)


def _sentence(text: str) -> str:
    words = " ".join(text.split())[:200].rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _turns(brief: Brief, prompt: Prompt) -> tuple[Turn, ...]:
    """The rules, then all that is known, in a fence that it cannot close."""
    known = json.dumps(brief.known, ensure_ascii=False, indent=1)
    fence = f"known-{hashlib.sha256(known.encode('utf-8', 'replace')).hexdigest()[:12]}"
    facts = {**brief.facts, "most_edits": MAX_EDITS, "fence": fence}
    return (
        Said(role="system", prompt=prompt, facts=facts),
        Message(role="user", content=f"<{fence}>\n{known}\n</{fence}>"),
    )
