"""`eval`: try versions on the cases of a suite, and say which is how good."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cultivar.cli.options import command
from cultivar.cli.output import MARKS, NOT_VERIFIED, console, escape, plain, print_json, show, table
from cultivar.errors import WriteError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.evaluating import EvalOrder
    from cultivar.evals.executing.running import Told
    from cultivar.evals.reporting.evaluation import Evaluation, Summary

_MISSED: Final = 1
_UNKNOWN: Final = 6
_SHOWN: Final = 20
"""Trials that did not pass, of which it is said why."""


class EvalCommand(Record):
    """What a user may say to `cultivar eval`."""

    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="The suite, a YAML file.")]
    version: Annotated[
        list[str] | None,
        typer.Option("--version", metavar="V", help="Version, tag, folder or hash; repeatable."),
    ] = None
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A B", help="Whether B differs from A, for sure."),
    ] = None
    repeat: Annotated[
        int, typer.Option("--repeat", min=0, max=1000, help="Try each case N times.")
    ] = 0
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, max=1000, help="Trials at a time; 0: one a CPU.")
    ] = 0
    executor: Annotated[
        str, typer.Option("--executor", metavar="NAME", help="`local`, or `ray` for many machines.")
    ] = "local"
    min_pass_rate: Annotated[
        float | None,
        typer.Option("--min-pass-rate", min=0, max=1, help="Else what the suite says."),
    ] = None
    trust: Annotated[
        bool, typer.Option("--trust", help="Let a template's own code run, in the sandbox.")
    ] = False
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML.")
    ] = None
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures.")
    ] = None
    model: Annotated[
        str, typer.Option(metavar="NAME", help="The model, as litellm names it; `builtin` is none.")
    ] = ""
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "eval", EvalCommand)(evaluate)


def evaluate(options: EvalCommand) -> int:
    """Try versions of a template, tool or prompt on the cases of a suite.

    What is known from an earlier run is not tried again; a run that was killed goes on from there.

    Example: cultivar eval evals/suites/python_production.yaml --version 1.0.0 --html report.html
    """
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.evaluating import evaluate as try_all
    from cultivar.settings import load_settings

    given: dict[str, Any] = {"model": {"name": options.model}} if options.model else {}
    order = _order(options)
    with Cultivar(load_settings(**given)) as cultivar, _progress() as told:
        done = try_all(cultivar.services, order, told)
    _write(done, options)
    if options.as_json:
        print_json(_facts(done))
    else:
        _show(done)
    return _code(done)


def _order(options: EvalCommand) -> EvalOrder:
    from cultivar.application.evaluating import EvalOrder

    return EvalOrder(
        suite=options.suite,
        versions=tuple(options.version or ()),
        compare=options.compare,
        repeats=options.repeat,
        workers=options.jobs,
        executor=options.executor,
        min_pass_rate=options.min_pass_rate,
        trust=options.trust,
    )


@contextmanager
def _progress() -> Generator[Told]:
    """Show how far it is, on a terminal."""
    to = console(stderr=True)
    if not to.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=to, transient=True) as progress:
        task = progress.add_task("trying", total=None)
        yield lambda _: progress.advance(task)


def _write(done: Evaluation, options: EvalCommand) -> None:
    if options.junit is not None:
        from cultivar.evals.reporting.junit import junit_of

        _save(options.junit, junit_of(done))
    if options.html is not None:
        from cultivar.evals.reporting.page import page_of

        _save(options.html, page_of(done))


def _save(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise WriteError(
            f"The report `{file}` cannot be written: {error.strerror}.",
            "Name a file in a folder that is there; what was tried is not tried again.",
        ) from error


def _facts(done: Evaluation) -> dict[str, Any]:
    return {
        **plain(done),
        "summaries": [{**plain(each), "pass_rate": each.pass_rate} for each in done.summaries],
        "cached": sum(each.cached for each in done.results),
        "missed": [each.label for each in done.missed],
    }


def _show(done: Evaluation) -> None:
    columns = ["version", "passed", "pass rate", "95 %", "not verified", "score", "median", "cost"]
    rows = [_row(each) for each in done.summaries]
    show(table(f"{escape(done.suite)} · {escape(done.artifact.id)}", columns, rows))
    _show_failures(done)
    if done.comparison is not None:
        show(escape(done.comparison.sentence))
        words = done.comparison.recommendation.replace("_", " ")
        show(f"Recommendation: [bold]{words}[/]")
    cached = sum(each.cached for each in done.results)
    known = f", {cached} of them known from before" if cached else ""
    trials, cases = _counted(len(done.results), "trial"), _counted(len(done.cases), "case")
    show(f"{trials} of {cases}{known} · {done.seconds:.1f} s")
    for each in done.missed:
        rate = f"{each.pass_rate:.0%}"
        show(f"{escape(each.label)} passes {rate}, and must pass {done.min_pass_rate:.0%}.")


def _row(each: Summary) -> list[str]:
    rate = each.pass_rate
    return [
        escape(each.label),
        f"{each.passed} of {each.trials}",
        "" if rate is None else f"{rate:.0%}",
        "" if rate is None else f"{each.low:.0%} to {each.high:.0%}",
        str(each.not_verified or ""),
        "" if each.score is None else f"{each.score:.2f}",
        "" if each.seconds is None else f"{each.seconds:.2f} s",
        f"${each.money:.4f}" if each.money else "",
    ]


def _show_failures(done: Evaluation) -> None:
    from cultivar.evals.reporting.evaluation import named, reasons

    for version in done.versions:
        shown = [each for each in done.of(version) if each.verdict != "passed"]
        for result in shown[:_SHOWN]:
            mark = MARKS.get(result.verdict, NOT_VERIFIED)
            case = escape(named(done.case(result.case_id)))
            show(f"{escape(version.label)} · {case} {mark}\n{_indented(reasons(result))}")
        if len(shown) > _SHOWN:
            show(f"… and {len(shown) - _SHOWN} more; `--json` and `--html` have all.")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _indented(text: str) -> str:
    return "\n".join(f"  {escape(line)}" for line in text.strip().splitlines()[-10:])


def _code(done: Evaluation) -> int:
    worse = done.comparison is not None and done.comparison.recommendation == "roll_back"
    if done.missed or worse:
        return _MISSED
    return _UNKNOWN if done.unknown else 0
