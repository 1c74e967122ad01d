"""Write a tree into a folder, all or nothing.

The invariant: whatever interrupts it, the folder is as it was, or is so again at the next
delivery. New files are written beside their places first; only then are they renamed, with a
journal from which an interrupted delivery is taken back.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from cultivar.errors import DestinationError, UnsafeError, WriteError
from cultivar.model import Delivery
from cultivar.tree import Entry, Tree, read_entry

STAGE = ".cultivar-stage"
"""The folder beside the files in which a delivery is prepared."""


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


def diff(tree: Tree, folder: Path, paths: Iterable[str]) -> str:
    """What writing `paths` of `tree` into `folder` would change, as a unified diff."""
    return "".join(_diff(path, _present(folder / path), tree[path]) for path in paths)


def deliver(
    tree: Tree, folder: Path, *, force: bool = False, skip_if_exists: tuple[str, ...] = ()
) -> Delivery:
    """Write `tree` into `folder`; files of the same content are left alone.

    Args:
        tree: What to write.
        folder: Where to; made where it does not exist.
        force: Whether files that differ are replaced.
        skip_if_exists: Paths of the tree that are not written where a file stands already.

    Raises:
        DestinationError: Files that differ stand in the way; nothing was written.
        UnsafeError: A link in `folder` leads a path out of it.
        WriteError: The folder cannot be written to, or the disk is full; it is as it was.
    """
    with _named_failures(folder), _present_folder(folder), FileLock(_lock_of(folder)):
        take_back(folder)
        _refuse_links_out(tree, folder)
        planned = plan(tree, folder, skip_if_exists=skip_if_exists)
        if planned.replaced and not force:
            raise DestinationError(planned.replaced, diff(tree, folder, planned.replaced))
        _write(tree, folder, planned)
    return planned


def take_back(folder: Path) -> None:
    """Undo what an interrupted delivery left in `folder`; nothing if there is none."""
    stage = folder / STAGE
    journal = stage / "journal.json"
    if journal.is_file():
        for path in json.loads(journal.read_text(encoding="utf-8")):
            old = stage / "old" / path
            if old.is_symlink() or old.exists():
                old.replace(folder / path)
            elif not _exists(stage / "new" / path):
                (folder / path).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)


def _write(tree: Tree, folder: Path, planned: Delivery) -> None:
    stage = folder / STAGE
    paths = [*planned.added, *planned.replaced]
    made: list[Path] = []
    try:
        _stage(tree, stage, paths)
        for path in paths:
            made += _make((folder / path).parent)
            _swap(stage, folder, path)
    except BaseException:
        take_back(folder)
        _remove_empty(made)
        raise
    shutil.rmtree(stage)


def _stage(tree: Tree, stage: Path, paths: Iterable[str]) -> None:
    for path in paths:
        place = stage / "new" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write_entry(place, tree[path])
    stage.mkdir(parents=True, exist_ok=True)
    _write_synced(stage / "journal.json", json.dumps(list(paths)).encode())


def _swap(stage: Path, folder: Path, path: str) -> None:
    if _exists(folder / path):
        old = stage / "old" / path
        old.parent.mkdir(parents=True, exist_ok=True)
        # The old file stays in its place until the new one replaces it in one step, and its
        # copy takes its name only when it is whole.
        part = old.with_name(f"{old.name}.part")
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


def _lock_of(folder: Path) -> Path:
    """A file that stands for the folder, outside of it."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cultivar-{os.getuid()}-{digest}.lock"


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
