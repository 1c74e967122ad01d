"""Git's index, exchanged as part of a delivery.

The invariant: it is exchanged in one step and under git's own lock, so no git ever sees half of
it, and what somebody did to it since is not undone.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cultivar.delivery.changes import IndexLines, Unmerged, index_lines
from cultivar.delivery.repository import WorkRepository
from cultivar.errors import WriteError
from cultivar.record import Record, to_builtins
from cultivar.tree import Entry, Mode

_MODES: Final[dict[Mode, str]] = {"file": "100644", "executable": "100755", "link": "120000"}

_PATIENCE = 5.0
"""Seconds to wait for another git."""

_PAUSE = 0.02


class Exchange(Record):
    """An index that is ready to take the place of the present one."""

    root: str
    git: str
    prefix: str
    name: str
    """What the files beside the index are called in which the old and the new one are."""
    before: IndexLines
    """What the old one holds of the paths that change."""
    ours: IndexLines
    """What the new one holds of them."""

    @property
    def repository(self) -> WorkRepository:
        """The repository that it is made for."""
        return WorkRepository(root=Path(self.root), git=Path(self.git), prefix=self.prefix)

    @property
    def old(self) -> Path:
        """The old index; there only where there was one."""
        return Path(self.git) / f"{self.name}.old"

    @property
    def new(self) -> Path:
        """The new index."""
        return Path(self.git) / f"{self.name}.new"

    def noted(self) -> dict[str, Any]:
        """Itself, for a journal."""
        noted: dict[str, Any] = to_builtins(self)
        return noted


def noted_exchange(noted: Mapping[str, Any]) -> Exchange:
    """The exchange that a journal tells of."""
    lines: dict[str, Any] = {key: index_lines(noted[key]) for key in ("before", "ours")}
    return Exchange(**{**noted, **lines})


def conflict_lines(
    repository: WorkRepository, unmerged: Mapping[str, Unmerged], scratch: Path
) -> IndexLines:
    """What the index says of files in conflict; their contents are put into the repository.

    Args:
        repository: Where they are in conflict.
        unmerged: The versions of each.
        scratch: A folder to make, for the contents on their way.
    """
    staged = [
        (path, stage, entry)
        for path, versions in unmerged.items()
        for stage, entry in enumerate((versions.base, versions.ours, versions.theirs), start=1)
        if entry is not None
    ]
    blobs = _put_blobs(repository, [entry for *_, entry in staged], scratch) if staged else []
    lines: dict[str, tuple[str, ...]] = {path: () for path in unmerged}
    for (path, stage, entry), blob in zip(staged, blobs, strict=True):
        lines[path] += (f"{_MODES[entry.mode]} {blob} {stage}",)
    return lines


def _put_blobs(repository: WorkRepository, entries: list[Entry], scratch: Path) -> list[str]:
    scratch.mkdir()
    for number, entry in enumerate(entries):
        (scratch / str(number)).write_bytes(entry.content)
    asked = "".join(f"{scratch / str(number)}\n" for number in range(len(entries)))
    # Filters are commands that the repository's settings name; none of them is run.
    told = repository.run(
        *("hash-object", "-w", "--no-filters", "--stdin-paths"), stdin=os.fsencode(asked)
    )
    return told.decode().split()


def planned_exchange(repository: WorkRepository, ours: IndexLines, name: str) -> Exchange | None:
    """The exchange after which the index holds `ours`; None where it does so already."""
    there = repository.lines()
    before = {path: there.get(path, ()) for path in ours}
    if before == ours:
        return None
    return Exchange(
        root=str(repository.root),
        git=str(repository.git),
        prefix=repository.prefix,
        name=name,
        before=before,
        ours=ours,
    )


def prepare(exchange: Exchange) -> None:
    """Write the new index beside the present one."""
    repository = exchange.repository
    if repository.index.exists():
        shutil.copy2(repository.index, exchange.old)
        shutil.copy2(repository.index, exchange.new)
    told = os.fsencode("".join(f"{record}\0" for record in _records(exchange)))
    repository.run("update-index", "-z", "--index-info", stdin=told, index=exchange.new)


def _records(exchange: Exchange) -> Iterator[str]:
    """What git is told: for each path, that all of it goes, then what comes."""
    sides = (exchange.before, exchange.ours)
    blobs = [line.split()[1] for side in sides for lines in side.values() for line in lines]
    nothing = "0" * len(blobs[0])
    for path, lines in exchange.ours.items():
        for line in (f"0 {nothing}", *lines):
            yield f"{line}\t{exchange.prefix}{path}"


def put(exchange: Exchange) -> None:
    """Let the new index take the place of the one that it was made from.

    Raises:
        WriteError: Another git is at work, or changed the index since.
    """
    _replace(exchange.repository.index, exchange.new, exchange.old)


def take_back(exchange: Exchange) -> None:
    """Let the old index return; what somebody changed in it since stays."""
    index = exchange.repository.index
    _release(exchange)
    if exchange.new.exists() and not exchange.old.exists() and _same(index, exchange.new):
        index.unlink()
    elif exchange.new.exists() and _same(index, exchange.new):
        _replace(index, exchange.old, exchange.new)
    elif exchange.new.exists():
        _take_back_lines(exchange)
    clear(exchange)


def _take_back_lines(exchange: Exchange) -> None:
    """Take back only what is ours still, as git has written another index since."""
    there = exchange.repository.lines()
    ours = {path for path, lines in exchange.ours.items() if there.get(path, ()) == lines}
    before = {path: lines for path, lines in exchange.before.items() if path in ours}
    back = planned_exchange(exchange.repository, before, f"{exchange.name}.back")
    if back is not None:
        prepare(back)
        put(back)


def clear(exchange: Exchange) -> None:
    """Take away the files beside the index."""
    for each in Path(exchange.git).glob(f"{exchange.name}*"):
        each.unlink(missing_ok=True)


def _replace(index: Path, new: Path, old: Path) -> None:
    lock = _lock_of(index)
    _take(lock, new)
    if not _same(index, old):
        lock.unlink()
        raise WriteError(f"`{index}` changed while we were writing.", "Try again.")
    lock.replace(index)


def _take(lock: Path, new: Path) -> None:
    """Take git's lock; the file that stands for it is the new index, whole from its beginning."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return _link(new, lock)
        except FileExistsError as error:
            if time.monotonic() >= deadline:
                raise WriteError(
                    f"Another git is at work in the repository: there is `{lock}`.",
                    "Wait for it; if there is none, delete that file.",
                ) from error
            time.sleep(_PAUSE)


def _link(new: Path, lock: Path) -> None:
    try:
        os.link(new, lock)
    except FileExistsError:
        raise
    except OSError:  # there are no hard links here
        with lock.open("xb") as file:
            file.write(new.read_bytes())


def _release(exchange: Exchange) -> None:
    """Give git's lock back, where it is we who hold it."""
    lock = _lock_of(exchange.repository.index)
    beside = Path(exchange.git).glob(f"{exchange.name}*")
    if lock.exists() and any(lock.samefile(each) for each in beside):
        lock.unlink()


def _lock_of(index: Path) -> Path:
    return index.with_name(f"{index.name}.lock")


def _same(one: Path, other: Path) -> bool:
    contents = [path.read_bytes() if path.exists() else None for path in (one, other)]
    return contents[0] == contents[1]
