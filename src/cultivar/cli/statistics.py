"""What is known of a template, as tables and small charts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cultivar.cli.grid import JOINED, Column, Grid, show_grid
from cultivar.cli.output import counted, escape, plain, show, width
from cultivar.learning.evidence.rates import Interval
from cultivar.learning.findings.combining import Combination
from cultivar.learning.findings.drifting import Drift
from cultivar.learning.findings.failing import FailureAssociation
from cultivar.learning.findings.statistics import (
    AnswerStatistics,
    QuestionStatistics,
    TemplateStatistics,
    VersionOutcome,
)
from cultivar.ledger.base import VersionStats
from cultivar.model import Json
from cultivar.record import Record

_ANSWERS: Final = 8
"""Answers to one question that are shown, the most used."""

_WIDE: Final = 100
"""From so many characters on bars are as long as they may be."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"

_LUCK: Final = 0.001
"""What is told of a smaller chance is only that it is smaller."""

_GREATEST: Final = 100
"""Above it a lift is told as that: it rests on a rate of next to nothing."""


class _Chart(Record):
    """Bars that are as long as there is room for."""

    length: int

    def bar(self, share: float) -> str:
        """A bar for a share from 0 to 1."""
        eighths = round(min(max(share, 0.0), 1.0) * self.length * 8)
        whole, rest = divmod(eighths, 8)
        return "█" * whole + (_EIGHTHS[rest] if rest else "")


def show_versions(found: Sequence[VersionStats]) -> None:
    """Show how each version of each template has done."""
    show_grid(
        Grid(
            title="Templates",
            columns=(
                Column(name="template"),
                Column(name="version"),
                *_numbers("uses", "success", "failed", "not verified", "quality"),
            ),
            rows=[_version_row(each) for each in found],
            is_grouped=True,
        )
    )


def show_statistics(found: TemplateStatistics, recorded: Sequence[VersionStats]) -> None:
    """Show what is known of a template.

    Args:
        found: All of it.
        recorded: What its versions scored, as far as their generations are here.
    """
    chart = _Chart(length=10 if width() >= _WIDE else 6)
    show(_headline(found))
    for grid in _grids(found, recorded, chart):
        if grid.rows:
            show_grid(grid)


def worded(answers: Mapping[str, Json]) -> str:
    """Answers as a person says them: `use_ets + no telemetry + one_for_one`."""
    return JOINED.join(_word(name, value) for name, value in answers.items())


def _word(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return value if isinstance(value, str) else f"{name} = {value}"


def _headline(found: TemplateStatistics) -> str:
    total = found.total
    said = f"{counted(total.uses, 'use')} by {counted(found.instances, 'instance')}"
    if total.success is not None:
        said += f", {total.success:.1%} succeed ({_span(total.interval)})"
    return f"[bold]{escape(found.template_id)}[/]\n{said}\n"


def _grids(
    found: TemplateStatistics, recorded: Sequence[VersionStats], chart: _Chart
) -> Iterator[Grid]:
    quality = {each.template_version: each.quality for each in recorded}
    yield _versions(found.versions, quality, chart)
    yield _answers(found.questions, chart)
    yield from _combinations(found, chart)
    yield _failures(found.failures)
    yield _drifts(found.drifts)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=each, is_number=True) for each in names)


def _bar() -> Column:
    return Column(name="", style="cyan")


def _success() -> tuple[Column, ...]:
    """The columns of `_rate`."""
    return (*_numbers("success"), _bar(), Column(name="95 % lie in"))


def _rate(rate: float, interval: Interval, chart: _Chart) -> tuple[str, str, str]:
    """A rate, its bar, and where it credibly lies."""
    return f"{rate:.1%}", chart.bar(rate), _span(interval)


def _span(interval: Interval) -> str:
    return f"{interval.low:.0%} to {interval.high:.0%}"


def _version_row(each: VersionStats) -> list[str]:
    known = each.succeeded + each.failed
    return [
        each.template_id,
        each.template_version,
        f"{each.uses:,}",
        f"{each.succeeded / known:.1%} of {known:,}" if known else "",
        f"{each.failed:,}",
        f"{each.not_verified:,}",
        _score(each.quality),
    ]


def _score(quality: float | None) -> str:
    return "" if quality is None else f"{quality:.2f}"


def _versions(
    found: Iterable[VersionOutcome], quality: Mapping[str, float | None], chart: _Chart
) -> Grid:
    columns = (Column(name="version"), *_numbers("uses"), *_success())
    rows = [
        [
            each.version,
            f"{each.outcome.uses:,}",
            *_outcome(each.outcome.success, each.outcome.interval, chart),
            f"{each.outcome.failed:,}",
            _score(quality.get(each.version)),
        ]
        for each in found
    ]
    return Grid(title="Versions", columns=(*columns, *_numbers("failed", "quality")), rows=rows)


def _outcome(success: float | None, interval: Interval, chart: _Chart) -> tuple[str, str, str]:
    return ("", "", "") if success is None else _rate(success, interval, chart)


def _answers(questions: Iterable[QuestionStatistics], chart: _Chart) -> Grid:
    return Grid(
        title="Answers",
        columns=(
            Column(name="question"),
            Column(name="answer"),
            *_numbers("uses", "chosen"),
            _bar(),
            *_success(),
        ),
        rows=[row for question in questions for row in _answer_rows(question, chart)],
        is_grouped=True,
    )


def _answer_rows(question: QuestionStatistics, chart: _Chart) -> Iterator[list[str]]:
    name = question.question
    for answer in question.answers[:_ANSWERS]:
        yield [name, *_answer_cells(answer, chart)]
        name = ""
    if more := len(question.answers[_ANSWERS:]) + question.others:
        yield ["", f"… and {counted(more, 'other')}", *([""] * 6)]


def _answer_cells(answer: AnswerStatistics, chart: _Chart) -> list[str]:
    value = answer.value
    chosen = ("", "") if answer.share is None else (f"{answer.share:.0%}", chart.bar(answer.share))
    return [
        value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False),
        f"{answer.uses:,}",
        *chosen,
        *_outcome(answer.success, answer.success_interval, chart),
    ]


def _combinations(found: TemplateStatistics, chart: _Chart) -> Iterator[Grid]:
    """The best and the worst; where these are all, and the same, all of them once."""
    worst = [each for each in found.worst if each not in found.best]
    if len(worst) < len(found.worst):
        yield _combination_grid("Combinations", [*found.best, *reversed(worst)], chart)
    else:
        yield _combination_grid("Best combinations", found.best, chart)
        yield _combination_grid("Worst combinations", found.worst, chart)


def _combination_grid(title: str, found: Sequence[Combination], chart: _Chart) -> Grid:
    columns = (*_success(), *_numbers("uses"), Column(name="answers together"))
    rows = [
        [*_rate(each.success, each.interval, chart), f"{each.uses:,}", worded(each.answers)]
        for each in found
    ]
    return Grid(title=title, columns=columns, rows=rows)


def _failures(found: Iterable[FailureAssociation]) -> Grid:
    numbers = _numbers("fail", "without", "lift", "verified", "q")
    rows = [
        [
            f"{each.failure:.1%}",
            f"{each.failure_of_rest:.1%}",
            f"{each.lift:.1f}x" if each.lift < _GREATEST else f">{_GREATEST}x",
            f"{each.sample:,}",
            _chance(each.q_value),
            worded(each.answers),
        ]
        for each in found
    ]
    return Grid(title="Failures", columns=(*numbers, Column(name="of those with")), rows=rows)


def _drifts(found: Iterable[Drift]) -> Grid:
    rows = [
        [
            f"{each.before:.1%}",
            f"{each.recent:.1%}",
            f"{(each.recent - each.before) * 100:+.1f}",
            _chance(each.q_value),
            f"{each.what}{f' of {worded(each.answer)}' if each.answer else ''}",
        ]
        for each in found
    ]
    columns = (*_numbers("before", "recently", "points", "q"), Column(name="what has changed"))
    return Grid(title="Drift", columns=columns, rows=rows)


def _chance(q_value: float) -> str:
    return f"{q_value:.3f}" if q_value >= _LUCK else f"<{_LUCK}"
