"""Write a tree into a folder, all or nothing.

The invariant: whatever interrupts it, the folder is as it was, or is so again at the next
delivery. New files are written beside their places first; only then are they renamed, with a
journal, in a folder of the user's, from which an interrupted delivery is taken back.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cultivar.errors import DestinationError, UnsafeError, WriteError
from cultivar.model import Delivery
from cultivar.tree import Entry, Tree, read_entry

STAGE = ".cultivar-stage-"
"""How the folder beside the files is named in which a delivery is prepared."""

PATIENCE = 60.0
"""Seconds to wait for another delivery into the same folder."""


@dataclass(frozen=True)
class Journals:
    """The deliveries that are under way, each in a file of its own.

    They are kept in a folder of the user's, never in the one that is written to: what a stranger
    left there must not tell us what to put back.
    """

    folder: Path

    def of(self, destination: Path) -> Path:
        """The journal of deliveries into `destination`; there where one was interrupted."""
        digest = hashlib.sha256(str(destination.resolve()).encode()).hexdigest()[:32]
        return self.folder / f"{digest}.json"


def plan(tree: Tree, folder: Path, *, skip_if_exists: tuple[str, ...] = ()) -> Delivery:
    """Say what `deliver` would do, without doing it."""
    there = {path: _present(folder / path) for path in tree}
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
        else _diff(path, _present(folder / path), tree[path])
        for path in paths
    )


def deliver(
    tree: Tree,
    folder: Path,
    journals: Journals,
    *,
    force: bool = False,
    skip_if_exists: tuple[str, ...] = (),
    hidden: Collection[str] = (),
) -> Delivery:
    """Write `tree` into `folder`; files of the same content are left alone.

    Args:
        tree: What to write.
        folder: Where to; made where it does not exist.
        journals: Where it is noted what is under way.
        force: Whether files that differ are replaced.
        skip_if_exists: Paths of the tree that are not written where a file stands already.
        hidden: The files that hold secrets, which no error shows.

    Raises:
        DestinationError: Files that differ stand in the way; nothing was written.
        UnsafeError: A link in `folder` leads a path out of it.
        WriteError: The folder cannot be written to, or the disk is full; it is as it was.
    """
    with _named_failures(folder), _present_folder(folder), _locked(journals.of(folder)):
        take_back(folder, journals)
        _refuse_links_out(tree, folder)
        planned = plan(tree, folder, skip_if_exists=skip_if_exists)
        if planned.replaced and not force:
            shown = diff(tree, folder, planned.replaced, hidden)
            raise DestinationError(planned.replaced, shown)
        _write(tree, folder, planned, journals)
    return planned


def take_back(folder: Path, journals: Journals) -> None:
    """Undo what an interrupted delivery left in `folder`; nothing if there is none."""
    journal = journals.of(folder)
    if not journal.is_file():
        return
    stage, paths = _noted(journal, folder)
    if stage.is_dir() and not stage.is_symlink():
        for path, ours in paths.items():
            _put_back(stage, folder, path, ours)
        shutil.rmtree(stage, ignore_errors=True)
    journal.unlink()


def _noted(journal: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """The folder of an interrupted delivery, and the hashes of what it was to write."""
    try:
        noted = json.loads(journal.read_text(encoding="utf-8"))
        return folder / noted["stage"], dict(noted["paths"])
    except (ValueError, KeyError, TypeError) as error:
        raise WriteError(
            f"`{journal}`, which tells how to take back an interrupted delivery, is damaged.",
            f"Look at `{folder}`, then delete the journal.",
        ) from error


def _put_back(stage: Path, folder: Path, path: str, ours: str) -> None:
    """Undo one file, unless somebody has changed it since."""
    old, place = stage / "old" / path, folder / path
    if _exists(place) and read_entry(place).hash != ours:
        return
    if _exists(old):
        old.replace(folder / path)
    elif not _exists(stage / "new" / path):
        (folder / path).unlink(missing_ok=True)


def _write(tree: Tree, folder: Path, planned: Delivery, journals: Journals) -> None:
    paths = [*planned.added, *planned.replaced]
    stage = folder / f"{STAGE}{uuid.uuid4().hex}"
    journal = journals.of(folder)
    made: list[Path] = []
    try:
        _note(journal, stage, {})
        _stage(tree, stage, paths)
        _note(journal, stage, {path: tree[path].hash for path in paths})
        for path in paths:
            made += _make((folder / path).parent)
            _swap(stage, folder, path)
        _note(journal, stage, {})  # from here on it is done, and nothing is put back
    except BaseException:
        take_back(folder, journals)
        _remove_empty(made)
        raise
    take_back(folder, journals)


def _note(journal: Path, stage: Path, paths: Mapping[str, str]) -> None:
    """Write what is to be put back, with the hashes of what we write.

    In one step, so that it is there whole or not at all.
    """
    part = journal.with_suffix(".part")
    _write_synced(part, json.dumps({"stage": stage.name, "paths": paths}).encode())
    part.replace(journal)


def _stage(tree: Tree, stage: Path, paths: Iterable[str]) -> None:
    stage.mkdir()
    for path in paths:
        place = stage / "new" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write_entry(place, tree[path])


def _swap(stage: Path, folder: Path, path: str) -> None:
    if _exists(folder / path):
        old = stage / "old" / path
        old.parent.mkdir(parents=True, exist_ok=True)
        # The old file stays in its place until the new one replaces it in one step, and its
        # copy takes its name only when it is whole.
        part = stage / "part"
        shutil.copy2(folder / path, part, follow_symlinks=False)
        part.replace(old)
    (stage / "new" / path).replace(folder / path)


def write_entry(place: Path, entry: Entry) -> None:
    """Write one entry at `place`, whose folder exists, and see it on the disk."""
    if entry.mode == "link":
        place.symlink_to(os.fsdecode(entry.content))
        return
    _write_synced(place, entry.content)
    if entry.mode == "executable":
        mode = place.stat().st_mode
        place.chmod(mode | (mode & 0o444) >> 2)


def _write_synced(place: Path, content: bytes) -> None:
    with place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _present_folder(folder: Path) -> Generator[None]:
    """The folder is there, and gone again after a failure if it was not."""
    missing = _make(folder)
    try:
        yield
    except BaseException:
        _remove_empty(missing)
        raise


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns those that were not there, outermost first."""
    missing = [each for each in (*reversed(folder.parents), folder) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


@contextmanager
def _locked(journal: Path) -> Generator[None]:
    """One delivery at a time into a folder."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(journal.with_suffix(".lock"), timeout=PATIENCE):
            yield
    except Timeout as error:
        raise WriteError(
            "Another process is writing to the same folder, and does not come to an end.",
            "Wait for it, or end it; then try again.",
        ) from error


def _remove_empty(folders: list[Path]) -> None:
    for each in reversed(folders):
        if each.is_dir() and not any(each.iterdir()):
            each.rmdir()


def _present(path: Path) -> Entry | None:
    if path.is_dir() and not path.is_symlink():
        raise WriteError(f"`{path}` is a folder, where a file should go.", "Move it away.")
    return read_entry(path) if _exists(path) else None


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _refuse_links_out(tree: Tree, folder: Path) -> None:
    inside = folder.resolve()
    for path in tree:
        if not (folder / path).parent.resolve().is_relative_to(inside):
            raise UnsafeError(
                f"A link in `{folder}` leads {path!r} out of it.",
                "Take the link away, or choose another `--output`.",
            )


def _diff(path: str, old: Entry | None, new: Entry) -> str:
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return f"Binary file {path} differs\n"
    name = f"a/{path}" if old else "/dev/null"
    lines = difflib.unified_diff(before, after, name, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _lines(entry: Entry | None) -> list[str] | None:
    if entry is None:
        return []
    try:
        return entry.content.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return None


@contextmanager
def _named_failures(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"Writing to `{folder}` failed: {error.strerror or error}. It is as it was.",
            "Free some space, or choose another `--output`.",
        ) from error
