"""The repositories that whoever runs the benchmark has brought: bare clones in one folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cultivar.errors import NotKnownError, UnavailableError


class MissingMirrorsError(UnavailableError):
    """Repositories that the transitions need are not there."""


@dataclass(frozen=True)
class Mirrors:
    """A folder of bare clones, each at `owner+name.git`, `owner+name` or `owner+name/repo`."""

    folder: Path
    served_at: str = ""
    """The address under which the folder is served, where it is."""

    def find(self, name: str) -> Path:
        """The clone of the repository `owner/name`.

        Raises:
            NotKnownError: It was not brought.
        """
        place = self._place(name)
        if place is None:
            raise NotKnownError("mirror", name)
        return (self.folder / place).resolve()

    def address(self, name: str) -> str:
        """Where git finds that clone.

        Raises:
            NotKnownError: It was not brought.
        """
        found = self.find(name)
        return f"{self.served_at}/{self._place(name)}" if self.served_at else f"file://{found}"

    def names(self) -> list[str]:
        """All clones that are there, as `owner/name`."""
        folders = (path.name.removesuffix(".git") for path in self.folder.glob("*+*"))
        names = (name.replace("+", "/", 1) for name in folders)
        return sorted(name for name in names if self.has(name))

    def has(self, name: str) -> bool:
        """Whether the repository `owner/name` was brought."""
        return self._place(name) is not None

    def _place(self, name: str) -> str | None:
        """Where in the folder the clone is."""
        folder = name.replace("/", "+", 1)
        places = (f"{folder}/repo", f"{folder}.git", folder)
        there = (place for place in places if (self.folder / place / "objects").is_dir())
        return next(there, None)

    def require(self, names: Iterable[str]) -> None:
        """Check that all of `names` are there.

        Raises:
            MissingMirrorsError: Some are not; it says how to bring them.
        """
        missing = [name for name in names if not self.has(name)]
        if missing:
            raise MissingMirrorsError(
                f"{len(missing)} repositories that the updates need are not there.",
                how_to_bring(missing, self.folder),
            )


def how_to_bring(names: Iterable[str], folder: Path | str) -> str:
    """The commands that clone `names` from GitHub into `folder`."""
    commands = (
        f"git clone --mirror https://github.com/{name}.git {folder}/{name.replace('/', '+', 1)}.git"
        for name in names
    )
    return "\n".join(["Bring them:", *(f"    {command}" for command in commands)])
