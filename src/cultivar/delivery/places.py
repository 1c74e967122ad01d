"""Single files and links on the disk: what stands at a place, and how something gets there."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cultivar.errors import WriteError
from cultivar.record import Record
from cultivar.tree import Entry, read_entry

_AT_ONCE = 16

_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What the system says of a path that leads nowhere: a link may lead in a circle too."""


class Standing(Record):
    """A file or link as it stands on the disk."""

    entry: Entry
    permissions: int
    """The bits of `chmod`; they say more than an entry's mode."""

    def permissions_for(self, entry: Entry) -> int | None:
        """Those of a file that takes this one's place; None where ours say nothing about it."""
        if "link" in {entry.mode, self.entry.mode}:
            return None
        if entry.mode == self.entry.mode:
            return self.permissions
        executable = entry.mode == "executable"
        return _executable(self.permissions) if executable else self.permissions & ~0o111


def _executable(permissions: int) -> int:
    return permissions | (permissions & 0o444) >> 2


def standing(place: Path) -> Standing | None:
    """What stands at `place`; None where nothing does.

    Raises:
        WriteError: It is neither a file nor a link.
    """
    status = status_of(place)
    if status is None:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise WriteError(f"`{place}` is a folder, where a file should go.", "Move it away.")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        raise WriteError(f"`{place}` is neither a file nor a link.", "Move it away.")
    return Standing(entry=read_entry(place), permissions=stat.S_IMODE(status.st_mode))


def status_of(place: Path) -> os.stat_result | None:
    """What the system knows of a file, link or folder; None where there is none."""
    try:
        return place.lstat()
    except OSError as error:
        if error.errno in _NOWHERE:
            return None
        raise


def present(place: Path) -> Entry | None:
    """The file or link at `place`; None where nothing stands.

    Raises:
        WriteError: It is neither a file nor a link.
    """
    found = standing(place)
    return found.entry if found else None


def identity(entry: Entry) -> str:
    """What tells one entry from another, in a word that is short enough to be noted."""
    return f"{entry.mode} {entry.hash}"


def exists(place: Path) -> bool:
    """Whether anything stands at `place`, be it a link that leads nowhere."""
    return os.path.lexists(place)


def is_folder(place: Path) -> bool:
    """Whether a folder stands at `place`, and not a link to one."""
    return place.is_dir() and not place.is_symlink()


def write_entry(place: Path, entry: Entry, permissions: int | None = None) -> None:
    """Write one entry at `place`, whose folder exists.

    Args:
        place: Where nothing stands.
        entry: What to write.
        permissions: The bits of `chmod`; what is usual where it is None.
    """
    if entry.mode == "link":
        place.symlink_to(os.fsdecode(entry.content))
        return
    place.write_bytes(entry.content)
    if permissions is not None:
        place.chmod(permissions)
    elif entry.mode == "executable":
        place.chmod(_executable(stat.S_IMODE(place.stat().st_mode)))


def write_synced(place: Path, content: bytes) -> None:
    """Write a file and see it on the disk."""
    with place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def see_on_disk(files: Iterable[Path]) -> None:
    """Return when the contents of all `files` are on the disk, links aside.

    A disk takes many at once in little more time than one.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(_sync, files))


def _sync(file: Path) -> None:
    if not file.is_symlink():
        opened = os.open(file, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def keep(place: Path, kept: Path, part: Path) -> None:
    """Give what stands at `place` a second name; at no moment is it without its first.

    Args:
        place: What is to be kept.
        kept: The second name.
        part: Where a copy may grow, should it take one.
    """
    try:
        os.link(place, kept, follow_symlinks=False)
    except OSError:  # there are no hard links here, or the file is somebody else's
        shutil.copy2(place, part, follow_symlinks=False)
        part.replace(kept)


def make_folder(folder: Path, permissions: int | None = None) -> None:
    """Make one folder, if it is not there."""
    with suppress(FileExistsError):
        folder.mkdir()
        if permissions is not None:
            folder.chmod(permissions)


def missing_folders(folder: Path) -> tuple[Path, ...]:
    """Those of `folder` and the ones above it that do not exist, outermost first."""
    return tuple(each for each in (*reversed(folder.parents), folder) if not exists(each))


def remove_empty(folders: Iterable[Path]) -> None:
    """Take away those of `folders` that hold nothing, the last one first."""
    for each in reversed(list(folders)):
        if is_folder(each) and not any(each.iterdir()):
            each.rmdir()
