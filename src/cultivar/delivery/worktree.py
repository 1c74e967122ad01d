"""What git says of the files that a person has on the disk."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cultivar.delivery.repository import WorkRepository, names, repository_of
from cultivar.errors import DirtyError, UsageError
from cultivar.record import Record


class WorkTree(Record):
    """What git says of the files in a folder; paths are relative to it."""

    folder: Path
    """Absolute."""
    repository: WorkRepository | None = None
    """The repository that it stands in; None where it stands in none."""
    changed: tuple[str, ...] = ()
    """The files that git knows and that are not as they were committed."""
    untracked: tuple[str, ...] = ()
    """The files that git does not know, without those that it ignores."""
    unmerged: tuple[str, ...] = ()
    """The files with conflicts that nobody settled."""

    def refuse_dirty(self, paths: Collection[str] = (), *, force: bool = False) -> None:
        """Refuse to work over what a person has not finished or not committed.

        Args:
            paths: What is to be written: a file there that git does not know is in the way too.
            force: Whether changes that are not committed are accepted. What was begun and waits
                for a person never is, for git would take our changes for a part of it.

        Raises:
            DirtyError: There are changes.
            UsageError: A merge or the like waits to be finished.
        """
        unfinished = self.repository.unfinished if self.repository else ""
        if unfinished or self.unmerged:
            named = f": {', '.join(map(repr, self.unmerged[:5]))}" if self.unmerged else ""
            raise UsageError(
                f"A {unfinished or 'merge'} in `{self.folder}` waits to be finished{named}.",
                "Settle the files and `git add` them, or abort it; of an upgrade, "
                "`cultivar undo` takes it back.",
            )
        dirty = (*self.changed, *(path for path in self.untracked if path in paths))
        if dirty and not force:
            raise DirtyError(dirty)


def state(folder: Path) -> WorkTree:
    """See how the files in `folder` stand to git.

    Raises:
        UsageError: There is a repository that cannot be worked in, as it is bare or somebody
            else's.
        UnavailableError: Git fails.
    """
    repository = repository_of(folder)
    if repository is None:
        return WorkTree(folder=folder.resolve())
    told = repository.run(
        *("status", "--porcelain=v2", "-z", "--untracked-files=all", "--no-renames"),
        *("--ignore-submodules=dirty", "--", "."),
    )
    found = [_status(record, repository.prefix) for record in names(told)]
    return WorkTree(
        folder=repository.folder,
        repository=repository,
        changed=tuple(path for kind, path in found if kind == "1"),
        untracked=tuple(path for kind, path in found if kind == "?"),
        unmerged=tuple(path for kind, path in found if kind == "u"),
    )


def _status(record: str, prefix: str) -> tuple[str, str]:
    """The kind and the path of one line of `git status --porcelain=v2`."""
    fields = {"1": 8, "u": 10, "?": 1}.get(record[0], 1)
    return record[0], record.split(" ", fields)[-1].removeprefix(prefix)
