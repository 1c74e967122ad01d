"""The pictures of an evaluation, as SVG that stands in a page and takes its colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from cultivar.evals.reporting.evaluation import Evaluation, Summary, TriedVersion, named, reasons
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.model import Verdict

_WIDTH: Final = 720
_LEFT: Final = 180
_ROW: Final = 34
_TOP: Final = 22
_LABEL: Final = 26
_CELL: Final = 22
_MATRIX_LEFT: Final = 400
_MATRIX_LABEL: Final = 48
_LETTER: Final = 8
"""How wide a letter is at most, about."""

_MARKS: Final[Mapping[Verdict, str]] = {"passed": "✓", "failed": "✗", "not_verified": "?"}
"""Beside colours, which not everybody tells apart."""


def pass_rates(summaries: Sequence[Summary]) -> str:
    """The pass rate of each version, with the interval in which it credibly lies."""
    span = _WIDTH - _LEFT - 90
    lines = [_grid(span, len(summaries), "{:.0%}".format)]
    for at, each in enumerate(summaries):
        middle = _TOP + at * _ROW + _ROW / 2
        lines.append(_text(_LEFT - 12, middle + 5, each.label, "end"))
        if each.pass_rate is None:
            lines.append(_text(_LEFT, middle + 5, "not verified", "start", "faint"))
            continue
        low, high = _LEFT + each.low * span, _LEFT + each.high * span
        at_rate = _LEFT + each.pass_rate * span
        lines.append(
            f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
            f'<circle class="dot" cx="{at_rate:.1f}" cy="{middle}" r="6"/>'
        )
        lines.append(_text(_LEFT + span + 14, middle + 5, f"{each.pass_rate:.0%}", "start"))
    return _svg(_WIDTH, _TOP + _ROW * len(summaries) + 24, lines, "Pass rate by version")


def matrix(done: Evaluation) -> str:
    """What became of each case with each version, a square a trial."""
    columns = [(version, _by_case(done, version)) for version in done.versions]
    widths = [_column_width(version, found) for version, found in columns]
    starts = [_MATRIX_LEFT + sum(widths[:at]) for at in range(len(widths))]
    lines = [
        _text(start, 16, _shortened(version.label, _LABEL), "start")
        for start, (version, _) in zip(starts, columns, strict=True)
    ]
    for row, case in enumerate(done.cases):
        top = 26 + row * (_CELL + 2)
        lines.append(_text(_MATRIX_LEFT - 12, top + 15, _shortened(named(case)), "end"))
        for start, (_, found) in zip(starts, columns, strict=True):
            lines += _squares(start, top, case, found.get(case.id, ()))
    height = 26 + len(done.cases) * (_CELL + 2) + 8
    width = max(_WIDTH, _MATRIX_LEFT + sum(widths))
    return _svg(width, height, lines, "Trials by case and version")


def _column_width(version: TriedVersion, found: Mapping[str, Sequence[TrialResult]]) -> int:
    """What the squares of a version take, or its label."""
    most = max([len(each) for each in found.values()] or [1])
    return max(most * _CELL, len(_shortened(version.label, _LABEL)) * _LETTER) + _CELL


def bars(summaries: Sequence[Summary], measure: Callable[[Summary], float], unit: str) -> str:
    """One bar a version, for what it takes.

    Args:
        summaries: How each version did.
        measure: What is shown of it.
        unit: What stands after the number, or with `$` before it.
    """
    span = _WIDTH - _LEFT - 110
    most = max([measure(each) for each in summaries] or [0.0]) or 1.0
    lines: list[str] = []
    for at, each in enumerate(summaries):
        top = at * _ROW + 8
        length = measure(each) / most * span
        value = f"${measure(each):.4f}" if unit == "$" else f"{measure(each):.2f} {unit}"
        lines.append(_text(_LEFT - 12, top + 17, each.label, "end"))
        lines.append(f'<rect class="bar" x="{_LEFT}" y="{top}" width="{length:.1f}" height="22"/>')
        lines.append(_text(_LEFT + length + 10, top + 17, value, "start"))
    return _svg(_WIDTH, _ROW * len(summaries) + 12, lines, "What one version takes")


def _by_case(done: Evaluation, version: TriedVersion) -> dict[str, list[TrialResult]]:
    found: dict[str, list[TrialResult]] = {}
    for each in done.of(version):
        found.setdefault(each.case_id, []).append(each)
    return found


def _squares(
    start: float, top: float, case: TrialCase, results: Sequence[TrialResult]
) -> list[str]:
    return [
        f"<g><title>{escape(_told(case, each))}</title>"
        f'<rect class="{each.verdict}" x="{start + at * _CELL}" y="{top}" '
        f'width="{_CELL - 3}" height="{_CELL - 3}" rx="3"/>'
        f'<text class="mark" x="{start + at * _CELL + 9.5}" y="{top + 14.5}" '
        f'text-anchor="middle">{_MARKS[each.verdict]}</text></g>'
        for at, each in enumerate(results)
    ]


def _told(case: TrialCase, result: TrialResult) -> str:
    words = {"passed": "passed", "failed": "failed", "not_verified": "not verified"}
    why = "" if result.verdict == "passed" else f"\n{reasons(result)[:400]}"
    return f"{named(case)}: {words[result.verdict]}, {result.seconds:.2f} s{why}"


def _grid(span: float, rows: int, worded: Callable[[float], str]) -> str:
    bottom = _TOP + rows * _ROW
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    return "".join(
        f'<line class="grid" x1="{_LEFT + share * span}" x2="{_LEFT + share * span}" '
        f'y1="{_TOP}" y2="{bottom}"/>'
        + _text(_LEFT + share * span, bottom + 18, worded(share), "middle", "faint")
        for share in shares
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    shown = escape(_shortened(text, _LABEL if x < _LEFT else _MATRIX_LABEL))
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>'


def _shortened(text: str, most: int = _MATRIX_LABEL) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _svg(width: float, height: float, lines: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(lines)}</svg>"
    )
