"""The versions of a template: the newest, one that is named, and which of two is the older.

The invariant: a template's repository is fetched once for all versions of it that are asked for in
a while, and not at all for those that are here already.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from packaging.version import Version

from cultivar.errors import NotKnownError, UnavailableError
from cultivar.record import Record, field
from cultivar.templating.numbering import version_of, version_or_none
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.origins.git import Repository
from cultivar.templating.template import Template

_NONE: Final = Version("0.0.0")
"""What a commit without any tag has for a version."""

_NAMED: Final = ("tags", "heads")
_SHOWN: Final = 5
_HASH: Final = re.compile(r"(?:.+-\d+-g)?(?P<hash>[0-9a-f]{7,64})")


class Wanted(Record):
    """A version of a template, as a person or an answers file names it."""

    reference: str
    """An id, a folder or a git address."""
    version: str = ""
    """A version, tag, branch or commit; empty: the newest release."""
    pre_releases: bool = False


class Present(Record):
    """Where an output stands: the version that made it."""

    version: str
    commit: str
    """The tag or commit; empty where the template is not from git."""


class _Opened(Record):
    repository: Repository | None
    at: float


class Versions(Record):
    """Reads versions of templates, each repository of them fetched once."""

    catalog: Catalog
    fresh_for: float = 60.0
    """Seconds in which a repository that was fetched is not fetched again."""
    _opened: dict[str, _Opened] = field(default_factory=dict[str, "_Opened"])

    def find(self, wanted: Wanted) -> Template:
        """The template of that version.

        Raises:
            NotKnownError: There is no such template or version; with those that are near.
            UnavailableError: Its repository cannot be reached; with what is known of it here.
        """
        reference = self._as_found(wanted.reference)
        repository = self.open(reference, wanted.version)
        if repository is None:
            return self.catalog.find(reference, wanted.version, pre_releases=wanted.pre_releases)
        ref = _ref_of(repository, wanted.version)
        if wanted.version and not ref:
            repository = self._fetched(reference, wanted.version) or repository
            ref = _ref_of(repository, wanted.version)
        if wanted.version and not ref:
            raise _no_version(repository, wanted)
        return self.catalog.read(repository, reference, ref, pre_releases=wanted.pre_releases)

    def open(self, reference: str, version: str = "") -> Repository | None:
        """The repository at `reference`, brought up to date for `version`; None without one.

        Raises:
            UnavailableError: It cannot be reached; with what is known of it here.
        """
        reference = self._as_found(reference)
        opened = self._opened.get(reference)
        if opened is None or time.monotonic() - opened.at > self.fresh_for:
            return self._fetched(reference, version)
        return opened.repository

    def is_older(self, new: Template, old: Present, reference: str) -> bool:
        """Whether `new` is older than `old`, which is of the template at `reference`.

        Releases are compared by PEP 440, other commits by the history in which they stand.

        Raises:
            UnavailableError: The repository cannot be reached.
        """
        before, after = release_of(old.version), release_of(new.ref.version)
        if before is not None and after is not None:
            return after < before
        repository = self.open(reference) if new.ref.ref and old.commit else None
        if repository is not None:
            commits = [repository.resolve(ref) for ref in (new.ref.ref, old.commit)]
            if all(commits):
                return repository.is_before(*map(str, commits))
        versions = Version(version_of(new.ref.version)), Version(version_of(old.version))
        return _NONE not in versions and versions[0] < versions[1]

    def _as_found(self, reference: str) -> str:
        """`reference` as the catalog takes it: a folder by its absolute path, an id before it."""
        path = Path(reference).expanduser()
        if not reference or not path.exists() or self._is_id(reference):
            return reference
        return str(path.resolve())

    def _is_id(self, reference: str) -> bool:
        return "/" not in reference and any(each.ref.id == reference for each in self.catalog.all())

    def _fetched(self, reference: str, version: str) -> Repository | None:
        try:
            by_id = self._is_id(reference)
            repository = None if by_id else self.catalog.repository(reference, version)
        except UnavailableError as error:
            raise self._unreachable(reference, error) from error
        self._opened[reference] = _Opened(repository=repository, at=time.monotonic())
        return repository

    def _unreachable(self, reference: str, error: UnavailableError) -> UnavailableError:
        copy = self.catalog.known_copy(reference)
        known = f" Of it are known here {newest_tags(copy)}: `--to` one of them." if copy else ""
        return UnavailableError(
            f"The template's repository {reference!r} cannot be reached: {error.what}",
            f"Name where it is now with `--source`.{known}",
        )


def same_version(one: str, other: str) -> bool:
    """Whether both name one version: `v1.0` and `1.0.0`, a commit and the beginning of it."""
    if one == other:
        return True
    versions = version_or_none(one), version_or_none(other)
    if None not in versions:
        return versions[0] == versions[1]
    hashes = [found["hash"] for each in (one, other) if (found := _HASH.fullmatch(each))]
    return len(hashes) == 2 and (hashes[0].startswith(hashes[1]) or hashes[1].startswith(hashes[0]))


def release_of(text: str) -> Version | None:
    """`text`, a version or what `git describe` says, as a release; None where it is none."""
    version = version_or_none(text)
    return None if version is None or version == _NONE or version.local else version


def newest_tags(repository: Repository) -> str:
    """The newest tags, for a person."""
    tags = repository.tags()
    newest = sorted(tags, key=lambda tag: version_or_none(tag) or _NONE, reverse=True)
    return ", ".join(f"`{tag}`" for tag in newest[:_SHOWN]) or "no tags"


def _ref_of(repository: Repository, version: str) -> str:
    """The name by which git knows `version`; empty where it knows none.

    A version goes before the beginning of a hash: `2024` is 2024.0 rather than the commit 2024ab.
    """
    if not version or any(repository.resolve(f"refs/{kind}/{version}") for kind in _NAMED):
        return version
    wanted = version_or_none(version)
    for tag in repository.tags() if wanted else ():
        if version_or_none(tag) == wanted:
            return tag
    return version if repository.resolve(version) else ""


def _no_version(repository: Repository, wanted: Wanted) -> NotKnownError:
    near: Sequence[str] = get_close_matches(wanted.version, repository.tags())
    return NotKnownError(
        f"tag, version, branch or commit of `{wanted.reference}`",
        wanted.version,
        tuple(near),
        f"Its newest tags are {newest_tags(repository)}.",
    )
