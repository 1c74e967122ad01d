"""What is known of a template, as tables and small charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cultivar.cli.output import escape, show, table
from cultivar.learning.evidence.rates import Interval
from cultivar.learning.findings.combining import Combination
from cultivar.learning.findings.drifting import Drift
from cultivar.learning.findings.failing import FailureAssociation
from cultivar.learning.findings.statistics import (
    AnswerStatistics,
    QuestionStatistics,
    TemplateStatistics,
)
from cultivar.model import Json

_BAR: Final = 10
"""The width of a full bar, in characters."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show_statistics(found: TemplateStatistics) -> None:
    """Show what is known of a template beside its versions."""
    if found.questions:
        columns = ["question", "answer", "uses", "chosen", "", "success", ""]
        show(table("Answers", columns, _answer_rows(found.questions)))
    for title, combinations in (("Best", found.best), ("Worst", found.worst)):
        if combinations:
            rows = [_combination_row(each) for each in combinations]
            columns = ["answers together", "success", "", "uses"]
            show(table(f"{title} combinations", columns, rows))
    if found.failures:
        columns = ["goes with failure", "fails", "against", "lift", "verified", "q"]
        show(table("Failures", columns, map(_failure_row, found.failures)))
    if found.drifts:
        columns = ["what changed", "before", "recently", "q"]
        show(table("Drift", columns, map(_drift_row, found.drifts)))


def bar(share: float) -> str:
    """A bar for a share from 0 to 1."""
    eighths = round(min(max(share, 0.0), 1.0) * _BAR * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


def worded(answers: Mapping[str, Json]) -> str:
    """Answers as a person says them: `use_ets + no telemetry + one_for_one`."""
    return " + ".join(_word(name, value) for name, value in answers.items())


def _word(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return value if isinstance(value, str) else f"{name} = {value}"


def _answer_rows(questions: Iterable[QuestionStatistics]) -> Iterable[list[str]]:
    for question in questions:
        for at, answer in enumerate(question.answers):
            yield [escape(question.question) if at == 0 else "", *_answer_cells(answer)]


def _answer_cells(answer: AnswerStatistics) -> list[str]:
    shown = [escape(answer.value), f"{answer.uses:,}"]
    if answer.share is None:
        shown += ["", ""]
    else:
        shown += [f"{answer.share:.0%}", bar(answer.share)]
    if answer.success is None:
        return [*shown, "", ""]
    return [*shown, _rate(answer.success, answer.success_interval), bar(answer.success)]


def _combination_row(each: Combination) -> list[str]:
    rate = _rate(each.success, each.interval)
    return [escape(worded(each.answers)), rate, bar(each.success), f"{each.uses:,}"]


def _failure_row(each: FailureAssociation) -> list[str]:
    return [
        escape(worded(each.answers)),
        f"{each.failure:.1%}",
        f"{each.failure_of_rest:.1%}",
        f"{each.lift:.1f} times",
        f"{each.sample:,}",
        f"{each.q_value:.2g}",
    ]


def _drift_row(each: Drift) -> list[str]:
    of = f" of {worded(each.answer)}" if each.answer else ""
    return [
        escape(f"{each.what}{of}"),
        f"{each.before:.1%}",
        f"{each.recent:.1%}",
        f"{each.q_value:.2g}",
    ]


def _rate(rate: float, interval: Interval) -> str:
    """A rate with the interval in which it credibly lies."""
    return f"{rate:.1%} ({interval.low:.0%} to {interval.high:.0%})"
