"""What the merge, the model, the scripts and the tasks together make of a project."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from cultivar.delivery.changes import Unmerged
from cultivar.model import ConflictStyle, ScriptRun
from cultivar.record import Record, field, replace
from cultivar.tree import Entry, Mode, Tree, text_entry
from cultivar.upgrade.merging.base import Conflict, MergedFile


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
        else _diff(path, result.before.get(path), entry)
        for path, entry in result.changes.items()
    )


def _rejected(conflict: Conflict) -> Entry:
    """What the template changed in a file, as a diff."""
    versions = conflict.versions
    return text_entry(_diff(versions.path, versions.base, versions.theirs))


def _diff(path: str, old: Entry | None, new: Entry | None) -> str:
    """What becomes of a file, as git writes and applies it."""
    if old and new and "link" in {old.mode, new.mode} and old.mode != new.mode:
        return _diff(path, old, None) + _diff(path, None, new)
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return f"Binary file {path} differs\n"
    end = "\t" if " " in path else ""  # without it git takes the name to end at the space
    names = f"a/{path}{end}" if old else "/dev/null", f"b/{path}{end}" if new else "/dev/null"
    lines = difflib.unified_diff(before, after, *names)
    return f"diff --git a/{path} b/{path}\n{_modes(old, new)}" + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _modes(old: Entry | None, new: Entry | None) -> str:
    """What git is told of a file's mode, where it is not the same on both sides."""
    if old is None:
        return f"new file mode {_GITS[new.mode]}\n" if new else ""
    if new is None:
        return f"deleted file mode {_GITS[old.mode]}\n"
    if old.mode == new.mode:
        return ""
    return f"old mode {_GITS[old.mode]}\nnew mode {_GITS[new.mode]}\n"


def _lines(entry: Entry | None) -> list[str] | None:
    """The lines of a text, as git counts them; None of what is no text."""
    if entry is None:
        return []
    try:
        return _LINE.findall(entry.content.decode())
    except UnicodeDecodeError:
        return None


_GITS: Final[Mapping[Mode, str]] = {"file": "100644", "executable": "100755", "link": "120000"}
"""By mode, what git calls it."""

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
