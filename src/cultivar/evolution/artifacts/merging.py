"""Brings a person's edit and a version that came from elsewhere together."""

from __future__ import annotations

from typing import Final, Literal

from cultivar.errors import TemplateError, UnsafeError
from cultivar.evolution.artifacts.numbers import raised
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.tree import Tree
from cultivar.upgrade.merging.base import Policy, Trees
from cultivar.upgrade.merging.ladder import merge

_SOURCES: Final = "both changed the same lines of a source"
"""The rules that settle conflicts in generated code know nothing of sources of templates."""

_ONE_NUMBER: Final = "0.0.0"


class Merged(Record):
    """What came of a merge."""

    tree: Tree
    """With what both changed, of a template without a number of its own yet."""
    same_as: Literal["", "disk", "database"] = ""
    """The side that has the other's change already."""
    conflicts: tuple[str, ...] = ()
    """The files that a person has to settle."""


def merged(artifact: Artifact, base: Tree, disk: Tree, current: Tree) -> Merged:
    """Merge what changed between `base` and `current` into what is on the disk.

    That both raised a template's number is no conflict.

    Raises:
        UnavailableError: There is no git, or it failed.
    """
    base, disk, current = (_with_one_number(artifact, each) for each in (base, disk, current))
    found = merge(Trees(base=base, ours=disk, theirs=current), Policy(distrusted=_SOURCES))
    conflicts = tuple(dict.fromkeys(each.versions.path for each in found.conflicts))
    if conflicts:
        return Merged(tree=disk, conflicts=conflicts)
    tree = disk.replace(found.changes)
    if tree == disk:
        return Merged(tree=tree, same_as="disk")
    return Merged(tree=tree, same_as="database" if tree == current else "")


def _with_one_number(artifact: Artifact, tree: Tree) -> Tree:
    if artifact.kind != "template":
        return tree
    try:
        return raised(tree, _ONE_NUMBER)
    except (
        TemplateError,
        UnsafeError,
    ):  # a person may have broken it: then it is compared as it is
        return tree
