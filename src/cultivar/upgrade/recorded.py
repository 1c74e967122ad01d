"""What the ledger has of an output: its own generation, or one that made the same elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from cultivar.ledger.base import ContentStore, Ledger, Query
from cultivar.model import Generation
from cultivar.record import Record
from cultivar.tree import Tree, read_entry
from cultivar.upgrade.finding import generation_at
from cultivar.upgrade.outputs import Output, is_copiers
from cultivar.upgrade.versions import same_version
from cultivar.upgrades import UpgradeOrder

Where = Literal["generated here", "generated elsewhere"]

_MANY: Final = 200
"""How many generations of a template are looked through for one with the same answers."""

_LOOK_ALIKES: Final = 5
"""How many trees are compared with what stands there, to find the one that it was."""

_HALF: Final = 0.5
_UNVERSIONED: Final = "0.0.0"


class Made(Record):
    """What is known of how an output was made, before it is found."""

    output: Output
    order: UpgradeOrder

    def fits(self, generation: Generation) -> bool:
        """Whether a generation is of the version that made it."""
        ref, output = generation.template, self.output
        if wanted := self.order.from_version:
            return same_version(ref.ref, wanted) or same_version(ref.version, wanted)
        if output.commit and ref.ref:
            return same_version(ref.ref, output.commit)
        return not output.version or same_version(ref.version, output.version)

    def has_answers_of(self, generation: Generation) -> bool:
        """Whether its answers file keeps the answers of a generation."""
        kept = {a.name: a.value for a in generation.answers if not (a.secret or a.computed)}
        return kept == self.output.kept.answers

    def stands_at(self, generation: Generation) -> bool:
        """Whether a generation was written to the same place."""
        output = self.output
        if output.file:
            return generation.file_path == str(output.path)
        return generation.output == str(output.folder)


class Recorded(Record):
    """Finds in the ledger what made an output."""

    ledger: Ledger
    content: ContentStore

    def found(self, made: Made) -> tuple[Where, Generation] | None:
        """The generation in the ledger that made it, or one that made the same elsewhere."""
        here = generation_at(self.ledger, made.output)
        if here is not None and made.fits(here) and made.has_answers_of(here):
            return "generated here", here
        alike = [each for each in self.alike(made) if made.has_answers_of(each)]
        in_place = [each for each in alike if made.stands_at(each)]
        if here is not None and made.fits(here) and self._is_its_own(here, made.output):
            in_place.append(here)  # its answers were edited since
        if in_place:
            return "generated here", in_place[0]
        nearest = self._nearest(alike, made.output)
        return ("generated elsewhere", nearest) if nearest else None

    def alike(self, made: Made) -> list[Generation]:
        """The generations of its template and version, the newest first."""
        if not made.output.template_id:
            return []
        asked = Query(template_id=made.output.template_id, limit=_MANY)
        return [each for each in self.ledger.generations(asked) if made.fits(each)]

    def _is_its_own(self, here: Generation, output: Output) -> bool:
        """Whether a generation in its folder is that of no other output there."""
        copiers = [path for path in self.content.tree(here.tree_hash) if is_copiers(path)]
        return not copiers or output.answers_file in copiers

    def _nearest(self, alike: Sequence[Generation], output: Output) -> Generation | None:
        """The generation whose files are nearest to those that stand there.

        What a model or a fix wrote is different each time, and so is what has no version; then at
        least half of the files have to be the same.
        """
        plain = next((each for each in alike if _is_plain(each)), None)
        others = {each.tree_hash: each for each in reversed(alike) if not _is_plain(each)}
        shares = [
            (_same_files(self.content.tree(tree_hash), output.folder), each)
            for tree_hash, each in list(others.items())[-_LOOK_ALIKES:]
        ]
        share, nearest = max(shares, key=lambda each: each[0], default=(0.0, plain))
        return nearest if share >= _HALF else plain


def _is_plain(generation: Generation) -> bool:
    """Whether its tree is what its template's version makes of its answers, and no more."""
    draft, ref = generation.attempts[-1].draft, generation.template
    versioned = bool(ref.ref) or ref.version != _UNVERSIONED
    return versioned and not (draft.slots or draft.fixes)


def _same_files(tree: Tree, folder: Path) -> float:
    """The share of the files of `tree` that stand in `folder` as they are."""
    same = 0
    for path, entry in tree.items():
        place = folder / path
        same += (place.is_symlink() or place.is_file()) and read_entry(place) == entry
    return same / len(tree) if tree else 0.0
