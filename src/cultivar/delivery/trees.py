"""Write a rendered tree into a folder, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from cultivar.delivery.changes import Changes
from cultivar.delivery.diffs import unified
from cultivar.delivery.journal import Journals
from cultivar.delivery.places import present
from cultivar.delivery.planning import refuse_links_out
from cultivar.delivery.transaction import delivering, write
from cultivar.errors import DestinationError
from cultivar.model import Delivery
from cultivar.record import Record
from cultivar.tree import Tree


class Manner(Record):
    """How a tree is written."""

    force: bool = False
    """Whether files that differ are replaced."""
    skip_if_exists: tuple[str, ...] = ()
    """Paths of the tree that are not written where a file stands already."""
    hidden: Collection[str] = ()
    """The files that hold secrets, which no error shows."""
    run_id: str = ""
    """By what name it can be undone; empty where it need not be."""


USUAL = Manner()
"""Nothing that is there is replaced."""


def plan(tree: Tree, folder: Path, *, skip_if_exists: tuple[str, ...] = ()) -> Delivery:
    """Say what `deliver` would do, without doing it."""
    there = {path: present(folder / path) for path in tree}
    skipped = tuple(path for path in skip_if_exists if there.get(path) is not None)
    open_paths = [path for path in tree if path not in skipped]
    changed = [path for path in open_paths if there[path] != tree[path]]
    return Delivery(
        folder=str(folder.resolve()),
        added=tuple(path for path in changed if there[path] is None),
        replaced=tuple(path for path in changed if there[path] is not None),
        unchanged=tuple(path for path in open_paths if there[path] == tree[path]),
        skipped=skipped,
    )


def diff(tree: Tree, folder: Path, paths: Iterable[str], hidden: Collection[str] = ()) -> str:
    """What writing `paths` of `tree` into `folder` would change, as a unified diff.

    Of the files in `hidden`, which hold secrets, it says no more than that they differ.
    """
    return "".join(
        f"File {path} differs, and holds a secret\n"
        if path in hidden
        else unified(path, present(folder / path), tree[path])
        for path in paths
    )


def deliver(tree: Tree, folder: Path, journals: Journals, manner: Manner = USUAL) -> Delivery:
    """Write `tree` into `folder`; files of the same content are left alone.

    Args:
        tree: What to write.
        folder: Where to; made where it does not exist.
        journals: Where it is noted what is under way.
        manner: How it is written.

    Raises:
        DestinationError: Files that differ stand in the way; nothing was written.
        UnsafeError: A link in `folder` leads a path out of it.
        WriteError: The folder cannot be written to, or the disk is full; it is as it was.
    """
    with delivering(folder, journals):
        refuse_links_out(tree, folder)
        planned = plan(tree, folder, skip_if_exists=manner.skip_if_exists)
        if planned.replaced and not manner.force:
            shown = diff(tree, folder, planned.replaced, manner.hidden)
            raise DestinationError(planned.replaced, shown)
        entries = {path: tree[path] for path in (*planned.added, *planned.replaced)}
        write(Changes(entries=entries), folder, journals, run_id=manner.run_id)
    return planned
