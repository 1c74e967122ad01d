"""The git repository that a folder of a project stands in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cultivar.delivery.changes import IndexLines
from cultivar.errors import CultivarError, UnavailableError, UsageError
from cultivar.record import Record
from cultivar.templating.origins.git import local_repository, run_git

_UNFINISHED: Final = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


class WorkRepository(Record):
    """A repository with files, seen from a folder in it."""

    root: Path
    git: Path
    """Git's own folder for this working tree, where its index is."""
    prefix: str = ""
    """The folder's path from the root, with a slash at its end; empty of the root itself."""

    @property
    def folder(self) -> Path:
        """The folder that it is seen from."""
        return self.root / self.prefix

    @property
    def index(self) -> Path:
        """The file of git's index; there only once something was added."""
        return self.git / "index"

    @property
    def unfinished(self) -> str:
        """What was begun in the repository and waits for a person, like a `merge`."""
        return next((what for name, what in _UNFINISHED.items() if (self.git / name).exists()), "")

    def lines(self) -> IndexLines:
        """What the index holds of the files in the folder, by their paths in it."""
        listed = self.run("ls-files", "--stage", "-z", "--full-name", "--", ".")
        found: dict[str, tuple[str, ...]] = {}
        for record in names(listed):
            line, _, path = record.partition("\t")
            path = path.removeprefix(self.prefix)
            found[path] = (*found.get(path, ()), line)
        return found

    def run(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
        """What git prints, called in the folder."""
        return run_git("-C", str(self.folder), *arguments, stdin=stdin, index=index)


def names(output: bytes) -> list[str]:
    """The strings that git prints with a zero byte behind each."""
    return [os.fsdecode(each) for each in output.split(b"\0") if each]


def repository_of(folder: Path) -> WorkRepository | None:
    """The repository that `folder` stands in; None where it stands in none.

    Raises:
        UsageError: There is one that cannot be worked in, as it is bare or somebody else's.
        UnavailableError: Git is not there, or fails.
    """
    folder = folder.resolve()
    if not any(_has_git(each) for each in (folder, *folder.parents)):
        return None
    try:
        asked = run_git(
            *("-C", str(folder), "rev-parse", "--is-inside-work-tree"),
            *("--absolute-git-dir", "--show-prefix"),
        )
    except UnavailableError as error:
        if "not a git repository" in error.what:
            return None
        raise _refusal(folder, error) from error
    inside, git, prefix = os.fsdecode(asked).removesuffix("\n").split("\n", 2)
    if inside != "true":
        raise UsageError(
            f"`{folder}` is in a bare git repository, or in git's own folder.",
            "Choose a folder of a clone that has its files checked out.",
        )
    root = folder.parents[prefix.count("/") - 1] if prefix else folder
    return WorkRepository(root=root, git=Path(git), prefix=prefix)


def _has_git(folder: Path) -> bool:
    return (folder / ".git").exists() or local_repository(folder) is not None


def _refusal(folder: Path, error: UnavailableError) -> CultivarError:
    if "dubious ownership" not in error.what:
        return error
    return UsageError(
        f"Git refuses to work in `{folder}`: the repository belongs to somebody else.",
        "If you trust it, say so: `git config --global --add safe.directory` and its folder.",
    )
