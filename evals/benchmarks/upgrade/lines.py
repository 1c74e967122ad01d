"""The line tests: what a clean result has lost, missed, kept or brought back in one file.

`tree[line]` is how often a line occurs in the file of that tree, without blank lines and without
white space at its end. A line counts only if the maintainer's result agrees that it should.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from evals.benchmarks.upgrade.trees import File, Sides


@dataclass(frozen=True, kw_only=True)
class LineTests:
    """What is wrong with one file, line by line."""

    lost: Mapping[str, int] = field(default_factory=dict[str, int])
    """By line. A person added it (before > base) and the maintainer kept it:
    min(before, wanted) - result, where that is positive."""
    missed: int = 0
    """The template added it (theirs > base) and the maintainer took it:
    min(theirs, wanted) - result."""
    stale: int = 0
    """The template removed it (base > theirs), so did the maintainer (before > wanted), and it is
    still there: result - max(wanted, theirs)."""
    resurrected: int = 0
    """A person had removed it (base > before), and it is back: result - max(wanted, before)."""
    user_lines: int = 0
    """Lines that a person added and the maintainer kept: what could have been lost."""

    @property
    def wrong(self) -> bool:
        """Whether any test found something."""
        return bool(self.lost or self.missed or self.stale or self.resurrected)


def line_tests(sides: Sides) -> LineTests:
    """Run the line tests over one file."""
    before, wanted, base, theirs, result = (
        _lines(file)
        for file in (sides.before, sides.wanted, sides.base, sides.theirs, sides.result)
    )
    own = {line for line in before if before[line] > base[line]}
    added = {line for line in theirs if theirs[line] > base[line]}
    removed = {line for line in base if base[line] > theirs[line] and before[line] > wanted[line]}
    rejected = {line for line in base if base[line] > before[line]}
    gone = {line: min(before[line], wanted[line]) - result[line] for line in own}
    return LineTests(
        lost={line: number for line, number in gone.items() if number > 0},
        missed=sum(max(0, min(theirs[each], wanted[each]) - result[each]) for each in added),
        stale=sum(max(0, result[each] - max(wanted[each], theirs[each])) for each in removed),
        resurrected=sum(
            max(0, result[each] - max(wanted[each], before[each])) for each in rejected
        ),
        user_lines=sum(min(before[line] - base[line], wanted[line]) for line in own),
    )


def same_lines(one: File | None, other: File | None) -> bool:
    """Whether two files have the same lines in some order, or are both not there."""
    return _lines(one) == _lines(other) and (one is None) == (other is None)


def _lines(file: File | None) -> Counter[str]:
    return file.lines if file else Counter()
