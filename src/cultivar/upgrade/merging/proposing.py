"""Asks a model what the open places of a merge should become."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict, Field

from cultivar.agent import Context
from cultivar.errors import BudgetSpentError, ReplyError, UnavailableError
from cultivar.llm.base import Message, ModelDoor, Said, Turn
from cultivar.prompt import Prompt
from cultivar.record import to_builtins
from cultivar.roles import MergeOrder, OpenFile
from cultivar.upgrades import MergeProposal, ProposedHunk


class HunkReply(BaseModel):
    """What one open place should become."""

    model_config = ConfigDict(extra="forbid")

    number: int
    body: str = Field(description="All lines that stand there, indented as in the file")
    reason: str = Field(description="Why, in at most ten words")


class MergeReply(BaseModel):
    """The open places that can be settled without a guess. The others are left out."""

    model_config = ConfigDict(extra="forbid")

    hunks: list[HunkReply]


def propose(order: MergeOrder, context: Context) -> MergeProposal:
    """Ask the model about each file, where there is a model; nothing otherwise.

    A merge is whole without it, so a model that fails or costs too much ends only the asking.
    """
    if not context.get(ModelDoor).available:
        return MergeProposal()
    hunks: list[ProposedHunk] = []
    for file in order.files:
        try:
            hunks += _proposed(file, order, context)
        except ReplyError:
            continue
        except (UnavailableError, BudgetSpentError) as error:
            return MergeProposal(hunks=tuple(hunks), stopped=error.what)
    return MergeProposal(hunks=tuple(hunks))


def _proposed(file: OpenFile, order: MergeOrder, context: Context) -> list[ProposedHunk]:
    asked = _messages(file, order, context.prompts["merge"])
    reply = context.get(ModelDoor).ask(order.run_id, "migrator", asked, MergeReply)
    return [
        ProposedHunk(path=file.path, number=each.number, body=each.body, reason=each.reason)
        for each in reply.hunks
    ]


def _messages(file: OpenFile, order: MergeOrder, prompt: Prompt) -> tuple[Turn, ...]:
    """The rules, then the places, in a fence that they cannot close."""
    places = json.dumps(to_builtins(file), ensure_ascii=False, indent=1)
    fence = f"places-{hashlib.sha256(places.encode('utf-8', 'replace')).hexdigest()[:12]}"
    facts = {
        "template": order.template,
        "from_version": order.from_version,
        "to_version": order.to_version,
        "fence": fence,
    }
    return (
        Said(role="system", prompt=prompt, facts=facts),
        Message(role="user", content=f"<{fence}>\n{places}\n</{fence}>"),
    )
