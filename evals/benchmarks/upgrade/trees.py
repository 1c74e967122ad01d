"""The five trees of a transition, over one project's root.

- `before`: the project at the parent of the maintainer's commit, where the tool starts;
- `wanted`: the project at that commit, what the maintainer approved;
- `base`: a fresh render of the old version of the template, with the answers of `before`;
- `theirs`: a fresh render of the new version, with the answers of `wanted`;
- `result`: the project after the tool.

`base` and `theirs` do not depend on the tool. Modes do not count, nor does the answers file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

ANSWERS: Final = re.compile(r"(^|/)\.copier-answers[^/]*\.ya?ml$")
REJECTED: Final = ".rej"


@dataclass(frozen=True)
class File:
    """The content of a file; of a submodule, its commit and no content."""

    content: bytes
    submodule: str = ""

    @property
    def binary(self) -> bool:
        """Whether it is no text."""
        return b"\0" in self.content

    @cached_property
    def lines(self) -> Counter[str]:
        """How often each line occurs, without blank lines and white space at the end."""
        text = self.content.decode("utf-8", "replace")
        return Counter(line.rstrip() for line in text.split("\n") if line.strip())

    def has_marker(self, marker: bytes) -> bool:
        """Whether a line begins with `marker`."""
        return self.content.startswith(marker) or b"\n" + marker in self.content


Tree: TypeAlias = Mapping[str, File]
"""Path to file."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """One path in the five trees; None where it is not there."""

    before: File | None
    wanted: File | None
    base: File | None
    theirs: File | None
    result: File | None

    @property
    def text(self) -> bool:
        """Whether it is text wherever it is there."""
        every = (self.before, self.wanted, self.base, self.theirs, self.result)
        return not any(file and file.binary for file in every)

    @property
    def left_with_markers(self) -> bool:
        """Whether the tool left conflict markers where a person has none."""
        if self.result is None or self.result == self.before:
            return False
        marked = self.result.has_marker(b"<<<<<<<") and self.result.has_marker(b">>>>>>>")
        own = any(each and each.has_marker(b"<<<<<<<") for each in (self.before, self.wanted))
        return marked and not own


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The five trees, and what the tool left beside its result."""

    before: Tree
    wanted: Tree
    base: Tree
    theirs: Tree
    result: Tree
    answers: str = ".copier-answers.yml"
    """Path of the answers file."""
    unmerged: frozenset[str] = frozenset()
    """Paths with unmerged index entries."""
    rejected: frozenset[str] = frozenset()
    """Paths of all `.rej` files in the working tree, also of those that git ignores."""
    failed: bool = False
    """Whether the tool ended with an error and changed nothing."""

    def sides(self, path: str) -> Sides:
        """The file at `path` in the five trees."""
        return Sides(
            before=self.before.get(path),
            wanted=self.wanted.get(path),
            base=self.base.get(path),
            theirs=self.theirs.get(path),
            result=self.result.get(path),
        )

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files that may count: answers files and new `.rej` files do not."""
        there = {*self.before, *self.wanted, *self.result}
        answers = {self.answers, *filter(ANSWERS.search, there)}
        every = there | {*self.base, *self.theirs}
        return tuple(sorted(every - answers - self._reject_files))

    def left_to_a_person(self, path: str) -> bool:
        """Whether the file at `path` is in conflict: by the index, by markers or by a `.rej`."""
        if path in self.unmerged or path + REJECTED in self._reject_files:
            return True
        return self.sides(path).left_with_markers

    @cached_property
    def changed_lines(self) -> Counter[str]:
        """How often each line occurs in all files that the tool changed or added."""
        there = {path: self.result[path] for path in self.paths if path in self.result}
        found: Counter[str] = Counter()
        for path, file in there.items():
            if file != self.before.get(path):
                found.update(file.lines)
        return found

    @cached_property
    def _reject_files(self) -> set[str]:
        there = {*self.result, *self.rejected}
        return {path for path in there if path.endswith(REJECTED) and path not in self.before}
