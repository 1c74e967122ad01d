"""`generate` and `resume`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.changes import show_upgraded, show_waiting
from cultivar.cli.options import command
from cultivar.cli.output import (
    answers_table,
    console,
    counted,
    escape,
    plain,
    print_json,
    proof_table,
    summary,
    verdict_line,
)
from cultivar.cli.running import RunOptions, opened, progress, said_answers
from cultivar.errors import DestinationError

if TYPE_CHECKING:
    from rich.console import Console

    from cultivar.application.cultivar import Cultivar
    from cultivar.application.generating import Generated, GenerateOptions
    from cultivar.application.upgrading import Upgraded
    from cultivar.model import Delivery, Generation


class GenerateCommand(RunOptions):
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


class ResumeCommand(RunOptions):
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
    with opened(options) as (cultivar, ask):
        made: Generated | Upgraded
        try:
            with progress(cultivar, quiet=options.as_json):
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
        "answers": {**answers, **said_answers(options.answer)},
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
    with opened(options) as (cultivar, ask):
        if cultivar.improves(options.run):
            return _improve_on(options, cultivar)
        with progress(cultivar, quiet=options.as_json):
            made = cultivar.resume(
                options.run, ask=ask, answers=said_answers(options.answer), force=options.force
            )
        return _report(made, cultivar, as_json=options.as_json)


def _improve_on(options: ResumeCommand, cultivar: Cultivar) -> int:
    from cultivar.cli.improving import show_improved

    with progress(cultivar, quiet=options.as_json):
        improved = cultivar.improve_on(options.run)
    show_improved(improved, as_json=options.as_json)
    return 0


def _report(made: Generated | Upgraded, cultivar: Cultivar, *, as_json: bool) -> int:
    """Show what became of a run; returns the exit code."""
    from cultivar.application.upgrading import Upgraded

    if isinstance(made, Upgraded):
        return show_upgraded(made, as_json=as_json)
    generation = cultivar.generation(made.generation_id) if made.generation_id else None
    if as_json:
        print_json(_facts(made, generation))
    elif made.question is not None:
        show_waiting(made.run_id, made.question)
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
        to.print(proof_table(generation.proof))
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
        calls, tokens = counted(usage.calls, "model call"), counted(usage.tokens, "token")
        to.print(f"{calls}, {tokens}, ${usage.money:.4f}\n")


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
