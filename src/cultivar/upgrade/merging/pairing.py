"""Which files were moved: by the template, or by the person.

A guess is believed only where each file is the other's best match, so that files that merely
look alike are never taken for one another. The person's own files are never moved: a folder that
the template renamed moves only the files that the template made.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cultivar.tree import Entry, Tree
from cultivar.upgrade.merging.base import Trees

_ALIKE: Final = 0.7
_SAME_NAME: Final = 0.5
_SAME_FOLDER: Final = 0.25
"""Where a whole folder was renamed, its name in the files makes them unlike."""
_SMALL: Final = 100
"""Of so few bytes, likeness says nothing; only the same text does."""
_NEVER: Final = 2.0
_MANY: Final = 1000
"""Of more files, only those are looked at that have kept their name."""

Moves = Mapping[str, str]
"""From the path in the base to the path where it stands now."""

Threshold = Callable[[str, str], float]
"""How alike the files at two paths have to be to be one."""


def template_moves(trees: Trees) -> Moves:
    """What the new version of the template has elsewhere."""
    gone = [path for path in trees.base if path not in trees.theirs]
    new = [path for path in trees.theirs if path not in trees.base]
    folders = _renamed_folders(trees, gone, new)

    def threshold(old: str, other: str) -> float:
        if posixpath.basename(old) != posixpath.basename(other):
            return _least(trees.base[old], _ALIKE)
        if (posixpath.dirname(old), posixpath.dirname(other)) in folders:
            return _SAME_FOLDER
        return _least(trees.base[old], _SAME_NAME)

    return _moves(_only(trees.base, gone), _only(trees.theirs, new), threshold)


def own_moves(trees: Trees, wanted: Iterable[str]) -> Moves:
    """Where the person has moved the `wanted` files of the base."""
    gone = [path for path in wanted if path in trees.base and path not in trees.ours]
    endings = {posixpath.splitext(path)[1] for path in gone}
    new = [path for path in trees.ours if posixpath.splitext(path)[1] in endings]
    new = [path for path in new if path not in trees.base and path not in trees.theirs]
    if len(new) > _MANY:
        names = {posixpath.basename(path) for path in gone}
        new = [path for path in new if posixpath.basename(path) in names]
    return _moves(
        _only(trees.base, gone),
        _only(trees.ours, new),
        lambda old, _new: _least(trees.base[old], _ALIKE, of_small=_NEVER),
    )


def _least(entry: Entry, likeness: float, of_small: float = 1.0) -> float:
    return of_small if len(entry.content) < _SMALL else likeness


def _only(tree: Tree, paths: Iterable[str]) -> dict[str, Entry]:
    return {path: tree[path] for path in paths if tree[path].content.strip()}


def _moves(
    gone: Mapping[str, Entry], new: Mapping[str, Entry], threshold: Threshold
) -> dict[str, str]:
    olds = {path: _lines(entry) for path, entry in gone.items()}
    news = {path: _lines(entry) for path, entry in new.items()} if olds else {}
    alike = {
        (old, other): likeness
        for old, lines in olds.items()
        for other, others in news.items()
        if (likeness := _likeness(lines, others)) >= threshold(old, other)
    }
    return {
        old: other
        for (old, other), likeness in alike.items()
        if all(
            likeness > rival
            for (one, another), rival in alike.items()
            if (one == old) != (another == other)
        )
    }


def _likeness(one: Counter[bytes], other: Counter[bytes]) -> float:
    """The share of bytes in lines that both have."""
    return 2 * _weight(one & other) / (_weight(one) + _weight(other))


def _lines(entry: Entry) -> Counter[bytes]:
    return Counter(line.strip() for line in entry.content.split(b"\n") if line.strip())


def _weight(lines: Counter[bytes]) -> int:
    return sum(len(line) * count for line, count in lines.items())


def _renamed_folders(
    trees: Trees, gone: Iterable[str], new: Iterable[str]
) -> frozenset[tuple[str, str]]:
    """Folders of which nothing is left, and those that have files of all their names instead."""
    left = {posixpath.dirname(path) for path in trees.theirs if path in trees.base}
    olds, news = _names(path for path in gone if posixpath.dirname(path) not in left), _names(new)
    return frozenset(
        (old, other)
        for old, names in olds.items()
        for other, others in news.items()
        if len(names) > 1 and names <= others
    )


def _names(paths: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in paths:
        found.setdefault(posixpath.dirname(path), set()).add(posixpath.basename(path))
    return found
