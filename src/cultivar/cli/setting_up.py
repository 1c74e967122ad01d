"""`init`, `templates` and `doctor`: what is here, and what may be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cultivar.cli.canaries import show_running
from cultivar.cli.options import command
from cultivar.cli.output import console, escape, plain, print_json, table
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.application.looking import Running
    from cultivar.templating.template import Question, Template


class InitCommand(Record):
    """What a user may say to `cultivar init`."""

    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The workspace.")] = Path()
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


class TemplatesCommand(Record):
    """What a user may say to `cultivar templates`."""

    template: Annotated[
        str, typer.Argument(metavar="[ID|FOLDER|GIT]", help="Show this one's questions.")
    ] = ""
    ref: Annotated[str, typer.Option(metavar="TAG", help="Tag, branch or commit.")] = ""
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


class DoctorCommand(Record):
    """What a user may say to `cultivar doctor`."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "init", InitCommand)(init)
    command(app, "templates", TemplatesCommand)(templates)
    command(app, "doctor", DoctorCommand)(doctor)


def init(options: InitCommand) -> None:
    """Make a folder a workspace, with a ledger of its own.

    Example: cultivar init
    """
    from cultivar.workspace import make_workspace

    made = make_workspace(options.folder)
    if options.as_json:
        print_json({"workspace": options.folder.resolve(), "added": made})
        return
    for path in made:
        console().print(f"  [green]+[/] {escape(path)}")
    if not made:
        console().print("It is a workspace already; nothing was changed.")


def templates(options: TemplatesCommand) -> None:
    """List the templates, or show one with its questions.

    Example: cultivar templates quality_template:python-production
    """
    from cultivar.application.cultivar import Cultivar

    with Cultivar() as cultivar:
        if options.template:
            template = cultivar.template(options.template, options.ref)
            named = options.template == template.ref.id and not options.ref
            canary = cultivar.canary("template", template.ref.id) if named else None
            _show_template(template, options, canary)
            return
        found, broken = cultivar.templates(), cultivar.broken_templates()
    if options.as_json:
        print_json([_facts(each) for each in found])
        return
    rows = [
        [escape(t.ref.id), escape(t.ref.version), t.language, escape(t.description)] for t in found
    ]
    console().print(table("Templates", ["id", "version", "language", "what it makes"], rows))
    for error in broken:
        console(stderr=True).print(f"[red]broken[/] {escape(str(error))}")


def doctor(options: DoctorCommand) -> int:
    """Say what is there, and what to do about what is not.

    Example: cultivar doctor
    """
    from cultivar.application.cultivar import Cultivar

    with Cultivar() as cultivar:
        findings = cultivar.doctor()
    if options.as_json:
        print_json(findings)
    else:
        marks = {"good": "[green]good[/]", "fair": "[yellow]fair[/]", "bad": "[red]bad[/]"}
        rows = [
            [marks[each.state], each.part, escape(each.what), escape(each.remedy)]
            for each in findings
        ]
        console().print(table("Doctor", ["", "part", "what is there", "what to do"], rows))
    return 6 if any(each.state == "bad" for each in findings) else 0


def _show_template(template: Template, options: TemplatesCommand, canary: Running | None) -> None:
    if options.as_json:
        more = {"questions": plain(template.questions), "canary": plain(canary)}
        print_json(_facts(template) | more)
        return
    to = console()
    to.print(f"[bold]{escape(template.ref.id)}[/] {escape(template.ref.version)}")
    show_running(canary)
    to.print(f"{escape(template.description)}\n")
    rows = [
        [escape(q.name), q.type, _default(q), escape(q.help)]
        for q in template.questions
        if q.when is not False
    ]
    to.print(table("Questions", ["name", "type", "default", "what it asks"], rows))
    checks = [
        [escape(c.name), escape(c.run), "required" if c.required else ""] for c in template.checks
    ]
    to.print(table("Checks", ["name", "command", ""], checks))


def _default(question: Question) -> str:
    """The default; one that is worked out from other answers is not shown as its formula."""
    text = question.default
    return "(from others)" if isinstance(text, str) and "{{" in text else escape(text)


def _facts(template: Template) -> dict[str, object]:
    return {
        "id": template.ref.id,
        "version": template.ref.version,
        "language": template.language,
        "description": template.description,
        "origin": template.ref.origin,
        "checks": plain(template.checks),
    }
