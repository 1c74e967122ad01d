"""What all rows of a run come to, tool by tool."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evals.benchmarks.upgrade.metrics import Counts
from evals.benchmarks.upgrade.replay import Row


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What one tool made of all transitions."""

    transitions: int
    measured: int
    """Without those that could not be replayed, through no fault of the tool."""
    failed: int
    """Ended with an error and changed nothing."""
    exact: int
    """Every scored file is the maintainer's and nothing is in conflict."""
    answers_equal: int
    score_k0: float
    score_k5: float
    """As `score_k0`, the share of equal files; but a clean and wrong one costs five."""
    median_seconds: float
    """The upper median of `Row.seconds`."""
    seconds: float
    counts: Counts


def totals(rows: Sequence[Row]) -> Totals:
    """Add up the rows of one tool."""
    measured = [row for row in rows if not row.problem]
    counts = sum((row.counts for row in measured), Counts())
    seconds = [row.seconds for row in measured]
    return Totals(
        transitions=len(rows),
        measured=len(measured),
        failed=sum(row.failed for row in measured),
        exact=sum(row.counts.exact for row in measured),
        answers_equal=sum(row.answers_equal for row in measured),
        score_k0=round(counts.score(0), 4),
        score_k5=round(counts.score(5), 4),
        median_seconds=round(statistics.median_high(seconds or [0.0]), 3),
        seconds=round(sum(seconds), 1),
        counts=counts,
    )


def by_tool(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """The rows of each tool, the tools by name."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.tool):
        found.setdefault(row.tool, []).append(row)
    return found


def facts(rows: Iterable[Row]) -> dict[str, Any]:
    """The totals of each tool, as JSON."""
    return {name: flat(totals(each)) for name, each in by_tool(rows).items()}


def flat(found: Totals) -> dict[str, Any]:
    """Totals and counts at one level."""
    said = asdict(found)
    return {**said, **said.pop("counts")}


def table(tools: Mapping[str, Mapping[str, Any]]) -> str:
    """The totals for a person, in Markdown."""
    head = (
        "| tool | measured | equal to the maintainer's | in conflict | clean but wrong "
        "| lines lost for good | failed | score k=5 | median s |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(_line(name, found) for name, found in tools.items())


def progress(row: Row) -> str:
    """One row, in one line."""
    transition, counts = row.transition, row.counts
    who = f"{transition.project} {transition.old} -> {transition.new} {row.tool}:"
    if row.problem:
        return f"{who} not measured: {' '.join(row.problem.split())[-200:]}"
    if row.failed:
        return f"{who} failed with {row.exit_code}: {' '.join(row.output.split())[-200:]}"
    return (
        f"{who} {counts.equal_core} of {counts.core} equal, {counts.conflict} in conflict, "
        f"{counts.wrong_clean} wrong, {counts.lost_hard_lines} lines lost, {row.seconds:.2f} s"
    )


def _line(name: str, found: Mapping[str, Any]) -> str:
    cells = (
        name,
        f"{found['measured']} of {found['transitions']}",
        f"{found['equal_core']} of {found['core']}",
        found["conflict"],
        found["wrong_clean"],
        found["lost_hard_lines"],
        found["failed"],
        f"{found['score_k5']:.3f}",
        f"{found['median_seconds']:.2f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"
