"""Asks a model what the open places of a merge should become."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict, Field

from cultivar.agent import Context
from cultivar.errors import BudgetSpentError, ReplyError, UnavailableError
from cultivar.llm.base import Message, ModelDoor
from cultivar.model import MergeProposal, ProposedHunk
from cultivar.record import to_builtins
from cultivar.roles import MergeOrder, OpenFile
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.template import Rules
from cultivar.tree import Tree


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


def _messages(file: OpenFile, order: MergeOrder, prompt: str) -> tuple[Message, ...]:
    """The rules, then the places, in a fence that they cannot close."""
    places = json.dumps(to_builtins(file), ensure_ascii=False, indent=1)
    fence = f"places-{hashlib.sha256(places.encode('utf-8', 'replace')).hexdigest()[:12]}"
    facts = {
        "template": order.template,
        "from_version": order.from_version,
        "to_version": order.to_version,
        "fence": fence,
    }
    environment = environment_of(Rules(), Tree({}))
    return (
        Message(
            role="system", content=render_text(environment, prompt, facts, file="merge.md.jinja")
        ),
        Message(role="user", content=f"<{fence}>\n{places}\n</{fence}>"),
    )
