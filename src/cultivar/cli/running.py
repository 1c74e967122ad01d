"""What all commands share that start a run: their options, the step it is at, and questions."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cultivar.cli.beside import taken
from cultivar.cli.output import console, escape, plain, printable
from cultivar.errors import UsageError
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.cultivar import Cultivar
    from cultivar.application.opened import Ask
    from cultivar.machine import Event
    from cultivar.model import Json, OpenQuestion

STEPS = {
    "find": "looking at what is there",
    "before": "running migration scripts",
    "render": "rendering both versions",
    "merge": "merging",
    "propose": "looking for proposals",
    "after": "running migration scripts",
    "commit": "writing",
    "choose": "choosing the template",
    "infer": "inferring the answers",
    "ask": "asking",
    "recall": "recalling failures",
    "draft": "drafting",
    "prove": "proving it in the sandbox",
    "learn": "learning",
    "look": "looking for what fails",
    "judge": "judging",
    "settle": "deciding",
    "deliver": "writing",
    "record": "recording",
}


class RunOptions(Record):
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


@contextmanager
def opened(options: RunOptions) -> Generator[tuple[Cultivar, Ask | None]]:
    """An open workspace under the options, and who is asked."""
    from cultivar.application.cultivar import Cultivar
    from cultivar.settings import load_settings

    given: dict[str, Any] = {}
    if options.model:
        given["model"] = {"name": options.model}
    if options.budget:
        given["budget"] = dict(map(limit_of, options.budget))
    with Cultivar(load_settings(**given), services=taken()) as cultivar:
        yield cultivar, ask if options.interactive and _someone_is_there() else None


def limit_of(given: str) -> tuple[str, str]:
    """The kind and the limit of `--budget KIND=N`.

    Raises:
        UsageError: It is not written so.
    """
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


def said_answers(given: list[str] | None) -> Mapping[str, object]:
    """The answers of `--answer NAME=VALUE`, by question."""
    from cultivar.templating.reading.casting import parse_answer_text

    return dict(parse_answer_text(each) for each in given or ())


@contextmanager
def progress(cultivar: Cultivar, *, quiet: bool) -> Generator[None]:
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


def ask(question: OpenQuestion) -> Json:
    """Put a question to the person at the terminal."""
    import questionary

    if question.error:
        console(stderr=True).print(f"[red]{escape(question.error)}[/]")
    if question.evidence:
        console(stderr=True).print(f"[dim]{escape(question.evidence)}[/]")
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
