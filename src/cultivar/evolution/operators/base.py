"""What operators make: new files of an artifact, with what they change and what that is for."""

from __future__ import annotations

from cultivar.record import Record
from cultivar.tree import Tree


class Proposed(Record):
    """New files that may be better; nobody has looked at them yet."""

    operator: str
    tree: Tree
    description: str
    """What changes, in a sentence."""
    aims_at: tuple[str, ...] = ()
    """The ids of the failure patterns that it is meant to mend."""
    forbids: str = ""
    """Of a template, the question that refuses what always failed; empty: none does."""
