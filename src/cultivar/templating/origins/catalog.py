"""The catalog: from a reference, an id or a folder or a git address, to a template.

The invariant: one broken template never keeps another from being found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeAlias

from packaging.version import Version

from cultivar.errors import CultivarError, NotKnownError, TemplateError, UsageError
from cultivar.record import Record
from cultivar.templating.numbering import version_or_none
from cultivar.templating.origins.git import (
    Repository,
    cached,
    git_address,
    local_repository,
    mirror,
    on_this_machine,
    without_credentials,
)
from cultivar.templating.origins.submodules import with_submodules
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, read_entry, read_tree

Signature: TypeAlias = tuple[tuple[str, int, int], ...]
"""Path, time and size of every file of a template: as long as it is the same, so are they."""

BUILTIN: Final = "builtin"
"""The origin of the templates that we ship."""

_IGNORED: Final = frozenset(
    {".git", "__pycache__", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_CONFIGS: Final = frozenset({"copier.yml", "copier.yaml"})
_DEPTH: Final = 6
_MAX_FILES: Final = 20_000
_MAX_BYTES: Final = 256 * 2**20
_MAX_JSON: Final = 2**20
_FIRST: Final = Version("0.0.0.dev0")


class _Found(Record):
    """A template's folder, or its JSON file."""

    path: Path
    origin: str


class Catalog:
    """All templates that can be named.

    Args:
        folders: Where templates are looked for, the first one before the others.
        cache: Where clones are kept.
        trust: Origins, or what they start with, whose code may run.
        builtin: The folders of the templates that we ship; looked into last, and trusted.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        cache: Path,
        trust: Sequence[str] = (),
        *,
        builtin: Sequence[Path] = (),
    ) -> None:
        self._folders, self._builtin = tuple(folders), tuple(builtin)
        self._cache, self._trust = cache, tuple(trust)
        self._loaded: dict[Path, tuple[Signature, Template | CultivarError]] = {}

    def all(self) -> tuple[Template, ...]:
        """The templates in the folders, by id, the newest version first."""
        unique: dict[tuple[str, str], Template] = {}
        for _, loaded in self._scan():
            if isinstance(loaded, Template):
                unique.setdefault((loaded.ref.id, loaded.ref.version), loaded)
        newest_first = sorted(unique.values(), key=_version, reverse=True)
        return tuple(sorted(newest_first, key=lambda template: template.ref.id))

    @property
    def broken(self) -> Mapping[str, CultivarError]:
        """What is wrong with the templates that cannot be loaded, by their place."""
        return {
            str(found.path): loaded
            for found, loaded in self._scan()
            if isinstance(loaded, CultivarError)
        }

    def find(self, reference: str, ref: str = "", *, pre_releases: bool = False) -> Template:
        """The template that `reference` names.

        Args:
            reference: An id, a folder, a JSON file, or a git address.
            ref: A tag, branch or commit; of an id, a version. The newest release without it.
            pre_releases: Whether the newest may be a pre-release.

        Raises:
            NotKnownError: There is none; with the nearest ids.
            TemplateError: It is broken.
            UnavailableError: Its repository cannot be reached.
        """
        if reference.startswith("-") or ref.startswith("-"):
            raise UsageError(
                f"{(reference if reference.startswith('-') else ref)!r} looks like an option.",
                "A template and a ref never begin with `-`.",
            )
        address = git_address(reference)
        if address is not None:
            # First, since no id looks like one: what is in the folders need not be read for it.
            repository = mirror(address, self._cache, ref)
            return self.read(repository, reference, ref, pre_releases=pre_releases)
        named = [each for each in self.all() if each.ref.id == reference]
        if named:
            return _of_version(named, ref, pre_releases)
        path = Path(reference).expanduser()
        if reference and path.exists():
            return self._at(path, ref, pre_releases)
        raise self._unknown(reference)

    def place_of(self, template: Template) -> Path | None:
        """Where one of `all` stands, its folder or its file; None of one that is not among them."""
        return next((found.path for found, loaded in self._scan() if loaded is template), None)

    def repository(self, reference: str, ref: str = "") -> Repository | None:
        """The repository at `reference`, a folder or a git address, brought up to date once.

        Any number of versions can then be `read` from it.

        Args:
            reference: Where it is.
            ref: A tag, branch or commit that it must have; where it has, nothing is fetched.

        Returns:
            None where `reference` is a template without a repository.

        Raises:
            UnavailableError: It cannot be reached.
        """
        path = Path(reference).expanduser()
        if reference and path.is_dir():
            return local_repository(path)
        address = str(path.resolve()) if path.suffix == ".bundle" else git_address(reference)
        if address is None:
            return None
        return on_this_machine(address) or mirror(address, self._cache, ref)

    def known_copy(self, reference: str) -> Repository | None:
        """What there is of the repository at `reference` without a network."""
        address = git_address(reference)
        return None if address is None else cached(address, self._cache)

    def read(
        self, repository: Repository, reference: str, ref: str = "", *, pre_releases: bool = False
    ) -> Template:
        """The template in `repository`, which is the one at `reference`; else as `find` does.

        Raises:
            NotKnownError: There is no such tag, branch or commit.
        """
        origin = without_credentials(reference)
        checkout = repository.checkout(ref, pre_releases=pre_releases)
        tree = with_submodules(checkout, git_address(reference) or reference, self._cache)
        return parse_template(
            tree, origin=origin, ref=checkout.described, trusted=self._trusts(origin)
        )

    def _unknown(self, reference: str) -> CultivarError:
        for place, error in self.broken.items():
            if Path(place).name.replace("_", "-") == reference.rpartition(":")[2].replace("_", "-"):
                return error
        near = get_close_matches(reference, {each.ref.id for each in self.all()}, cutoff=0.4)
        return NotKnownError(
            "template", reference, tuple(near), "A folder or a git address will do, too."
        )

    def _at(self, path: Path, ref: str, pre_releases: bool) -> Template:
        """The template in the folder or file at `path`."""
        path = path.resolve()
        repository = local_repository(path) if path.is_dir() else None
        if repository is not None:
            return self.read(repository, str(path), ref, pre_releases=pre_releases)
        if path.suffix == ".bundle":
            copy = mirror(str(path), self._cache, ref)
            return self.read(copy, str(path), ref, pre_releases=pre_releases)
        loaded = self._attempt(_Found(path=path, origin=str(path)))
        if isinstance(loaded, CultivarError):
            raise loaded
        return _of_version([loaded], ref, pre_releases)

    def _scan(self) -> Iterator[tuple[_Found, Template | CultivarError]]:
        for folder in self._folders:
            for path in _templates_in(folder):
                yield self._load(_Found(path=path, origin=str(path.resolve())))
        for folder in self._builtin:
            for path in _templates_in(folder):
                yield self._load(_Found(path=path, origin=BUILTIN))

    def _load(self, found: _Found) -> tuple[_Found, Template | CultivarError]:
        try:
            signature = _signature(found.path)
        except OSError as error:
            return found, _unreadable(error)
        known = self._loaded.get(found.path)
        if known is None or known[0] != signature:
            known = signature, self._attempt(found)
            self._loaded[found.path] = known
        return found, known[1]

    def _attempt(self, found: _Found) -> Template | CultivarError:
        try:
            return self._parse(found)
        except CultivarError as error:
            return error
        except OSError as error:
            return _unreadable(error)

    def _parse(self, found: _Found) -> Template:
        trusted = self._trusts(found.origin)
        return parse_template(files_of(found.path), origin=found.origin, trusted=trusted)

    def _trusts(self, origin: str) -> bool:
        if origin == BUILTIN:
            return True
        starts = [form for entry in self._trust for form in _forms(entry)]
        return any(_under(form, start) for form in _forms(origin) for start in starts)


def _unreadable(error: OSError) -> TemplateError:
    return TemplateError(f"{error.filename!r} cannot be read: {error.strerror}.")


def _of_version(found: Sequence[Template], ref: str, pre_releases: bool) -> Template:
    """The newest of `found`, which have one id; with `ref`, the one of that version."""
    if ref:
        for each in found:
            if ref == each.ref.version or version_or_none(ref) == _version(each):
                return each
        versions = tuple(each.ref.version for each in found)
        raise NotKnownError(f"version of `{found[0].ref.id}`", ref, versions)
    released = [each for each in found if pre_releases or not _version(each).is_prerelease]
    return max(released or found, key=_version)


def _version(template: Template) -> Version:
    return version_or_none(template.ref.version) or _FIRST


def _forms(place: str) -> set[str]:
    """An origin as it is written and as git takes it: `gh:acme/x`, `https://github.com/acme/x`."""
    return {_normal(place), _normal(git_address(place) or place)}


def _normal(place: str) -> str:
    """An origin, or the start of one, in the form in which they are compared."""
    if place.startswith(("/", "~", ".")):
        return str(Path(place).expanduser().resolve())
    return place.removesuffix(".git")


def _under(origin: str, start: str) -> bool:
    """Whether `origin` is `start` or below it: `…/acme` is not the start of `…/acme-evil`."""
    if not start:
        return False
    return origin == start or origin.startswith(start if start[-1] in "/:" else f"{start}/")


def _templates_in(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The folders and JSON files under `folder` that are templates."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    files = [entry.name for entry in entries if entry.is_file()]
    if any(name.lower() in _CONFIGS for name in files):
        yield folder
        return
    old = [name for name in files if _is_old(folder / name)]
    if len(old) == 1 and depth:
        yield folder
        return
    yield from (folder / name for name in old)
    if depth < _DEPTH:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith((".", "_")):
                yield from _templates_in(folder / entry.name, depth + 1)


def _is_old(path: Path) -> bool:
    from cultivar.templating.reading.first_system import is_first_system

    with suppress(OSError):
        if path.suffix == ".json" and path.stat().st_size <= _MAX_JSON:
            return is_first_system(path.read_bytes())
    return False


def _signature(path: Path) -> Signature:
    """What changes when a file of the template does."""
    if path.is_file():
        return ((path.name, path.stat().st_mtime_ns, path.stat().st_size),)
    return tuple(_stats(path))


def _stats(root: Path) -> Iterator[tuple[str, int, int]]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - _IGNORED)
        for name in sorted(set(files) - _IGNORED):
            path = f"{folder}/{name}"
            about = os.lstat(path)
            yield path, about.st_mtime_ns, about.st_size


def files_of(path: Path) -> Tree:
    """The files of the template at `path`, without those that tools leave beside them.

    Raises:
        TemplateError: There are too many, or they are too large, to be a template's.
    """
    if path.is_file():
        return Tree({path.name: read_entry(path)})
    count = total = 0
    for _, _, size in _stats(path):
        count, total = count + 1, total + size
        if count > _MAX_FILES or total > _MAX_BYTES:
            raise TemplateError(
                f"The folder {str(path)!r} is too large for a template.",
                remedy="Name the folder in which its `copier.yml` stands.",
            )
    return read_tree(path, ignore=_IGNORED)
