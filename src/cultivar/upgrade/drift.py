"""How an output stands against its template: out of date, edited, left with conflicts.

The invariant: nothing is written.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cultivar.errors import CultivarError, UnavailableError
from cultivar.record import Record
from cultivar.templating.origins.git import run_git
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree, read_entry
from cultivar.upgrade.alignment import lines_of, same_lines
from cultivar.upgrade.merging.base import Trees
from cultivar.upgrade.merging.marking import has_markers
from cultivar.upgrade.merging.pairing import own_moves
from cultivar.upgrade.outputs import Output, files_below, is_copiers
from cultivar.upgrade.sources import Base, Render, Sources
from cultivar.upgrade.versions import same_version
from cultivar.upgrades import UpgradeOrder

Change = Literal["edited", "deleted", "moved"]

_LARGEST: Final = 2**20
"""Files of more bytes are not looked at when it is asked where a file was moved."""

_Counts: TypeAlias = tuple[int, int]


class FileDrift(Record):
    """A generated file that is not as it was generated."""

    path: str
    """Where it was generated."""
    change: Change
    moved_to: str = ""
    added: int = 0
    """How many lines it has more."""
    removed: int = 0
    """How many of its lines are gone."""


class Standing(Record):
    """How one output stands."""

    output: Output
    version: str
    """The version of the template that made it."""
    newest: str = ""
    """The newest version; empty: it is not known."""
    outdated: bool = False
    """Whether there is a newer version."""
    questions: tuple[str, ...] = ()
    """The questions of the newest version that its answers file has no answer to."""
    files: tuple[FileDrift, ...] = ()
    conflicts: tuple[str, ...] = ()
    """The files in which an upgrade left a conflict that nobody has settled."""
    problems: tuple[CultivarError, ...] = ()
    """Why something of this is not known."""

    @property
    def clean(self) -> bool:
        """Whether nothing is to be done: it is up to date, without conflicts, and all is known."""
        return not (self.outdated or self.conflicts or self.problems)


class Examiner(Record):
    """Says how outputs stand."""

    sources: Sources
    render: Render
    """Makes again what the old template made, where the ledger does not have it."""

    def standing(self, output: Output, order: UpgradeOrder) -> Standing:
        """How `output` stands, against the version that an upgrade by `order` would bring."""
        problems: list[CultivarError] = []
        base = made = newest = None
        try:
            newest = self.sources.newest(output, order)
        except CultivarError as error:
            problems.append(error)
        try:
            base = self.sources.base(output, order)
            made = self._made(base)
        except CultivarError as error:
            problems.append(error)
        files = tuple(_drift(made, output)) if made is not None else ()
        return Standing(
            output=output,
            version=output.version,
            newest=_shown(newest, output) if newest else "",
            outdated=newest is not None and _is_newer(newest, output, base),
            questions=_unanswered(newest, output) if newest else (),
            files=files,
            conflicts=_conflicts(output.folder, files),
            problems=tuple(problems),
        )

    def _made(self, base: Base) -> Tree | None:
        if base.tree is not None or base.template is None:
            return base.tree
        return self.render(base.template, base.given)[1]


def _shown(newest: Template, output: Output) -> str:
    """The version of `newest` in the words of the answers file."""
    own = output.kept.metadata.get("_template_version")
    return newest.ref.version if own or not newest.ref.ref else newest.ref.ref


def _is_newer(newest: Template, output: Output, base: Base | None) -> bool:
    """Whether `newest` is not what made the output; `newest` is never older."""
    known = base.template.ref.tree_hash if base and base.template else ""
    if known == newest.ref.tree_hash:
        return False
    if output.commit and newest.ref.ref:
        return not same_version(newest.ref.ref, output.commit)
    same = same_version(newest.ref.version, output.version)
    return not same or (newest.ref.version == "0.0.0" and bool(known))


def _unanswered(newest: Template, output: Output) -> tuple[str, ...]:
    kept = output.kept.answers
    return tuple(
        each.name
        for each in newest.questions
        if each.when is not False
        and not each.secret
        and each.name not in kept
        and each.renamed_from not in kept
    )


def _drift(made: Tree, output: Output) -> Iterator[FileDrift]:
    """The files of `made` that are not as they were made; the answers file may always change."""
    made = Tree({path: entry for path, entry in made.items() if not _is_answers(path, output)})
    present = {path: _present(output.folder / path) for path in made}
    moved = _moved(made, present, output.folder)
    for path, entry in made.items():
        now = present[path] or moved.get(path, (None, None))[1]
        if now is None:
            yield FileDrift(path=path, change="deleted", removed=len(lines_of(entry.content)))
        elif present[path] is None:
            added, removed = _counts(entry, now)
            place = moved[path][0]
            yield FileDrift(path=path, change="moved", moved_to=place, added=added, removed=removed)
        elif now != entry:
            added, removed = _counts(entry, now)
            yield FileDrift(path=path, change="edited", added=added, removed=removed)


def _is_answers(path: str, output: Output) -> bool:
    return path == output.answers_file or is_copiers(path)


def _present(place: Path) -> Entry | None:
    try:
        return read_entry(place) if place.is_symlink() or place.is_file() else None
    except OSError:
        return None


def _moved(
    made: Tree, present: Mapping[str, Entry | None], folder: Path
) -> dict[str, tuple[str, Entry]]:
    """Where the files that are gone stand now, and what they hold."""
    gone = [path for path, now in present.items() if now is None]
    if not gone:
        return {}
    endings = tuple({posixpath.splitext(path)[1] for path in gone})
    others = {path: entry for path, entry in _files(folder, endings) if path not in made}
    there = {path: now for path, now in present.items() if now is not None}
    ours = Tree({**others, **{path: now for path, now in there.items() if now.mode != "link"}})
    moves = own_moves(Trees(base=made, ours=ours, theirs=made), gone)
    return {path: (place, ours[place]) for path, place in moves.items()}


def _files(folder: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Entry]]:
    for place in files_below(folder, endings):
        path = place.relative_to(folder).as_posix()
        if place.is_symlink() or "\\" in path:
            continue
        entry = _present(place) if place.is_file() and place.stat().st_size <= _LARGEST else None
        if entry is not None:
            yield path, entry


def _counts(before: Entry, now: Entry) -> _Counts:
    """How many lines came, and how many went."""
    old, new = lines_of(before.content), lines_of(now.content)
    same = len(same_lines(old, new))
    return len(new) - same, len(old) - same


def _conflicts(folder: Path, files: tuple[FileDrift, ...]) -> tuple[str, ...]:
    """The files that are unmerged in git's index, have markers in them, or a `.rej` beside them."""
    changed = (each.moved_to or each.path for each in files if each.change != "deleted")
    marked = (path for path in changed if has_markers(_present(folder / path)))
    rejected = (
        place.relative_to(folder).as_posix().removesuffix(".rej")
        for place in files_below(folder, (".rej",))
    )
    return tuple(sorted({*_unmerged(folder), *marked, *rejected}))


def _unmerged(folder: Path) -> set[str]:
    try:
        listed = run_git("-C", str(folder), "ls-files", "--unmerged", "-z")
    except UnavailableError:
        return set()
    return {line.partition("\t")[2] for line in os.fsdecode(listed).split("\0") if line}
