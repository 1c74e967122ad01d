"""Trees on their way in and out of a sandbox.

The invariant: what comes back is read without following anything. Links that lead out, devices,
pipes and sockets are refused by name, and no more is read than the limit on disk allows.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from cultivar.errors import UnsafeError
from cultivar.tree import Entry, Mode, Tree

_BLOCK = 4096
_MADE_AT = 1_577_836_800
"""The time stamp of every file, 2020-01-01: the same each time, and late enough for zip files."""
_DEEPEST = 64
_MODES = {"file": 0o644, "executable": 0o755}


class TooMuchError(Exception):
    """More came back than the limit on disk allows: a signal to the sandbox."""


def size(tree: Tree) -> int:
    """What the tree takes on disk, each file in whole blocks."""
    return sum(-(-len(entry.content) // _BLOCK) * _BLOCK for entry in tree.values())


def files_allowed(disk_bytes: int) -> int:
    """How many files may be made under a limit on disk: one for each of its blocks."""
    return max(disk_bytes // _BLOCK, 64)


def pack(tree: Tree) -> bytes:
    """The tree as a tar archive."""
    parts: list[bytes] = []
    for path, entry in tree.items():
        member = _member(path, entry)
        content = entry.content if member.isreg() else b""
        padding = bytes(-len(content) % tarfile.BLOCKSIZE)
        parts += member.tobuf(tarfile.GNU_FORMAT), content, padding
    return b"".join([*parts, bytes(2 * tarfile.BLOCKSIZE)])


def _member(path: str, entry: Entry) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mtime = _MADE_AT
    if entry.mode == "link":
        member.type, member.linkname = tarfile.SYMTYPE, os.fsdecode(entry.content)
    else:
        member.size, member.mode = len(entry.content), _MODES[entry.mode]
    return member


def write(tree: Tree, root: Path) -> None:
    """Write the tree into `root`, a new folder that nobody else writes to."""
    for path, entry in tree.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == "link":
            target.symlink_to(os.fsdecode(entry.content))
        else:
            target.write_bytes(entry.content)
            target.chmod(_MODES[entry.mode])


@dataclass(kw_only=True)
class _Basket:
    """What was brought back so far, and how much more may be."""

    bytes_left: int
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def __post_init__(self) -> None:
        self.files_left = files_allowed(self.bytes_left)

    def reserve(self, size: int) -> None:
        self.bytes_left -= size
        self.files_left -= 1
        if self.bytes_left < 0 or self.files_left < 0:
            raise TooMuchError


def collect_folder(folder: int, disk_bytes: int) -> Tree:
    """The tree in the open folder `folder`, in which nothing changes any more.

    Raises:
        UnsafeError: Something in it has no place in a tree.
        TooMuchError: It is larger than `disk_bytes`, or has too many files.
    """
    basket = _Basket(bytes_left=disk_bytes)
    _walk(os.dup(folder), "", basket, 0)
    return Tree(basket.entries)


def _walk(folder: int, prefix: str, basket: _Basket, depth: int) -> None:
    try:
        if depth > _DEEPEST:
            raise UnsafeError(f"The folder {prefix!r} came back nested too deep.")
        with os.scandir(folder) as found:
            for each in found:
                if each.name != ".git":
                    _take(folder, each.name, prefix + each.name, basket, depth)
    except PermissionError as error:
        raise UnsafeError(f"{prefix or '.'!r} came back unreadable.") from error
    finally:
        os.close(folder)


def _take(folder: int, name: str, path: str, basket: _Basket, depth: int) -> None:
    _refuse_odd_name(path)
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        basket.reserve(0)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        _walk(inner, path + "/", basket, depth + 1)
    elif stat.S_ISLNK(found.st_mode):
        basket.reserve(found.st_size)
        target = os.readlink(name, dir_fd=folder)
        basket.entries[path] = Entry(content=os.fsencode(target), mode="link")
    elif stat.S_ISREG(found.st_mode):
        basket.reserve(found.st_size)
        basket.entries[path] = _read(folder, name, found.st_size)
    else:
        raise _no_file(path)


def _read(folder: int, name: str, size: int) -> Entry:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(name, flags, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
        executable = os.fstat(file.fileno()).st_mode & 0o100
        return Entry(content=file.read(size), mode="executable" if executable else "file")


def collect_archive(archive: bytes, disk_bytes: int) -> Tree:
    """The tree in a tar archive that untrusted code may have written.

    Raises:
        UnsafeError: Something in it has no place in a tree, or it is no archive.
        TooMuchError: It is larger than `disk_bytes`, or has too many files.
    """
    basket = _Basket(bytes_left=disk_bytes)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
            for member in members:
                _take_member(members, member, basket)
    except (tarfile.TarError, EOFError) as error:
        raise UnsafeError("The tree came back as a broken archive.") from error
    return Tree(basket.entries)


def _take_member(members: tarfile.TarFile, member: tarfile.TarInfo, basket: _Basket) -> None:
    path = posixpath.normpath(member.name)
    _refuse_odd_name(path)
    if ".git" in path.split("/"):
        return
    basket.reserve(max(member.size, 0))
    if member.issym():
        basket.entries[path] = Entry(content=os.fsencode(member.linkname), mode="link")
    elif member.islnk():
        basket.entries[path] = _linked(path, posixpath.normpath(member.linkname), basket)
    elif member.isreg() and (file := members.extractfile(member)):
        mode: Mode = "executable" if member.mode & 0o100 else "file"
        basket.entries[path] = Entry(content=file.read(member.size), mode=mode)
    elif not member.isdir():
        raise _no_file(path)


def _linked(path: str, target: str, basket: _Basket) -> Entry:
    try:
        entry = basket.entries[target]
    except KeyError:
        raise UnsafeError(f"The hard link {path!r} to {target!r} leads out of the tree.") from None
    basket.reserve(len(entry.content))
    return entry


def _no_file(path: str) -> UnsafeError:
    return UnsafeError(f"{path!r} came back as a device, a pipe or a socket.")


def _refuse_odd_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UnsafeError(f"The name {path!r} came back in no encoding that we know.") from None
