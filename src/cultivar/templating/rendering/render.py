"""Renders a template to a tree: a pure function, in memory, to the byte what Copier writes.

The invariant: nothing is written, no process is started, and what a template can make lies inside
of the tree that comes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from cultivar.errors import TemplateError, UnconfinedError, UnsafeError
from cultivar.model import Answers, Json
from cultivar.record import Record, field
from cultivar.templating.jinja.context import ExternalData, context_of
from cultivar.templating.jinja.environment import (
    cached_environment,
    environment_of,
    failures_in,
    follow,
    render_text,
)
from cultivar.templating.jinja.extensions import foreign, is_loading
from cultivar.templating.jinja.guards import GuardedEnvironment
from cultivar.templating.jinja.loops import PathLoop, path_loops
from cultivar.templating.rendering.markers import MarkedEnvironment, Slot
from cultivar.templating.rendering.patterns import matcher_of
from cultivar.templating.rendering.sources import SourceFile, source_files
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree

DEFAULT_ANSWERS_FILE: Final = ".copier-answers.yml"
"""Copier's own, where a template names none."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_LINES = re.compile(r"\r\n|\r|\n")
_LONGEST_NAME: Final = 255

_Scope: TypeAlias = Mapping[str, Any]
"""The variables of loops over files, which a path's file sees too."""


class Rendered(Record):
    """What a template and answers make."""

    tree: Tree
    slots: tuple[Slot, ...] = ()
    skip_if_exists: tuple[str, ...] = ()
    """Paths of the tree that are not to be written where a file stands already."""
    message: str = ""
    """What the template says to a person when all is done."""


def render(
    template: Template,
    answers: Answers,
    *,
    secrets: Mapping[str, Json] = _NOTHING,
    folder_name: str = "project",
    existing: Mapping[str, Entry] = _NOTHING,
) -> Rendered:
    """Render `template` with `answers`.

    Args:
        template: What to render.
        answers: A value for each question.
        secrets: The values of secret answers, which `answers` has placeholders for.
        folder_name: The name of the folder that it will stand in.
        existing: The files in that folder, for templates that read data from there.

    Raises:
        TemplateError: The template is broken.
        UnsafeError: It reaches out of its place, or takes more than any template should.
        UntrustedError: It has extensions, and is not trusted.
        UnconfinedError: It has extensions that run behind a wall only: see `making.jobs`.
    """
    environment = environment_of(template.rules, template.tree, trusted=template.ref.trusted)
    if needs_worker(template):
        raise UnconfinedError(
            f"The extensions of {template.ref.id!r} do not run in this process.",
            "Render it in the sandbox.",
        )
    marked = cached_environment(
        MarkedEnvironment, template.rules, template.tree, trusted=template.ref.trusted
    )
    context = context_of(template, answers, secrets=secrets, folder_name=folder_name)
    return render_in(environment, marked, template, context, existing)


def needs_worker(template: Template) -> bool:
    """Whether the template has extensions that are somebody's own code, which is not run here."""
    return not is_loading() and bool(foreign(template.rules.jinja_extensions))


def render_in(
    environment: GuardedEnvironment,
    marked: MarkedEnvironment,
    template: Template,
    context: dict[str, Any],
    existing: Mapping[str, Entry],
) -> Rendered:
    """Render `template` in an environment and its twin that marks slots."""
    job = _Rendering(template=template, environment=environment, marked=marked, context=context)
    context["_external_data"] = ExternalData(template.rules.external_data, job.text, existing)
    with environment.meter.running(), marked.meter.running():
        context["_copier_conf"]["answers_file"] = PurePosixPath(job.answers_file)
        return job.result()


class _Rendering(Record, dict=True):
    """One render, with what it has worked out already."""

    template: Template
    environment: GuardedEnvironment
    marked: MarkedEnvironment
    context: dict[str, Any]
    _parts: dict[str, tuple[str, tuple[PathLoop, ...]]] = field(
        default_factory=dict[str, tuple[str, tuple[PathLoop, ...]]]
    )

    def text(self, text: str, file: str = "copier.yml") -> str:
        """A text of the template's settings, rendered."""
        return render_text(self.environment, text, self.context, file=file)

    @cached_property
    def answers_file(self) -> str:
        """Where the template's answers file is to stand."""
        asked = self.template.rules.answers_file or DEFAULT_ANSWERS_FILE
        return str(PurePosixPath(self.text(asked)))

    @cached_property
    def root(self) -> str:
        """The folder of the template that is copied; empty: all of it."""
        folder = self.text(self.template.rules.subdirectory)
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or "\\" in folder:
            raise UnsafeError(
                f"`_subdirectory` is {folder!r}, which is outside of the template.",
                "Name a folder of the template.",
            )
        return "" if str(path) == "." else str(path)

    @cached_property
    def sources(self) -> Mapping[str, SourceFile]:
        """The template's files, by the path at which they are seen."""
        keep_links = self.template.rules.preserve_symlinks
        found = source_files(self.template.tree, self.root, keep_links=keep_links)
        return {source.path: source for source in found}

    @cached_property
    def seen(self) -> frozenset[str]:
        """The paths of `sources` and of their folders."""
        return _with_folders(self.sources)

    @cached_property
    def placed(self) -> frozenset[str]:
        """The paths of the template's files and folders."""
        return _with_folders(self.template.tree)

    @cached_property
    def excluded(self) -> Callable[[str], bool]:
        """Whether a path of the result is left out."""
        patterns = map(self.text, self.template.rules.exclude)
        return matcher_of([line for pattern in patterns for line in _LINES.split(pattern)])

    @cached_property
    def with_slots(self) -> frozenset[str]:
        """The files of the template that may hold a slot."""
        files = self.template.tree.items()
        return frozenset(path for path, entry in files if b"slot" in entry.content)

    def _reached_slots(self) -> bool:
        """Whether one of the files just used may hold a slot."""
        tree, used = self.template.tree, self.environment.meter.loaded
        return bool(self.with_slots) and any(follow(tree, name) in self.with_slots for name in used)

    def result(self) -> Rendered:
        """The whole tree."""
        entries: dict[str, Entry] = {}
        slots: list[Slot] = []
        for source in self.sources.values():
            for path, scope in self.targets(source):
                if not self.excluded(path):
                    entry, found = self.entry(source, path, scope)
                    _add(entries, path, entry, source)
                    slots.extend(found)
        skipped = matcher_of(map(self.text, self.template.rules.skip_if_exists))
        tree = Tree(entries)
        return Rendered(
            tree=tree,
            slots=tuple(sorted(slots, key=lambda slot: (slot.path, slot.start))),
            skip_if_exists=tuple(path for path in tree if skipped(path)),
            message=self.text(self.template.rules.message_after_copy),
        )

    def targets(self, source: SourceFile) -> Iterator[tuple[str, _Scope]]:
        """The paths that a file of the template makes, with the variables of each."""
        suffix = self.template.rules.templates_suffix
        path = PurePosixPath(source.path)
        is_template = path.name.endswith(suffix)
        if suffix and f"{path}{suffix}" in self.seen:
            return  # the template of the same name stands for it
        if suffix and is_template:
            path = path.with_suffix("")
        for target, scope in self._spread(path.parts, (), _NOTHING, source):
            if is_template or f"{target}{suffix}" not in self.placed:
                yield target, scope

    def _spread(
        self, parts: tuple[str, ...], done: tuple[str, ...], scope: _Scope, source: SourceFile
    ) -> Iterator[tuple[str, _Scope]]:
        if not parts:
            yield str(PurePosixPath(*done)), scope
            return
        for part, inner in self._names(parts[0], scope, source):
            if part == self.answers_file:
                yield part, inner
            elif part:
                yield from self._spread(parts[1:], (*done, part), inner, source)

    def _names(self, part: str, scope: _Scope, source: SourceFile) -> Iterator[tuple[str, _Scope]]:
        """What one name of a path becomes: itself, nothing, or one for each turn of its loop."""
        name, loops = self._name(part, scope, source)
        if not loops:
            yield name, scope
            return
        with failures_in(source.source):
            values = list(loops[0].values or ())
        for value in values:
            inner = {**scope, loops[0].name: value}
            yield self._name(part, inner, source)[0], inner

    def _name(
        self, part: str, scope: _Scope, source: SourceFile
    ) -> tuple[str, tuple[PathLoop, ...]]:
        if not scope and part in self._parts:
            return self._parts[part]
        context = {**self.context, **scope} if scope else self.context
        with path_loops() as loops:
            name = render_text(self.environment, part, context, file=source.source)
        if not scope:
            self._parts[part] = name, tuple(loops)
        return name, tuple(loops)

    def entry(self, source: SourceFile, path: str, scope: _Scope) -> tuple[Entry, tuple[Slot, ...]]:
        """What stands at `path`, and the slots in it."""
        if scope:
            self.environment.meter.charge(len(source.entry.content))
        suffix = self.template.rules.templates_suffix
        if not PurePosixPath(source.path).name.endswith(suffix):
            return source.entry, ()
        if source.entry.mode == "link":
            target = self.text(source.entry.content.decode(errors="surrogateescape"))
            return Entry(content=target.encode(errors="surrogateescape"), mode="link"), ()
        if not suffix and not _is_text(source.entry.content):
            return source.entry, ()
        text, slots = self._file(source, path, {**self.context, **scope})
        return Entry(content=text.encode(), mode=source.entry.mode), slots

    def _file(
        self, source: SourceFile, path: str, context: Mapping[str, Any]
    ) -> tuple[str, tuple[Slot, ...]]:
        with failures_in(source.source):
            self.environment.meter.loaded.clear()
            with path_loops() as loops:
                text = self.environment.get_template(source.source).render(context)
            if loops:
                raise TemplateError(
                    "The tag `yield` stands in a file; only a path's name loops over files.",
                    file=source.source,
                    remedy="Use `for` here.",
                )
            if not self._reached_slots():
                return text, ()
            marked = self.marked.get_template(source.source).render(context)
        plain, slots = self.marked.read_marks(marked, path)
        if plain != text:
            raise TemplateError(
                "A slot stands where it changes what is rendered.",
                file=source.source,
                remedy="Take it out of filter blocks and of `set` blocks.",
            )
        return text, slots


def _with_folders(paths: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _add(entries: dict[str, Entry], path: str, entry: Entry, source: SourceFile) -> None:
    _refuse_disguised(path)
    if entries.get(path, entry) != entry:
        raise TemplateError(
            f"A second file, with another content, becomes {path!r}.",
            file=source.source,
            remedy="Let each file of the template have a name of its own.",
        )
    entries[path] = entry


def _refuse_disguised(path: str) -> None:
    """Refuse names that some file system, archive or web server takes for ones that lead out."""
    shown = unquote(unquote(path))
    parts = [part.rstrip(". ").lower() for part in shown.split("/")]
    if ".." in shown.split("/") or shown.startswith("/") != path.startswith("/") or "\\" in shown:
        raise UnsafeError(
            f"The path {path!r} leads out of the destination.",
            "Use a relative path with no `..` in it.",
        )
    if "\0" in shown or ".git" in parts or "git~1" in parts:
        raise UnsafeError(f"The path {path!r} is inside a git repository's own folder.")
    try:
        longest = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError as error:
        raise TemplateError(
            f"The path {path!r} is not UTF-8.", remedy="Rename the file in the template."
        ) from error
    if longest > _LONGEST_NAME:
        raise TemplateError(f"The path {path[:80]!r}… has a name of {longest} bytes.")
