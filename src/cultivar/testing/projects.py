"""A template that goes through versions, and a project of it, each in a real git repository."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, Unpack

from cultivar.application.cultivar import Cultivar
from cultivar.application.upgrading import Upgraded, UpgradeOptions
from cultivar.record import Record
from cultivar.settings import load_settings
from cultivar.testing.repositories import git
from cultivar.upgrade.outputs import Output

Files = Mapping[str, str | None]
"""By path, what is written there; None takes it away."""


@dataclass(frozen=True)
class Repository:
    """A folder under git."""

    folder: Path

    @classmethod
    def begun(cls, folder: Path) -> Repository:
        """A new repository in `folder`, with what is in it committed."""
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "-q", "-b", "main")
        repository = cls(folder)
        repository.commit()
        return repository

    def write(self, files: Files) -> None:
        """Change files, and commit nothing."""
        for path, text in files.items():
            place = self.folder / path
            if text is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8", newline="")

    def commit(self, files: Files | None = None, tag: str = "") -> None:
        """Change files, commit all that is there, and tag it."""
        self.write(files or {})
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", tag or "work")
        if tag:
            git(self.folder, "tag", tag)

    def read(self, path: str) -> str:
        """What a file says."""
        return (self.folder / path).read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / path).exists()

    def git(self, *arguments: str) -> str:
        """What git says."""
        return git(self.folder, *arguments)

    @property
    def index(self) -> str:
        """All that git's index holds."""
        return self.git("ls-files", "--stage")


class Story(Record):
    """A template of some versions, a project that was made of one, and Cultivar."""

    template: Repository
    project: Repository
    cultivar: Cultivar

    @classmethod
    def told_in(cls, folder: Path, ledger: Path) -> Self:
        """The beginning of one in an empty `folder`, with a copy of `ledger`, a file of SQLite."""
        home = folder / "home"
        home.mkdir()
        shutil.copy(ledger, home / "ledger.db")
        return cls(
            template=Repository.begun(folder / "template"),
            project=Repository(folder / "project"),
            cultivar=Cultivar(load_settings(folder, home=home, cache=folder / "cache")),
        )

    def begin(
        self, files: Files, *, trust: bool = False, answers: Mapping[str, object] | None = None
    ) -> None:
        """Release `files` as v1.0.0 of the template, and generate and commit the project."""
        self.release("v1.0.0", files)
        self.cultivar.generate(
            "a project",
            template=str(self.template.folder),
            ref="v1.0.0",
            output=self.project.folder,
            answers=answers or {},
            trust=trust,
        )
        Repository.begun(self.project.folder)

    def release(self, version: str, files: Files) -> None:
        """Change the template's files, and tag that."""
        self.template.commit(files, version)

    @property
    def output(self) -> Output:
        """The project, as its answers file tells it."""
        return self.cultivar.output(self.project.folder)

    def upgrade(self, **options: Unpack[UpgradeOptions]) -> Upgraded:
        """Bring the project to another version, the newest where none is named."""
        return self.cultivar.upgrade(self.output, **options)
