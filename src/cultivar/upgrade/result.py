"""What the merge, the model, the scripts and the tasks together make of a project."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cultivar.delivery.changes import Unmerged
from cultivar.delivery.diffs import unified
from cultivar.record import Record, field, replace
from cultivar.tree import Entry, Tree, text_entry
from cultivar.upgrade.merging.base import Conflict, MergedFile
from cultivar.upgrades import ConflictStyle, ScriptRun


class Result(Record, dict=True):
    """A project after an upgrade, in memory."""

    before: Tree
    """As it stands on the disk."""
    after: Tree
    """All of it; of a file in conflict, what is shown."""
    files: tuple[MergedFile, ...] = ()
    """What the merge did."""
    kept: tuple[MergedFile, ...] = ()
    """What the template changed, and the merge left as it was, by a rule."""
    scripts: tuple[ScriptRun, ...] = ()
    by_scripts: frozenset[str] = field(default_factory=frozenset[str])
    """What scripts and tasks changed, and the merge did not."""
    private: frozenset[str] = field(default_factory=frozenset[str])
    """The files that git is told to ignore: they stay out of its index, and of every diff."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What a person has to settle."""
        return tuple(each.conflict for each in self.files if each.conflict is not None)

    @cached_property
    def changes(self) -> Mapping[str, Entry | None]:
        """By path, what is to be written; None takes a file away."""
        paths = sorted({*self.before, *self.after})
        return {
            path: self.after.get(path)
            for path in paths
            if self.before.get(path) != self.after.get(path)
        }

    @property
    def unmerged(self) -> Mapping[str, Unmerged]:
        """What git's index is to hold in conflict."""
        return {
            each.versions.path: Unmerged(
                base=each.versions.base, ours=each.versions.ours, theirs=each.versions.theirs
            )
            for each in self.conflicts
            if each.versions.path not in self.private
        }

    @cached_property
    def settled(self) -> Tree:
        """The project as scripts and checks see it: ours, where there is a conflict."""
        return self.after.replace(
            {each.versions.path: each.versions.ours for each in self.conflicts}
        )

    def then(self, settled: Tree, runs: tuple[ScriptRun, ...] = ()) -> Result:
        """The result once scripts or tasks made `settled` of it; conflicts stay as they are."""
        open_ones = {each.versions.path for each in self.conflicts}
        changed = {
            path: settled.get(path)
            for path in {*self.settled, *settled} - open_ones
            if self.settled.get(path) != settled.get(path)
        }
        return replace(
            self,
            after=self.after.replace(changed),
            scripts=(*self.scripts, *runs),
            by_scripts=self.by_scripts | set(changed),
        )

    def shown(self, style: ConflictStyle) -> Result:
        """The result with conflicts shown as the person wants them.

        With `rej`, and where git ignores a file, it stays as it was, and what was rejected goes
        beside it.
        """
        beside: dict[str, Entry | None] = {}
        for each in self.conflicts:
            path = each.versions.path
            if style == "rej" or path in self.private:
                beside |= {path: each.versions.ours, f"{path}.rej": _rejected(each)}
        return replace(self, after=self.after.replace(beside))


def diff_of(result: Result) -> str:
    """All that would change, as one unified diff; of a private file, that it would."""
    return "".join(
        f"File {path} differs, and git ignores it\n"
        if path in result.private
        else unified(path, result.before.get(path), entry)
        for path, entry in result.changes.items()
    )


def _rejected(conflict: Conflict) -> Entry:
    """What the template changed in a file, as a diff."""
    versions = conflict.versions
    return text_entry(unified(versions.path, versions.base, versions.theirs))
