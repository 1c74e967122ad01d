"""What a tool made of an update, counted against what the maintainer made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

from evals.benchmarks.upgrade.lines import LineTests, line_tests, same_lines
from evals.benchmarks.upgrade.trees import Outcome, Sides

Kind = Literal[
    "human_only",
    "equal",
    "failed",
    "conflict",
    "binary",
    "wrong_clean",
    "order_only",
    "human_extra",
]
"""What became of a file. The first that holds:

- `human_only`: neither the template nor the tool changed it, the maintainer did on the side;
- `equal`: its bytes are the maintainer's, or it is absent in both;
- `failed`: the tool failed, and nothing is said of its files;
- `conflict`: it is left to a person: an unmerged index entry, conflict markers where neither
  `before` nor `wanted` has any, or a `.rej` file beside it;
- `binary`: it is no text in some tree;
- `wrong_clean`: it is clean but measurably wrong, by the line tests;
- `order_only`: it has the maintainer's lines, so only order or blank lines differ;
- `human_extra`: all else: the maintainer wrote something new, or declined the template's change.
"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one file."""

    path: str
    kind: Kind
    touched: bool
    """The maintainer or the tool changed it, or it is unmerged."""
    core: bool
    """The template changed it: the same files for every tool."""
    conflicted: bool = False
    """It is left to a person, be it equal or not."""
    same: bool
    """Its bytes are the maintainer's."""
    declined: bool
    """The maintainer left it as it was."""
    lost: int = 0
    lost_hard: int = 0
    """Lost lines that stand in no other file that the tool changed or added either."""
    user_lines: int = 0
    missed: int = 0
    stale: int = 0
    resurrected: int = 0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Files and lines of a transition, or of many."""

    touched: int = 0
    """Files that the maintainer or the tool changed, or that are unmerged."""
    core: int = 0
    """Files that the template changed, touched or not: the same for every tool."""
    scored: int = 0
    """`core`, and the files that the template did not change and the tool did (`off_core`)."""
    off_core: int = 0
    off_core_bad: int = 0
    """Of `off_core`, those that are not the maintainer's."""
    human_only: int = 0
    """Touched files that are not scored: no update tool can produce them."""
    equal_core: int = 0
    """Core files whose bytes are the maintainer's: the number to compare tools by."""
    equal: int = 0
    """The same of all scored files."""
    conflict: int = 0
    conflict_any: int = 0
    """Conflicted files, with those whose bytes are the maintainer's."""
    failed_files: int = 0
    clean_differs: int = 0
    """Neither equal nor in conflict: the sum of the next four."""
    wrong_clean: int = 0
    order_only: int = 0
    binary: int = 0
    human_extra: int = 0
    declined: int = 0
    """Of `human_extra`, the files that the maintainer left as they were."""
    lost_lines: int = 0
    """Lines of a person that are gone from their file, conflicted files too. A line between
    conflict markers is still there."""
    lost_hard_lines: int = 0
    """Of these, lines that stand in no other file that the tool changed: lost for good."""
    user_lines: int = 0
    """Lines of a person that the maintainer kept: what could have been lost."""
    missed_lines: int = 0
    """Of clean files, as the next two."""
    stale_lines: int = 0
    resurrected_lines: int = 0

    def __add__(self, other: Counts) -> Counts:
        names = [field.name for field in fields(self)]
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def exact(self) -> bool:
        """Whether every scored file is the maintainer's and nothing is in conflict."""
        return self.equal == self.scored and not self.conflict_any

    def score(self, k: int) -> float:
        """The share of equal files, where a clean but wrong one takes away `k` of them."""
        return (self.equal - k * self.wrong_clean) / self.scored if self.scored else 1.0


def judge(outcome: Outcome) -> list[Verdict]:
    """The verdict on each file that was touched or that the template changed."""
    verdicts = (_verdict(path, outcome) for path in outcome.paths)
    return [verdict for verdict in verdicts if verdict.touched or verdict.core]


def count(verdicts: Iterable[Verdict]) -> Counts:
    """Add up verdicts."""
    return sum((_counted(verdict) for verdict in verdicts), Counts())


def _verdict(path: str, outcome: Outcome) -> Verdict:
    sides = outcome.sides(path)
    by_tool = sides.before != sides.result or path in outcome.unmerged
    core = sides.base != sides.theirs
    plain = Verdict(
        path=path,
        kind="human_only",
        touched=by_tool or sides.before != sides.wanted,
        core=core,
        same=sides.result == sides.wanted,
        declined=sides.wanted == sides.before,
    )
    return _scored(plain, sides, outcome) if core or by_tool else plain


def _scored(verdict: Verdict, sides: Sides, outcome: Outcome) -> Verdict:
    tests = line_tests(sides) if sides.text else LineTests()
    conflicted = outcome.left_to_a_person(verdict.path)
    return replace(
        verdict,
        kind=_kind(sides, tests, failed=outcome.failed, conflicted=conflicted),
        conflicted=conflicted,
        lost=sum(tests.lost.values()),
        lost_hard=_lost_for_good(tests, outcome),
        user_lines=tests.user_lines,
        missed=tests.missed,
        stale=tests.stale,
        resurrected=tests.resurrected,
    )


def _kind(sides: Sides, tests: LineTests, *, failed: bool, conflicted: bool) -> Kind:
    rules: tuple[tuple[bool, Kind], ...] = (
        (sides.result == sides.wanted, "equal"),
        (failed, "failed"),
        (conflicted, "conflict"),
        (not sides.text, "binary"),
        (tests.wrong, "wrong_clean"),
        (same_lines(sides.result, sides.wanted), "order_only"),
    )
    for holds, kind in rules:
        if holds:
            return kind
    return "human_extra"


def _lost_for_good(tests: LineTests, outcome: Outcome) -> int:
    if not tests.lost:
        return 0
    elsewhere = outcome.changed_lines
    return sum(number for line, number in tests.lost.items() if not elsewhere[line])


def _counted(verdict: Verdict) -> Counts:
    """One verdict as counts of one file."""
    scored = verdict.kind != "human_only"
    clean = verdict.kind in {"wrong_clean", "order_only", "binary", "human_extra"}
    return Counts(
        touched=verdict.touched,
        core=verdict.core,
        scored=scored,
        off_core=scored and not verdict.core,
        off_core_bad=scored and not verdict.core and not verdict.same,
        human_only=not scored,
        equal_core=verdict.core and verdict.same,
        equal=verdict.kind == "equal",
        conflict=verdict.kind == "conflict",
        conflict_any=verdict.conflicted,
        failed_files=verdict.kind == "failed",
        clean_differs=clean,
        wrong_clean=verdict.kind == "wrong_clean",
        order_only=verdict.kind == "order_only",
        binary=verdict.kind == "binary",
        human_extra=verdict.kind == "human_extra",
        declined=verdict.kind == "human_extra" and verdict.declined,
        lost_lines=verdict.lost,
        lost_hard_lines=verdict.lost_hard,
        user_lines=verdict.user_lines,
        missed_lines=verdict.missed if clean else 0,
        stale_lines=verdict.stale if clean else 0,
        resurrected_lines=verdict.resurrected if clean else 0,
    )
