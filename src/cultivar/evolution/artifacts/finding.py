"""Finds what improves on the disk: the templates, tools and prompts of a workspace, and ours.

The invariant: what we ship is never written to. A better version of it stands in the workspace,
where it comes before ours.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from cultivar.errors import UnsafeError, UntrustedError, UsageError
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.templating.numbering import version_or_none
from cultivar.templating.origins.catalog import BUILTIN, Catalog, files_of
from cultivar.templating.reading.copier_yaml import config_file
from cultivar.templating.template import Template
from cultivar.tree import Tree, read_entry

PROMPT: Final = ".md.jinja"
"""How the name of a prompt's file ends."""

_TOOL: Final = ".py"
_NAME: Final = re.compile(r"(?!\.)[\w.-]+")
_PLAIN: Final = re.compile(r"[^\w-]+")
_TEMPLATES: Final = "templates_data"


class Folders(Record):
    """Where artifacts are."""

    workspace: Path
    """The user's; its `tools` and `agents` come before ours."""
    shipped: Path
    """Ours, inside the wheel; never written to."""
    trusted: bool = False
    """Whether Python of the workspace may run."""
    templates: tuple[Path, ...] = ()
    """The user's folders of templates; a better version of one of ours goes into the first."""


class Found(Record):
    """An artifact as it is on the disk."""

    artifact: Artifact
    tree: Tree
    """What is used."""
    place: Path
    """The file, or the template's folder, where a version of it is to stand."""
    version: str = ""
    """Of a template, as its own file says; of others empty."""
    trusted: bool = True
    """Of a template: whether its code may run. Of others that is asked where they are used."""
    shipped: bool = False
    """Whether what is used is ours, so that a better one at `place` comes before it."""


class Disk:
    """All artifacts on the disk.

    Args:
        folders: Where they are.
        catalog: Finds the templates in them.
    """

    def __init__(self, folders: Folders, catalog: Catalog) -> None:
        self._folders, self._catalog = folders, catalog

    @property
    def workspace(self) -> Path:
        """The user's folder."""
        return self._folders.workspace

    def found(self) -> Mapping[str, Found]:
        """All of them, by id; a template that is broken is left out."""
        each = [*self._templates(), *self._tools(), *self._prompts()]
        return {found.artifact.id: found for found in sorted(each, key=lambda one: one.artifact.id)}

    def at(self, artifact: Artifact) -> Found | None:
        """One of them; None where nothing of it is on the disk."""
        by_kind = {"template": self._templates, "tool": self._tools, "prompt": self._prompts}
        return next((each for each in by_kind[artifact.kind]() if each.artifact == artifact), None)

    def place_of(self, artifact: Artifact) -> Path:
        """Where a version is to stand, also of an artifact of which nothing is on the disk.

        Raises:
            UnsafeError: Its name leads elsewhere; a record that others write to may hold any.
        """
        found = self.at(artifact)
        if found is not None:
            return found.place
        _refuse_leading_out(artifact)
        if artifact.kind == "tool":
            return self._folders.workspace / "tools" / f"{artifact.name}{_TOOL}"
        if artifact.kind == "prompt":
            return self._folders.workspace / "agents" / f"{artifact.name}{PROMPT}"
        # Folders whose names begin with `_` are not looked into.
        return self._templates_folder() / (_PLAIN.sub("_", artifact.name).strip("_") or "template")

    def has_room(self, place: Path) -> bool:
        """Whether a place is inside this workspace, or a folder of the user's templates."""
        inside = (self._folders.workspace, *self._folders.templates)
        return any(place.is_relative_to(folder.resolve()) for folder in inside)

    def shipped(self, artifact: Artifact) -> Tree:
        """What we ship of an artifact; an empty tree where that is nothing."""
        place, folders = self.place_of(artifact), self._folders
        if artifact.kind == "template":
            inside, ours = self._templates_folder(), folders.shipped / _TEMPLATES
        else:
            inside, ours = folders.workspace, folders.shipped
        if folders.shipped in {folders.workspace, inside} or not place.is_relative_to(inside):
            return Tree({})
        return tree_at(ours / place.relative_to(inside), artifact)

    def refuse_unused(self, artifact: Artifact, found: Found | None) -> None:
        """Refuse to put a version where nobody would find it, or may use it.

        Raises:
            UsageError: There is no folder that templates are looked for in.
            UntrustedError: It is a tool in the place of one that we ship, in a workspace that is
                not trusted.
        """
        folders, ours = self._folders, found is not None and found.shipped
        if artifact.kind == "template" and (ours or found is None) and not folders.templates:
            raise UsageError(
                f"There is no folder for a better version of {artifact.name!r}.",
                "Set `template_paths` in `cultivar.yaml`; `cultivar init` does so.",
            )
        if artifact.kind == "tool" and ours and not folders.trusted:
            raise UntrustedError(
                f"A better version of {artifact.name!r} would stand in `{folders.workspace}`, and "
                "Python of that workspace is not trusted.",
                "Add the workspace to `trust` in your own settings, or set `CULTIVAR_TRUST`.",
            )

    def _templates(self) -> Iterator[Found]:
        for _, versions in groupby(self._catalog.all(), key=lambda each: each.ref.id):
            template = _newest(list(versions))
            place = self._place_of(template)
            if place is not None:
                yield Found(
                    artifact=Artifact(kind="template", name=template.ref.id),
                    tree=template.tree,
                    place=place,
                    version=template.ref.version,
                    trusted=template.ref.trusted,
                    shipped=template.ref.origin == BUILTIN,
                )

    def _place_of(self, template: Template) -> Path | None:
        """Where a version of it is to stand; None of one that is no folder with a `copier.yml`."""
        origin, file = template.ref.origin, config_file(template.tree)
        stands = self._catalog.place_of(template) if origin == BUILTIN else Path(origin)
        if stands is None or not file or not (stands / file).is_file():
            return None
        if origin != BUILTIN:
            return stands
        inside = stands.relative_to(self._folders.shipped / _TEMPLATES)
        return self._templates_folder() / inside

    def _templates_folder(self) -> Path:
        """Where the user's templates are, or would be."""
        folders = self._folders
        return (folders.templates or (folders.workspace / _TEMPLATES,))[0]

    def _tools(self) -> Iterator[Found]:
        for name, file in self._first("tools", f"*{_TOOL}").items():
            if not name.startswith("_") and _declares(file, name.removesuffix(_TOOL)):
                yield self._file("tool", name.removesuffix(_TOOL), file, f"tools/{name}")

    def _prompts(self) -> Iterator[Found]:
        for name, file in self._first("agents", f"*/*{PROMPT}").items():
            yield self._file("prompt", name.removesuffix(PROMPT), file, f"agents/{name}")

    def _first(self, folder: str, pattern: str) -> Mapping[str, Path]:
        """By the path in `folder`, the workspace's files and those of ours that it has not."""
        found: dict[str, Path] = {}
        for root in (self._folders.shipped, self._folders.workspace):
            for file in sorted((root / folder).glob(pattern)):
                if file.is_file() and not file.is_symlink():
                    found[file.relative_to(root / folder).as_posix()] = file
        return found

    def _file(self, kind: str, name: str, file: Path, inside: str) -> Found:
        place = self._folders.workspace / inside
        return Found(
            artifact=Artifact(kind="tool" if kind == "tool" else "prompt", name=name),
            tree=Tree({file.name: read_entry(file)}),
            place=place,
            shipped=file != place,
        )


def tree_at(place: Path, artifact: Artifact) -> Tree:
    """What stands at a place; an empty tree where nothing does."""
    if artifact.kind == "template":
        return files_of(place) if place.is_dir() else Tree({})
    return Tree({place.name: read_entry(place)}) if place.is_file() else Tree({})


def refuse_strange(artifact: Artifact, place: Path, tree: Tree) -> None:
    """Refuse files that are no version of a tool or a prompt: that is one file, of that name.

    Raises:
        UnsafeError: They are others.
    """
    if artifact.kind == "template":
        return
    if [*tree] != [place.name] or tree[place.name].mode == "link":
        raise UnsafeError(
            f"A version of {artifact.id} is the one file `{place.name}`, and not "
            f"{', '.join(f'`{path}`' for path in tree) or 'nothing'}."
        )


def _refuse_leading_out(artifact: Artifact) -> None:
    parts = artifact.name.split("/") if artifact.kind == "prompt" else [artifact.name]
    wanted = 2 if artifact.kind == "prompt" else 1
    named = all(_NAME.fullmatch(part) for part in parts) or artifact.kind == "template"
    if len(parts) != wanted or not named:
        raise UnsafeError(f"{artifact.name!r} is no name of a {artifact.kind}.")


def _newest(versions: list[Template]) -> Template:
    """The one that is used of a template's versions, which come the newest first."""
    numbers = [version_or_none(each.ref.version) for each in versions]
    released = (
        each
        for each, number in zip(versions, numbers, strict=True)
        if number is None or not number.is_prerelease
    )
    return next(released, versions[0])


def _declares(file: Path, name: str) -> bool:
    """Whether a file has a decorated function of that name; also if it is no Python any more."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return True
    functions = (each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(each.name == name and each.decorator_list for each in functions)
