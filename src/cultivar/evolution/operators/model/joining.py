"""One version of two that mend different failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import Final

from cultivar.evolution.operators.base import Proposed
from cultivar.lifecycle import MODEL, OF_MODELS
from cultivar.tree import Tree
from cultivar.upgrade.merging.base import Policy, Trees
from cultivar.upgrade.merging.ladder import merge

OPERATOR: Final = "merge"
"""What candidates say that made them."""

_MOST: Final = 2
_SOURCES: Final = "both changed the same lines of a source"
"""The rules that settle conflicts in generated code know nothing of sources of templates."""


def joined(parent: Tree, made: Sequence[Proposed]) -> Iterator[Proposed]:
    """Versions with the changes of two that aim at different failures.

    They tell more than each alone where a use fails for two reasons at once.

    Args:
        parent: The version that all of them change.
        made: What operators made of it, the most promising first.

    Raises:
        UnavailableError: There is no git, or it failed.
    """
    yield from islice(_pairs(parent, made), _MOST)


def _pairs(parent: Tree, made: Sequence[Proposed]) -> Iterator[Proposed]:
    for one, other in combinations(made, 2):
        if one.operator == other.operator and set(one.aims_at) == set(other.aims_at):
            continue  # two ways to mend the same
        tree = _merged(parent, one.tree, other.tree)
        if tree is not None:
            yield Proposed(
                operator=MODEL if OF_MODELS & {one.operator, other.operator} else OPERATOR,
                tree=tree,
                description=f"{one.description} {other.description}",
                aims_at=tuple(dict.fromkeys((*one.aims_at, *other.aims_at))),
            )


def _merged(parent: Tree, one: Tree, other: Tree) -> Tree | None:
    """What both changed; None where they change the same lines, or one has all of the other."""
    found = merge(Trees(base=parent, ours=one, theirs=other), Policy(distrusted=_SOURCES))
    if found.conflicts:
        return None
    tree = one.replace(found.changes)
    return None if tree in (one, other) else tree
