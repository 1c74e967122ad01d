"""The files of a template that become files of its result, links followed or kept."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from cultivar.errors import TemplateError, UnsafeError
from cultivar.record import Record
from cultivar.templating.jinja.environment import follow
from cultivar.tree import Entry, Tree

_MOST = 100_000
_DEEPEST = 64


class SourceFile(Record):
    """A file of a template."""

    path: str
    """From the root that is copied, as it is named there."""
    source: str
    """Where its content stands in the template's tree."""
    entry: Entry


def source_files(tree: Tree, root: str, *, keep_links: bool) -> Iterator[SourceFile]:
    """The files under `root` (empty: all of `tree`).

    Raises:
        TemplateError: A link that is to be followed leads nowhere.
        UnsafeError: Links lead in circles.
    """
    for count, found in enumerate(_walk(tree, root, "", keep_links, 0)):
        if count >= _MOST:
            raise UnsafeError(f"The template's links make more than {_MOST:,} files of it.")
        yield found


def _walk(
    tree: Tree, folder: str, shown: str, keep_links: bool, depth: int
) -> Iterator[SourceFile]:
    if depth > _DEEPEST:
        raise UnsafeError(f"The links under {shown!r} of the template lead in circles.")
    prefix = f"{folder}/" if folder else ""
    for path, entry in tree.items():
        if not path.startswith(prefix):
            continue
        name = posixpath.join(shown, path[len(prefix) :])
        if entry.mode != "link" or keep_links:
            yield SourceFile(path=name, source=path, entry=entry)
        else:
            yield from _followed(tree, path, name, depth)


def _followed(tree: Tree, path: str, name: str, depth: int) -> Iterator[SourceFile]:
    target = follow(tree, path)
    if target in tree:
        yield SourceFile(path=name, source=target, entry=tree[target])
    elif any(other.startswith(f"{target}/") for other in tree):
        yield from _walk(tree, target, name, False, depth + 1)
    else:
        raise TemplateError(
            "This link leads nowhere.",
            file=path,
            remedy="Mend it, or set `_preserve_symlinks: true` to copy it as it is.",
        )
