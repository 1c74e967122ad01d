"""Fills slots with bodies that a model wrote.

The invariant: whatever a body holds, the file still parses, or the default stays.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Final

from cultivar.model import SlotBody
from cultivar.record import Record
from cultivar.templating.rendering.markers import Slot
from cultivar.templating.rendering.parsing import why_broken
from cultivar.templating.rendering.render import Rendered
from cultivar.tree import Entry, Tree

__all__ = ["Filled", "RefusedBody", "Slot", "fill"]

LONGEST_BODY: Final = 20_000
"""Characters of a body at most."""

_MARKER = re.compile(r"\{#[-+]?\s*(?:slot:|endslot)|[\uf8f0-\uf8f2]")
_BROKEN = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class RefusedBody(Record):
    """A body that was not taken; its slot keeps its default."""

    path: str
    slot: str
    why: str


class Filled(Record):
    """A tree with its slots filled."""

    tree: Tree
    taken: tuple[SlotBody, ...] = ()
    """The bodies that were taken, as they were given."""
    refused: tuple[RefusedBody, ...] = ()


def fill(rendered: Rendered, bodies: Mapping[tuple[str, str], str]) -> Filled:
    """Put `bodies` (by path and name of the slot) in place of the slots' defaults.

    A body is indented as the slot is. One that breaks its file, holds slot markers, is too long
    or belongs to no slot is refused, and the others are taken all the same.
    """
    slots = {(slot.path, slot.name): slot for slot in rendered.slots}
    refused = [
        RefusedBody(path=path, slot=name, why="there is no such slot")
        for path, name in bodies
        if (path, name) not in slots
    ]
    taken: list[SlotBody] = []
    files = {
        path: _File(rendered.tree.text(path)) for path in {slot.path for slot in slots.values()}
    }
    for key, slot in slots.items():
        if key not in bodies:
            continue
        why = files[slot.path].take(slot, bodies[key])
        if why:
            refused.append(RefusedBody(path=slot.path, slot=slot.name, why=why))
        else:
            taken.append(SlotBody(path=slot.path, slot=slot.name, body=bodies[key]))
    changes: dict[str, Entry | None] = {
        path: Entry(content=file.text.encode(), mode=rendered.tree[path].mode)
        for path, file in files.items()
    }
    return Filled(tree=rendered.tree.replace(changes), taken=tuple(taken), refused=tuple(refused))


class _File:
    """A file whose slots are filled from its first to its last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._moved = 0

    def take(self, slot: Slot, body: str) -> str:
        """Put `body` in the slot; why not, where it cannot be."""
        why = _why_unfit(body)
        if why:
            return why
        start, end = slot.start + self._moved, slot.end + self._moved
        before, after = self.text[:start].rpartition("\n")[2], self.text[end:]
        placed = _indented(slot.default, body, before, after)
        changed = self.text[:start] + placed + after
        why = why_broken(slot.path, changed)
        if why:
            return f"`{slot.path}` would not parse: {why}"
        self.text = changed
        self._moved += len(placed) - len(slot.default)
        return ""


def _why_unfit(body: str) -> str:
    if len(body) > LONGEST_BODY:
        return f"it has {len(body)} characters, and {LONGEST_BODY} are the most"
    if _MARKER.search(body):
        return "it holds markers of slots"
    if _BROKEN.search(body):
        return "it holds control characters"
    return ""


def _indented(default: str, body: str, before: str, after: str) -> str:
    """`body` with the white space around it, and before its lines, that `default` has.

    Args:
        default: What stands in the slot.
        body: What is to stand there.
        before: What stands before the slot in its line.
        after: What stands behind it.
    """
    lines = textwrap.dedent(body).strip("\n").rstrip().split("\n")
    lead, trail = _around(default, before)
    if "\n" in lead:
        column = lead.rpartition("\n")[2]
    elif before.strip():
        column = before[: len(before) - len(before.lstrip())]
    else:
        column = before + lead
    if not default and not before and after and not after.startswith("\n"):
        # Jinja trimmed the lines of the markers away, so the body brings its own white space.
        return body.strip("\n").rstrip() + "\n"
    rest = [column + line if line.strip() else "" for line in lines[1:]]
    return lead + "\n".join([lines[0], *rest]) + trail


def _around(default: str, before: str) -> tuple[str, str]:
    """The white space before and behind what stands in a slot."""
    content = default.strip()
    if content:
        start = default.index(content)
        return default[:start], default[start + len(content) :]
    head, newline, last = default.rpartition("\n")
    if newline and not before.strip():
        return f"{head}\n{before}", f"\n{last}"
    return "", default
