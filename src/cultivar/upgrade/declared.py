"""What migrations a template declares, in either dialect, as a row of commands.

Copier's `_migrations` is a command, or `command` with `version`, `when` and `working_directory`,
or in the old style `version` with lists of commands, `before` and `after`. The first system has
all of these keys in one entry, and its `before` and `after` may be one text: a command, or the
path of a script among the template's own files.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from cultivar.errors import TemplateError
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.reading.copier_yaml import read_config
from cultivar.templating.shapes import is_list
from cultivar.templating.template import Template
from cultivar.upgrades import MigrationStage

STAGES: Final[tuple[MigrationStage, ...]] = ("before", "after")
"""Before and after the files are merged."""

Words: TypeAlias = str | tuple[str, ...]
"""A shell command, or a program with its arguments."""


class Declared(Record):
    """One command of a template's migrations, as written, at one stage."""

    stage: MigrationStage
    words: Words
    version: Version | None
    written_version: str
    when: bool | str
    folder: str
    may_be_file: bool
    """Whether the command may be the path of one of the template's files."""

    @property
    def id(self) -> str:
        """A hash of its version, its stage, its command and its folder, as they are written."""
        version = canonicalize_version(self.version) if self.version else ""
        said = json.dumps([version, self.stage, self.words, posixpath.normpath(self.folder)])
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def order(self) -> tuple[int, bool, Version]:
        """By stage, then by version; without one, last."""
        return STAGES.index(self.stage), self.version is None, self.version or Version("0")


def declared_scripts(template: Template) -> Iterator[Declared]:
    """Each command of the template's migrations, at each stage at which it may run.

    Raises:
        TemplateError: A migration is not as it must be; with its line.
    """
    for index, raw in enumerate(template.rules.migrations):
        entry = _Entry(template=template, index=index, raw=raw)
        yield from entry.declared()


class _Entry(Record):
    """One entry of a template's migrations."""

    template: Template
    index: int
    raw: Mapping[str, Json]

    def declared(self) -> Iterator[Declared]:
        if not {"command", *STAGES} & self.raw.keys():
            names = ", ".join(f"`{name}`" for name in self.raw)
            raise self._error("", f"A migration has no command, but {names or 'nothing'}.")
        for stage in STAGES:
            listed = self.raw.get(stage) or []
            for words in self._words(stage, listed):
                yield self._at(stage, words, when=True, may_be_file=isinstance(listed, str))
            if (command := self.raw.get("command")) is not None:
                words = self._one("command", command)
                yield self._at(stage, words, when=stage == "after", may_be_file=False)

    def _at(
        self, stage: MigrationStage, words: Words, *, when: bool, may_be_file: bool
    ) -> Declared:
        version = self._version()
        return Declared(
            stage=stage,
            words=words,
            version=version,
            written_version=str(self.raw["version"]) if version else "",
            when=self._when(default=when),
            folder=self._folder(),
            may_be_file=may_be_file,
        )

    def _version(self) -> Version | None:
        raw = self.raw.get("version")
        if raw is None:
            return None
        if isinstance(raw, float):  # 1.10 has become 1.1 here
            raise self._error("version", f"`version` is the number {raw!r}.", "Put it in quotes.")
        try:
            return Version(str(raw))
        except InvalidVersion as error:
            raise self._error(
                "version", f"`version` is {raw!r}.", "Expected is a version like `1.0.0`."
            ) from error

    def _when(self, *, default: bool) -> bool | str:
        raw = self.raw.get("when", default)
        if not isinstance(raw, bool | str):
            raise self._error("when", f"`when` is {raw!r}.", "Expected is a truth or a text.")
        return raw

    def _folder(self) -> str:
        raw = self.raw.get("working_directory", ".")
        if not isinstance(raw, str):
            raise self._error(
                "working_directory", f"`working_directory` is {raw!r}.", "Expected is a path."
            )
        return raw

    def _words(self, key: str, raw: Json) -> Sequence[Words]:
        return [self._one(key, each) for each in raw] if is_list(raw) else [self._one(key, raw)]

    def _one(self, key: str, raw: Any) -> Words:
        if isinstance(raw, str) and raw.strip():
            return raw
        if is_list(raw) and raw and all(isinstance(part, str | int | float) for part in raw):
            return tuple(str(part) for part in raw)
        raise self._error(key, f"`{key}` has {raw!r}.", "Expected is a command.")

    def _error(self, key: str, what: str, remedy: str = "") -> TemplateError:
        config = read_config(self.template.tree)
        if config is None:
            return TemplateError(what, remedy=remedy)
        return config.error(["_migrations", self.index, *([key] if key else [])], what, remedy)
