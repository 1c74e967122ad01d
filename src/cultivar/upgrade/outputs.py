"""What was generated in a folder, as the answers files in it say.

The invariant: what an answers file says is data. Nothing that it names is looked at, fetched or
run here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from cultivar.errors import CultivarError, TemplateError, UnavailableError, UsageError
from cultivar.record import Record
from cultivar.templating.origins.git import git_address, run_git
from cultivar.templating.questions.answers_file import SUFFIX, KeptAnswers, read_answers_file

_COPIERS: Final = ".copier-answers*.y*ml"
_YAML: Final = (".yml", ".yaml")
_HEAD: Final = 8192
"""How much of a file is looked at to see whether it is an answers file; metadata comes first."""

_SAYS_WHAT_MADE_IT: Final = re.compile(rb"^[\"']?_(?:template_id|src_path)[\"']?\s*:", re.MULTILINE)
_JUNK: Final = frozenset(
    {"node_modules", "__pycache__", "site-packages", "venv", "dist", "build", "target", "_build"}
)
"""Folders that hold what others made, besides those whose name begins with a dot."""


class Output(Record):
    """Something that a template made, and what its answers file says of it."""

    folder: Path
    """Absolute: its root."""
    answers_file: str
    """The path of its answers file, relative to the folder."""
    kept: KeptAnswers
    file: str = ""
    """The single file that it is, relative to the folder; empty: it is a folder of files."""

    @property
    def template_id(self) -> str:
        """The id of the template; where the file has none, what its address would make it."""
        if self.kept.template_id:
            return self.kept.template_id
        name = self.origin.rstrip("/").replace(":", "/").rpartition("/")[2]
        return name.removesuffix(".git")

    @property
    def version(self) -> str:
        """The version of the template: Copier's `_commit`, where there is no other."""
        return self.kept.template_version

    @property
    def origin(self) -> str:
        """Where the template came from (`_src_path`); empty: the catalog has it."""
        return str(self.kept.metadata.get("_src_path") or "")

    @property
    def commit(self) -> str:
        """The tag or commit of the template (`_commit`)."""
        return str(self.kept.metadata.get("_commit") or "")

    @property
    def path(self) -> Path:
        """Absolute: its one file, or its folder."""
        return self.folder / self.file if self.file else self.folder

    @property
    def maker(self) -> str:
        """What made it, for a person."""
        named = self.origin or self.template_id or "a template that it does not name"
        return f"{named} {self.version}".rstrip()

    def is_of(self, template: str) -> bool:
        """Whether `template`, an id or an address, made it; an empty one may have."""
        if template in {"", self.template_id, self.origin}:
            return True
        here = _address(self.origin)
        return here is not None and _address(template) == here


class Survey(Record):
    """All outputs in a folder and below it."""

    outputs: tuple[Output, ...]
    broken: tuple[CultivarError, ...] = ()
    """What is wrong with the answers files that cannot be read."""


def outputs(folder: Path) -> tuple[Output, ...]:
    """What was generated in `folder` itself, by the names of the answers files.

    Raises:
        TemplateError: An answers file cannot be read; with its line.
    """
    folder = folder.resolve()
    found = (output_in(path) for path in sorted(_answers_files_at(folder)))
    return tuple(output for output in found if output.folder == folder)


def survey(folder: Path) -> Survey:
    """What was generated in `folder` and below it; what git ignores there is passed over."""
    folder = folder.resolve()
    paths = {*_answers_files_at(folder), *filter(is_answers_file, files_below(folder, _YAML))}
    found: list[Output] = []
    broken: list[CultivarError] = []
    for path in sorted(paths):
        try:
            found.append(output_in(path))
        except CultivarError as error:
            broken.append(error)
    return Survey(outputs=tuple(found), broken=tuple(broken))


def output_in(path: Path) -> Output:
    """The output of the answers file at `path`.

    Raises:
        TemplateError: It cannot be read; with its line.
        UsageError: There is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"The answers file {str(path)!r} cannot be read: {error.strerror}."
        raise UsageError(what) from error
    kept = _as_written(read_answers_file(content, str(path)), content, str(path))
    root = _root_of(path)
    answers_file = path.relative_to(root).as_posix()
    of_a_file = path.name.endswith(SUFFIX) and path.name != SUFFIX
    file = answers_file.removesuffix(SUFFIX) if of_a_file else ""
    return Output(folder=root, answers_file=answers_file, kept=kept, file=file)


def is_answers_file(path: Path) -> bool:
    """Whether `path` is an answers file, by its name or by what it says."""
    if not path.is_file():
        return False
    if path.name.endswith(SUFFIX) or is_copiers(path.name):
        return True
    if path.suffix not in _YAML:
        return False
    with suppress(OSError), path.open("rb") as file:
        return _SAYS_WHAT_MADE_IT.search(file.read(_HEAD)) is not None
    return False


def is_copiers(path: str) -> bool:
    """Whether `path` has a name that Copier gives to answers files."""
    return fnmatch(path.rpartition("/")[2], _COPIERS)


def _address(reference: str) -> str | None:
    """What `reference` is as an address or as a folder; None where it is an id."""
    try:
        address = git_address(reference)
    except UsageError:  # it climbs, and is no address for anybody
        return None
    folder = Path(reference).expanduser()
    return address or (str(folder.resolve()) if "/" in reference else None)


def files_below(folder: Path, suffixes: tuple[str, ...] = ("",)) -> Iterator[Path]:
    """The files below `folder` whose names end so: those that git knows of, or all without git."""
    try:
        listed = run_git(
            *("-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
            *("--", *(f"*{suffix}" for suffix in suffixes)),
        )
    except UnavailableError:
        yield from _walk(folder, suffixes)
        return
    for name in sorted({*os.fsdecode(listed).split("\0")}):
        if name and not _JUNK.intersection(name.split("/")):
            yield folder / name


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _JUNK and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), suffixes)
        elif entry.name.endswith(suffixes):
            yield Path(entry.path)


def _as_written(kept: KeptAnswers, content: bytes, file: str) -> KeptAnswers:
    """`kept`, with what YAML took for a number as it is written: a version of 1.10 is not 1.1.

    Raises:
        TemplateError: What says where it came from is no text.
    """
    written = dict(kept.metadata)
    for name in ("_template_id", "_template_version", "_src_path", "_commit"):
        value = written.get(name)
        if value is None or isinstance(value, str):
            continue
        line, text = _line_of(name, content)
        if isinstance(value, bool | list | dict):
            raise TemplateError(
                f"`{name}` is {value!r}.", file=file, line=line, remedy="Expected is a text."
            )
        written[name] = text or str(value)
    return KeptAnswers(answers=kept.answers, metadata=written)


def _line_of(name: str, content: bytes) -> tuple[int | None, str]:
    """The line on which `name` is given, and its value there without a comment."""
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if found := re.match(rf"[\"']?{name}[\"']?\s*:\s*([^#]*)", line):
            return number, found[1].strip()
    return None, ""


def _root_of(path: Path) -> Path:
    """The folder that an answers file speaks of: where it stands, hidden folders aside."""
    folder = path.parent
    while folder.name.startswith(".") and not (folder / ".git").exists():
        if folder.parent in {Path.home(), folder}:
            break
        folder = folder.parent
    return folder


def _answers_files_at(folder: Path) -> Iterator[Path]:
    """The answers files of `folder`: in it, or in one of its hidden folders."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name.startswith(".") and entry.name != ".git":
                within = (Path(each.path) for each in _entries(Path(entry.path)))
                yield from filter(is_answers_file, within)
        elif is_answers_file(Path(entry.path)):
            yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What stands in `folder`; nothing, where it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
