"""An evaluation as a page: one file with its pictures in it, for dark and for light.

The invariant: nothing is fetched, nothing of a suite or of a version is anything but text.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cultivar.evals.reporting.evaluation import Evaluation, Summary, named, reasons
from cultivar.evals.reporting.pictures import bars, matrix, pass_rates

if TYPE_CHECKING:
    from cultivar.evals.comparing.comparison import Comparison

_STYLE: Final = Path(__file__).with_name("page.css")
_COLUMNS: Final = (
    *("version", "passed", "pass rate", "95 %", "not verified", "score", "quality"),
    *("median", "cost"),
)


def page_of(done: Evaluation) -> str:
    """`done` as a document of HTML."""
    title = escape(f"{done.suite} · {done.artifact.id}")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>",
            f"<body>\n<main>\n<h1>{title}</h1>",
            *_parts(done),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _parts(done: Evaluation) -> Iterator[str]:
    summaries = done.summaries
    yield f"<p>{len(done.results)} trials of {len(done.cases)} cases.</p>"
    if done.comparison is not None:
        yield _compared(done.comparison)
    yield _table(summaries)
    yield f"<h2>Pass rate</h2>\n<figure>{pass_rates(summaries)}</figure>"
    yield "<p>The lines show where each rate credibly lies, at 95 %.</p>"
    yield f"<h2>Trials</h2>\n<figure>{matrix(done)}</figure>"
    yield '<p class="key"><i class="passed"></i> passed <i class="failed"></i> failed '
    yield '<i class="not_verified"></i> not verified</p>'
    timed = [each for each in summaries if each.seconds is not None]
    if timed:
        yield f"<h2>Time</h2>\n<figure>{bars(timed, _seconds, 's')}</figure>"
    if any(each.money for each in summaries):
        yield f"<h2>Cost</h2>\n<figure>{bars(summaries, _money, '$')}</figure>"
    yield from _failures(done)


def _seconds(summary: Summary) -> float:
    return summary.seconds or 0.0


def _money(summary: Summary) -> float:
    return summary.money


def _compared(found: Comparison) -> str:
    words = found.recommendation.replace("_", " ")
    return (
        f'<section class="compared"><p>{escape(found.sentence)}</p>'
        f"<p>Recommendation: <strong>{escape(words)}</strong></p></section>"
    )


def _table(summaries: tuple[Summary, ...]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in _COLUMNS)
    body = "".join(f"<tr>{_row(each)}</tr>" for each in summaries)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(each: Summary) -> str:
    rate = each.pass_rate
    cells = [
        each.label,
        f"{each.passed} of {each.trials}",
        "" if rate is None else f"{rate:.0%}",
        "" if rate is None else f"{each.low:.0%} to {each.high:.0%}",
        str(each.not_verified or ""),
        "" if each.score is None else f"{each.score:.2f}",
        "" if each.quality is None else f"{each.quality:.2f}",
        "" if each.seconds is None else f"{each.seconds:.2f} s",
        f"${each.money:.4f}" if each.money else "",
    ]
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _failures(done: Evaluation) -> Iterator[str]:
    shown = [
        (version.label, result)
        for version in done.versions
        for result in done.of(version)
        if result.verdict != "passed"
    ]
    if not shown:
        return
    yield "<h2>What did not pass</h2>"
    for label, result in shown:
        case = escape(named(done.case(result.case_id)))
        said = escape(reasons(result))
        yield (f"<details><summary>{escape(label)} · {case}</summary><pre>{said}</pre></details>")
