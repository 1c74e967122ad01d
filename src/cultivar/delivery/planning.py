"""What changes to a folder take on its disk: which files, and which folders with them."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from cultivar.delivery.changes import Applied, Changes, Entries
from cultivar.delivery.places import Standing, exists, is_folder, standing
from cultivar.errors import ChangedError, UnsafeError
from cultivar.record import Record


class Plan(Record):
    """What changes take on the disk; it is silent about files that stay as they are."""

    before: Mapping[str, Standing | None]
    after: Entries
    permissions: Mapping[str, int]
    """The bits of `chmod` of files that are written, where they are not what is usual."""
    made: Mapping[str, int | None]
    """Folders to make, outermost first, with their bits where they are known."""
    emptied: Mapping[str, int]
    """Folders that nothing is left in, innermost first, with their bits."""
    above: Mapping[str, int]
    """The folders above the files that were there, with their bits."""
    applied: Applied

    @property
    def written(self) -> tuple[str, ...]:
        """The paths that are written."""
        return tuple(path for path, entry in self.after.items() if entry)

    @property
    def removed(self) -> tuple[str, ...]:
        """The paths that are taken away."""
        return tuple(path for path, entry in self.after.items() if not entry)


def plan_changes(changes: Changes, folder: Path, expected: Entries) -> Plan:
    """See what `changes` take in `folder`.

    Args:
        changes: What is to become of the folder's files.
        folder: The folder.
        expected: What the changes were made from; a path that it leaves out may hold anything.

    Raises:
        ChangedError: Something else than `expected` stands there by now.
        UnsafeError: A link in `folder` leads a path out of it.
        WriteError: A folder stands where a file should go.
    """
    cleared = {path for path in changes.entries if _is_cleared(changes, folder, path)}
    refuse_links_out(changes.entries, folder, cleared)
    before = {
        path: None if parents(path) & cleared else _before(folder / path)
        for path in sorted(changes.entries)
    }
    _refuse_changed(before, changes.entries, expected)
    differing = {path: old for path, old in before.items() if _differs(old, changes, path)}
    emptied = _emptied(folder, {p for p in differing if not changes.entries[p]}, changes)
    _refuse_folders(folder, changes.entries, emptied)
    return Plan(
        before=differing,
        after={path: changes.entries[path] for path in differing},
        permissions=_permissions(before, changes),
        made=_made(folder, changes, cleared),
        emptied=emptied,
        above=_above(folder, differing),
        applied=_applied(differing, changes.entries),
    )


def _is_cleared(changes: Changes, folder: Path, path: str) -> bool:
    """Whether a file or link goes from `path`, so that what is below it is not there either."""
    return not changes.entries[path] and exists(folder / path) and not is_folder(folder / path)


def _before(place: Path) -> Standing | None:
    """What stands there; a folder is looked at later, for all that is in it may go."""
    return None if is_folder(place) else standing(place)


def _differs(before: Standing | None, changes: Changes, path: str) -> bool:
    entry = changes.entries[path]
    if before is None or before.entry != entry:
        return before is not None or entry is not None
    wanted = changes.permissions.get(path, before.permissions)
    return before.entry.mode != "link" and before.permissions != wanted


def _permissions(before: Mapping[str, Standing | None], changes: Changes) -> dict[str, int]:
    """Those that are given, else those of the file that goes."""
    found = {
        path: old.permissions_for(entry)
        for path, entry in changes.entries.items()
        if entry and (old := before[path])
    }
    return {path: bits for path, bits in found.items() if bits is not None} | {
        **changes.permissions
    }


def _refuse_changed(
    before: Mapping[str, Standing | None], entries: Entries, expected: Entries
) -> None:
    there = {path: old.entry if old else None for path, old in before.items()}
    changed = [
        path
        for path, entry in there.items()
        if path in expected and entry not in (expected[path], entries[path])
    ]
    if changed:
        raise ChangedError(tuple(changed))


def refuse_links_out(paths: Iterable[str], folder: Path, cleared: Collection[str] = ()) -> None:
    """Refuse paths that a link in `folder` leads out of it.

    Args:
        paths: The paths.
        folder: Where they begin.
        cleared: Links and files that go, so that they lead nowhere.

    Raises:
        UnsafeError: There is such a link.
    """
    inside = folder.resolve()  # links in a circle are let through: nothing is at their end
    for path in paths:
        above = posixpath.dirname(path)
        if ({above} | parents(above)) & {*cleared}:
            continue
        if not Path(os.path.realpath(folder / above)).is_relative_to(inside):
            raise UnsafeError(
                f"A link in `{folder}` leads {path!r} out of it.",
                "Take the link away, or choose another folder.",
            )


def _refuse_folders(folder: Path, entries: Entries, emptied: Collection[str]) -> None:
    for path, entry in entries.items():
        if entry and path not in emptied and is_folder(folder / path):
            standing(folder / path)


def _emptied(folder: Path, removed: Collection[str], changes: Changes) -> dict[str, int]:
    """The folders that hold nothing but what is removed, innermost first."""
    kept = {*changes.folders}.union(*(parents(p) for p, entry in changes.entries.items() if entry))
    found: dict[str, int] = {}
    candidates = {parent for path in removed for parent in parents(path)} - kept
    for each in sorted(candidates, key=lambda path: -path.count("/")):
        place = folder / each
        if is_folder(place) and all(
            {f"{each}/{inside.name}"} & {*removed, *found} for inside in place.iterdir()
        ):
            found[each] = stat.S_IMODE(place.stat().st_mode)
    return found


def _made(folder: Path, changes: Changes, cleared: Collection[str]) -> dict[str, int | None]:
    """The folders that are wanted and not there, outermost first."""
    written = (path for path, entry in changes.entries.items() if entry)
    wanted = {*changes.folders}.union(*map(parents, written), *map(parents, changes.folders))
    return {
        path: changes.folders.get(path)
        for path in sorted(wanted)
        if path in cleared or parents(path) & {*cleared} or not exists(folder / path)
    }


def _above(folder: Path, paths: Iterable[str]) -> dict[str, int]:
    above = {parent for path in paths for parent in parents(path)}
    return {
        path: stat.S_IMODE((folder / path).stat().st_mode)
        for path in sorted(above)
        if is_folder(folder / path)
    }


def _applied(before: Mapping[str, Standing | None], entries: Entries) -> Applied:
    return Applied(
        added=tuple(path for path, old in before.items() if not old),
        replaced=tuple(path for path, old in before.items() if old and entries[path]),
        removed=tuple(path for path in before if not entries[path]),
        unchanged=tuple(path for path in sorted(entries) if path not in before),
    )


def parents(path: str) -> set[str]:
    """The folders above `path`, without the root."""
    return set(_climb(posixpath.dirname(path)))


def _climb(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
