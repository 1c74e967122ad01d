"""Where each line of a generated file comes from: the template, a model, a fix, or a person.

The invariant: the lines, joined, are the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cultivar.errors import UsageError
from cultivar.ledger.base import Query
from cultivar.model import Generation
from cultivar.record import Record, replace
from cultivar.tree import Entry, Tree, read_entry
from cultivar.upgrade.alignment import Pairs, gaps, lines_of, same_lines
from cultivar.upgrade.explaining import BlamedLine, MadeVersion, Origin
from cultivar.upgrade.finding import known_path
from cultivar.upgrade.merging.base import Trees
from cultivar.upgrade.merging.pairing import own_moves, template_moves
from cultivar.upgrade.outputs import Output
from cultivar.upgrade.sources import Render, Sources
from cultivar.upgrades import UpgradeOrder

__all__ = ["BlamedLine", "Blamer", "Origin"]

_MANY: Final = 200
"""How many earlier generations are looked at."""

_TOO_COMMON: Final = 2
"""Placeholders of so few letters stand anywhere."""


class Blamer(Record):
    """Says of each line of a generated file where it comes from."""

    sources: Sources
    render: Render
    """Makes again what the old template made, where the ledger does not have it."""

    def blame(
        self, path: Path, output: Output, order: UpgradeOrder | None = None
    ) -> tuple[BlamedLine, ...]:
        """The lines of the file at `path`, which belongs to `output`.

        Args:
            path: The file.
            output: What it belongs to.
            order: Where the template is to be looked for; where it came from, without one.

        Raises:
            NotKnownError: No template made it, or what made it is gone.
            UnavailableError: What made it cannot be fetched.
            UsageError: There is no such file.
        """
        entry = _present(path)
        plain = UpgradeOrder(folder=str(output.folder), answers_file=output.answers_file)
        versions = self._versions(output, order or plain)
        latest = next(versions)
        name = (path.parent.resolve() / path.name).relative_to(output.folder).as_posix()
        made_at = _made_at(latest.tree, name, entry, output)
        present = lines_of(entry.content)
        found = _Trail(latest=latest, earlier=versions, present=present).lines(made_at)
        return tuple(
            replace(line, number=number, text=text)
            for number, (line, text) in enumerate(zip(found, present, strict=True), start=1)
        )

    def _versions(self, output: Output, order: UpgradeOrder) -> Iterator[MadeVersion]:
        """What was generated, the latest first."""
        base = self.sources.base(output, order)
        if base.generation is not None:
            yield self._version(base.generation)
            yield from map(self._version, self._earlier(base.generation))
        elif base.template is not None:
            answers, tree = self.render(base.template, base.given)
            yield MadeVersion(tree, base.template, answers, output.folder.name)

    def _version(self, made: Generation) -> MadeVersion:
        tree = self.sources.content.tree(made.tree_hash)
        template = self.sources.kept_template(made.template)
        return MadeVersion(tree, template, made.answers, Path(made.output).name, made)

    def _earlier(self, last: Generation) -> Iterator[Generation]:
        """What stood at the same place before, the latest first."""
        taken_back = {
            each.generation_after
            for each in self.sources.ledger.migrations(last.output, _MANY)
            if each.outcome in {"undone", "failed"}
        }
        asked = Query(template_id=last.template.id, limit=_MANY)
        for each in self.sources.ledger.generations(asked):
            same_place = (each.output, each.file_path) == (last.output, last.file_path)
            earlier = each.generated_at < last.generated_at
            if same_place and earlier and each.id not in taken_back:
                yield each


class _Trail(Record):
    """Follows lines back through the versions of an output to the one that brought them."""

    latest: MadeVersion
    earlier: Iterator[MadeVersion]
    """The versions before it, each looked up only where a line is as old."""
    present: Sequence[str]

    def lines(self, path: str) -> list[BlamedLine]:
        """The lines as they were when they came; those that no version has are a person's."""
        found = [BlamedLine(text="", origin="person") for _ in self.present]
        version, places = self.latest, self._places(path)
        while places:
            before = next(self.earlier, None)
            older = _path_in(before, version, path) if before else ""
            kept = _kept(before, older, version, path)
            if set(places.values()) - kept.keys():
                told = version.explained(path)
                found = [
                    told[places[at]] if at in places and places[at] not in kept else line
                    for at, line in enumerate(found)
                ]
            places = _followed(places, kept)
            version, path = before or version, older
        return found

    def _places(self, path: str) -> dict[int, int]:
        """Of the present lines, which they are of the latest version."""
        made = lines_of(self.latest.tree[path].content)
        pairs = same_lines(made, self.present)
        secret = _with_secrets(pairs, made, self.present, self.latest)
        return {new: old for old, new in [*pairs, *secret]}


def _followed(places: dict[int, int], kept: dict[int, int]) -> dict[int, int]:
    """Where the lines are in the version before; those alone that are as old."""
    return {new: kept[old] for new, old in places.items() if old in kept}


def _present(path: Path) -> Entry:
    try:
        return read_entry(path)
    except OSError as error:
        what = f"{str(path)!r} cannot be read: {error.strerror}."
        raise UsageError(what, "Name a generated file.") from error


def _made_at(made: Tree, name: str, entry: Entry, output: Output) -> str:
    """The path at which the file was generated that stands at `name` now.

    Raises:
        NotKnownError: It was not generated.
    """
    if name in made:
        return name
    gone = [path for path in made if not (output.folder / path).is_file()]
    moves = own_moves(Trees(base=made, ours=Tree({name: entry}), theirs=made), gone)
    found = {now: before for before, now in moves.items()}
    return found.get(name) or known_path(name, made, output)


def _path_in(earlier: MadeVersion, version: MadeVersion, path: str) -> str:
    """The path in the earlier version of what is at `path`; empty where it was not there."""
    if path in earlier.tree:
        return path
    trees = Trees(base=earlier.tree, ours=earlier.tree, theirs=version.tree)
    return {now: before for before, now in template_moves(trees).items()}.get(path, "")


def _kept(
    earlier: MadeVersion | None, before: str, version: MadeVersion, path: str
) -> dict[int, int]:
    """The lines of a version that are from the earlier one, and which they are there."""
    if earlier is None or not before:
        return {}
    olds, news = (
        lines_of(made.tree[at].content) for made, at in ((earlier, before), (version, path))
    )
    return {new: old for old, new in same_lines(olds, news)}


def _with_secrets(
    pairs: Pairs, made: Sequence[str], present: Sequence[str], by: MadeVersion
) -> Pairs:
    """The lines that were made with a placeholder, and now have a secret in its place."""
    marks = [re.escape(mark) for mark in by.placeholders if len(mark) > _TOO_COMMON]
    if not marks:
        return []
    hidden = re.compile("|".join(marks))
    return [
        (old, new)
        for here, there in gaps(pairs, len(made), len(present))
        if len(here) == len(there)
        for old, new in zip(here, there, strict=True)
        if hidden.search(made[old]) and _pattern(hidden, made[old]).fullmatch(present[new])
    ]


def _pattern(hidden: re.Pattern[str], line: str) -> re.Pattern[str]:
    """What `line` may be once anything stands for what is hidden in it."""
    return re.compile(".*".join(map(re.escape, hidden.split(line))), re.DOTALL)
