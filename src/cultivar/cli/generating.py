"""`generate` and `resume`."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.options import command
from cultivar.cli.output import (
    answers_table,
    checks_table,
    console,
    escape,
    plain,
    print_json,
    printable,
    summary,
    verdict_line,
)
from cultivar.errors import DestinationError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from cultivar.application import Ask, Cultivar, Generated, GenerateOptions
    from cultivar.machine import Event
    from cultivar.model import Delivery, Generation, Json, OpenQuestion

STEPS = {
    "choose": "choosing the template",
    "infer": "inferring the answers",
    "ask": "asking",
    "recall": "recalling failures",
    "draft": "drafting",
    "prove": "proving it in the sandbox",
    "learn": "learning",
    "deliver": "writing",
    "record": "recording",
}


@dataclass(frozen=True, kw_only=True)
class _Model:
    """Options of every command that may call a model."""

    model: Annotated[
        str, typer.Option(metavar="NAME", help="The model, as litellm names it; `builtin` is none.")
    ] = ""
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=N", help="What the run may use: money (USD), tokens, calls, seconds."
        ),
    ] = None
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask what is unsure.")
    ] = False
    answer: Annotated[
        list[str] | None, typer.Option("--answer", "-a", metavar="K=V", help="Your own answer.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class GenerateCommand(_Model):
    """What a user may say to `cultivar generate`."""

    task: Annotated[str, typer.Argument(metavar="TASK", help="What you want, in words.")]
    template: Annotated[
        str,
        typer.Option("--template", "-t", metavar="ID|FOLDER|GIT", help="Else chosen by the task."),
    ] = ""
    ref: Annotated[str, typer.Option(metavar="TAG", help="Tag, branch or commit.")] = ""
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR")] = Path()
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers as YAML or JSON.")
    ] = None
    trust: Annotated[
        bool, typer.Option("--trust", help="Let the template's own code run, in the sandbox.")
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Replace files that differ.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; write nothing.")] = False
    keep_failed: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where a failed result is written.")
    ] = None
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Run untrusted code without a wall.")
    ] = False
    pre_releases: Annotated[
        bool, typer.Option("--pre-releases", help="Take a template's pre-release, if newest.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ResumeCommand(_Model):
    """What a user may say to `cultivar resume`."""

    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")]
    force: Annotated[bool, typer.Option("--force", help="Replace files that differ.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "generate", GenerateCommand)(generate)
    command(app, "resume", ResumeCommand)(resume)


def generate(options: GenerateCommand) -> int:
    """Make code for a task, prove it, and write it.

    Example: cultivar generate "An async TTL cache with metrics" --output out/
    """
    with _opened(options) as (cultivar, ask):
        try:
            with _progress(cultivar, quiet=options.as_json):
                made = cultivar.generate(options.task, ask=ask, **_said(options))
        except DestinationError as error:
            if ask is None or not _may_replace(error):
                raise
            made = cultivar.resume(error.run_id, ask=ask, force=True)
        return _report(made, cultivar, as_json=options.as_json)


def _said(options: GenerateCommand) -> GenerateOptions:
    from cultivar.templating.questions.answers_file import read_answers

    answers = read_answers(options.answers) if options.answers else {}
    return {
        "template": options.template,
        "ref": options.ref,
        "output": options.output,
        "answers": {**answers, **_answers(options.answer)},
        "interactive": options.interactive,
        "trust": options.trust,
        "force": options.force,
        "dry_run": options.dry_run,
        "keep_failed": options.keep_failed or "",
        "unconfined": options.unconfined,
        "pre_releases": options.pre_releases,
    }


def _may_replace(error: DestinationError) -> bool:
    """Show what would change, and ask."""
    import questionary

    console(stderr=True).print(escape(error.diff))
    question = f"{', '.join(error.paths)}: replace?"
    return bool(questionary.confirm(question, default=False).unsafe_ask())


def resume(options: ResumeCommand) -> int:
    """Take up a run that was interrupted or waits.

    Example: cultivar resume 3f2a
    """
    with _opened(options) as (cultivar, ask):
        with _progress(cultivar, quiet=options.as_json):
            made = cultivar.resume(
                options.run, ask=ask, answers=_answers(options.answer), force=options.force
            )
        return _report(made, cultivar, as_json=options.as_json)


@contextmanager
def _opened(options: _Model) -> Generator[tuple[Cultivar, Ask | None]]:
    from cultivar.application import Cultivar
    from cultivar.settings import load_settings

    given: dict[str, Any] = {}
    if options.model:
        given["model"] = {"name": options.model}
    if options.budget:
        given["budget"] = dict(_limit(each) for each in options.budget)
    with Cultivar(load_settings(**given)) as cultivar:
        yield cultivar, _ask if options.interactive and _someone_is_there() else None


def _limit(given: str) -> tuple[str, str]:
    kind, equals, limit = given.partition("=")
    if not equals:
        raise UsageError(f"`--budget {given}` names no limit.", "Write it like `--budget calls=5`.")
    return kind, limit


def _someone_is_there() -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            "`--interactive` needs a terminal, and standard input is none.",
            "Give what is unsure by `--answer NAME=VALUE`.",
        )
    return True


def _answers(given: list[str] | None) -> Mapping[str, object]:
    from cultivar.templating.reading.casting import parse_answer_text

    return dict(parse_answer_text(each) for each in given or ())


@contextmanager
def _progress(cultivar: Cultivar, *, quiet: bool) -> Generator[None]:
    """Show the step that a run is at, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status("starting") as status:

        def show(event: Event) -> None:
            status.update(STEPS.get(event.step, event.step))
            # A prompt and a spinner on one line would overwrite each other.
            (status.stop if event.step == "ask" else status.start)()

        cultivar.listen(show)
        yield


def _ask(question: OpenQuestion) -> Json:
    """Put a question to the person at the terminal."""
    import questionary

    if question.error:
        console(stderr=True).print(f"[red]{escape(question.error)}[/]")
    text = printable(f"{question.help or question.name} ({question.name})")
    reply: Json = _prompt(questionary, text, question).unsafe_ask()
    return reply


def _prompt(questionary: Any, text: str, question: OpenQuestion) -> Any:
    if question.choices:
        chosen = question.default if isinstance(question.default, list) else [question.default]
        choices = [
            questionary.Choice(
                printable(label), value, checked=question.multiselect and value in chosen
            )
            for label, value in question.choices
        ]
        if question.multiselect:
            return questionary.checkbox(text, choices=choices)
        first = next((each for each in choices if each.value == question.default), None)
        return questionary.select(text, choices=choices, default=first)
    if question.type == "bool":
        return questionary.confirm(text, default=bool(question.default))
    if question.secret:
        return questionary.password(text)
    default = "" if question.default is None else str(plain(question.default))
    return questionary.text(text, default=default)


def _report(made: Generated, cultivar: Cultivar, *, as_json: bool) -> int:
    """Show what became of a run; returns the exit code."""
    generation = cultivar.generation(made.generation_id) if made.generation_id else None
    if as_json:
        print_json(_facts(made, generation))
    elif made.question is not None:
        console().print(
            f"The run waits for an answer to `{escape(made.question.name)}`.\n"
            f"Go on with: cultivar resume {made.run_id} --interactive"
        )
    else:
        _show(made, generation)
    return 1 if generation is not None and generation.proof.verdict == "failed" else 0


def _facts(made: Generated, generation: Generation | None) -> dict[str, Any]:
    facts = {
        "run_id": made.run_id,
        "template_id": made.template.id,
        "template_version": made.template.version,
        "answers": [plain(each) for each in made.answers if not each.computed],
        "delivery": plain(made.delivery),
        "waits_for": plain(made.question),
    }
    return facts | (summary(generation) if generation else {"diff": made.diff})


def _show(made: Generated, generation: Generation | None) -> None:
    to = console()
    to.print(f"[bold]{escape(made.template.id)}[/] {escape(made.template.version)}\n")
    to.print(answers_table(made.answers))
    if generation is None:
        to.print(escape(made.diff) or "Nothing would change.")
        return
    if generation.proof.results:
        to.print(checks_table(generation.attempts[-1]))
    _show_model(generation, to)
    for result in generation.proof.results:
        if result.verdict != "passed":
            to.print(f"[bold]{escape(result.check)}[/]: {escape(result.output.strip())}\n")
    if made.delivery is not None:
        _show_delivery(made.delivery, to)
    else:
        to.print("Nothing was written: required checks failed. `--keep-failed DIR` keeps it.")
    to.print(verdict_line(generation))


def _show_model(generation: Generation, to: Console) -> None:
    """What a model wrote, and what it took."""
    draft, usage = generation.attempts[-1].draft, generation.usage
    for body in draft.slots:
        to.print(f"A model wrote `{escape(body.slot)}` in {escape(body.path)}.")
    for reason in draft.refused:
        to.print(f"[yellow]Refused[/] {escape(reason)}")
    if usage.calls:
        to.print(f"{usage.calls} model calls, {usage.tokens} tokens, ${usage.money:.4f}\n")


def _show_delivery(delivery: Delivery, to: Console) -> None:
    to.print(f"Written to [bold]{escape(delivery.folder)}[/]")
    for sign, paths in (
        ("[green]+[/]", delivery.added),
        ("[yellow]~[/]", delivery.replaced),
        ("=", delivery.unchanged),
        ("[dim]skipped[/]", delivery.skipped),
    ):
        for path in paths:
            to.print(f"  {sign} {escape(path.replace(chr(10), ' '))}")
    to.print()
