"""Make a draft: render, let a model write the slots where there is one, keep the tree."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cultivar.agent import Context, Toolbox
from cultivar.generation.evidence import failing
from cultivar.generation.templates import TemplateStore
from cultivar.generation.workshop import Job, Workshop
from cultivar.ledger.base import ContentStore
from cultivar.llm.base import ModelDoor, Said, Turn
from cultivar.model import Attempt, Draft, SlotBody
from cultivar.roles import DraftOrder
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.rendering.render import Rendered
from cultivar.templating.rendering.slots import fill
from cultivar.templating.template import FilePrompt, Template
from cultivar.tree import Tree, text_entry


class SlotReply(BaseModel):
    """The body of one slot."""

    model_config = ConfigDict(extra="forbid")

    path: str
    slot: str
    body: str = Field(description="Code only, without the slot's indentation")


class SlotsReply(BaseModel):
    """What a model writes into a file's slots."""

    model_config = ConfigDict(extra="forbid")

    bodies: list[SlotReply]


class FileReply(BaseModel):
    """A whole file that a model writes."""

    model_config = ConfigDict(extra="forbid")

    content: str


def draft(order: DraftOrder, context: Context) -> Draft:
    """Render the template, and let the model write what is the model's to write.

    Raises:
        ModelUnavailableError: The template needs a model, and none answers.
    """
    template = context.get(TemplateStore).load(order.template)
    workshop, job = context.get(Workshop), _job(template, order)
    rendered = workshop.render(job)
    door = context.get(ModelDoor)
    bodies: tuple[SlotBody, ...] = ()
    refused: tuple[str, ...] = ()
    tree = rendered.tree
    if door.available and rendered.slots:
        proposed = _ask_for_slots(order, rendered, context)
        filled = fill(rendered, {(each.path, each.slot): each.body for each in proposed})
        tree, bodies = filled.tree, filled.taken
        refused = tuple(f"{each.path}, {each.slot}: {each.why}" for each in filled.refused)
    for file in template.written:
        tree = _write_file(file, tree, template, order, context)
    kept = context.get(ContentStore).put(workshop.finish(tree, job))
    return Draft(tree_hash=kept, slots=bodies, refused=refused)


def _job(template: Template, order: DraftOrder) -> Job:
    return Job(
        template=template,
        answers=order.answers,
        folder_name=order.folder_name,
        unconfined=order.unconfined,
    )


def _ask_for_slots(order: DraftOrder, rendered: Rendered, context: Context) -> tuple[SlotBody, ...]:
    files = {slot.path: rendered.tree.text(slot.path) for slot in rendered.slots}
    facts = _facts(order, context) | {"slots": rendered.slots, "files": files}
    reply = context.get(ModelDoor).ask(
        order.run_id, "generator", _messages("slots", facts, context), SlotsReply
    )
    return tuple(SlotBody(path=b.path, slot=b.slot, body=b.body) for b in reply.bodies)


def _write_file(
    file: FilePrompt, tree: Tree, template: Template, order: DraftOrder, context: Context
) -> Tree:
    environment = environment_of(template.rules, template.tree, trusted=order.template.trusted)
    values = {answer.name: answer.value for answer in order.answers}
    path = render_text(environment, file.path, values)
    instruction = render_text(environment, template.tree.text(file.prompt), values)
    facts = _facts(order, context) | {"path": path, "instruction": instruction}
    reply = context.get(ModelDoor).ask(
        order.run_id, "generator", _messages("file", facts, context), FileReply
    )
    return tree.replace({path: text_entry(reply.content)})


def _facts(order: DraftOrder, context: Context) -> dict[str, Any]:
    """What every prompt of the generator is told."""
    last = order.attempts[-1] if order.attempts else None
    return {
        "task": order.task,
        "answers": order.answers,
        "recalled": order.recalled,
        "last": last.draft if last else None,
        "failures": failing(last) if last else (),
        "places": _places(last, context) if last else "",
    }


def _places(last: Attempt, context: Context) -> str:
    """The lines of the last draft that its failed checks point to."""
    tree = context.get(ContentStore).tree(last.draft.tree_hash)
    files = {path: entry.content.decode(errors="replace") for path, entry in tree.items()}
    output = "\n".join(result.output for result in failing(last))
    shown: str = context.get(Toolbox)("failing_lines")(output, files)
    return shown


def _messages(name: str, facts: dict[str, Any], context: Context) -> tuple[Turn, ...]:
    """The system's prompt and the named one; what is quoted cannot close its own fence."""
    fence = f"data-{hashlib.sha256(repr(facts).encode('utf-8', 'replace')).hexdigest()[:12]}"
    fenced = {**facts, "fence": fence}
    return (
        Said(role="system", prompt=context.prompts["system"], facts=fenced),
        Said(role="user", prompt=context.prompts[name], facts=fenced),
    )
