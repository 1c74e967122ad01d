"""How what an upgrade did looks: a list for people, facts for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cultivar.cli.output import escape, plain, print_json, proof_table, show

if TYPE_CHECKING:
    from cultivar.application.upgrading import Upgraded
    from cultivar.model import OpenQuestion
    from cultivar.upgrades import AnswerChange, FileChange, UpgradeReport

_SIGNS: Final = {
    "added": "[green]+[/]",
    "changed": "[yellow]~[/]",
    "deleted": "[red]-[/]",
    "moved": "[cyan]→[/]",
    "kept": "=",
    "conflict": "[bold red]![/]",
}

_RISKS: Final = {"low": "[green]low[/]", "medium": "[yellow]medium[/]", "high": "[red]high[/]"}


CONFLICTS: Final = 3
"""The exit code of an upgrade that left conflicts for a person."""


def show_upgraded(made: Upgraded, *, as_json: bool) -> int:
    """Show what became of an upgrade; returns the exit code."""
    if as_json:
        print_json(_facts(made))
    else:
        _show(made)
    return _code(made)


def show_all_upgraded(made: Sequence[Upgraded], *, as_json: bool) -> int:
    """Show what became of several upgrades; returns the exit code."""
    if as_json:
        print_json([_facts(each) for each in made])
    else:
        for each in made:
            _show(each)
    return max(map(_code, made))


def show_waiting(run_id: str, question: OpenQuestion) -> None:
    """Show what a run waits for, and how it goes on."""
    show(
        f"The run waits for an answer to `{escape(question.name)}`.\n"
        f"Go on with: cultivar resume {run_id} --interactive"
    )


def _show(made: Upgraded) -> None:
    if made.question is None:
        _print(made)
    else:
        show_waiting(made.run_id, made.question)


def _code(made: Upgraded) -> int:
    if made.report.conflicts:
        return CONFLICTS
    return 1 if made.report.proof.verdict == "failed" else 0


def _facts(made: Upgraded) -> dict[str, Any]:
    """An upgrade for programs: what `--json` prints."""
    report = made.report
    return {
        "run_id": made.run_id,
        "generation_id": made.generation_id,
        **plain(report),
        "conflicts": [
            {"path": each.path, "reason": each.reason, "places": each.places}
            for each in report.conflicts
        ],
        "answers": [plain(each) for each in made.answers if not each.computed],
        "answer_changes": plain(report.answers),
        "verdict": report.proof.verdict,
        "waits_for": plain(made.question),
    }


def _print(made: Upgraded) -> None:
    """An upgrade for people."""
    report = made.report
    show(_headline(report))
    if report.up_to_date:
        show("Nothing to do: it is up to date.")
        return
    if report.diff:
        show(escape(report.diff))
    for change in report.files:
        show(_file_line(change))
    for answer in report.answers:
        show(_answer_line(answer))
    _print_scripts(report)
    if report.proof.results:
        show(proof_table(report.proof))
    for result in report.proof.results:
        if result.verdict != "passed":
            show(f"[bold]{escape(result.check)}[/]: {escape(result.output.strip())}\n")
    show(f"Risk: {_RISKS[report.risk.level]}{_because(report.risk.reasons)}")
    if report.message:
        show(escape(report.message))
    _print_end(made)


def _headline(report: UpgradeReport) -> str:
    versions = f"{escape(report.from_version)} → {escape(report.to_version)}"
    return f"[bold]{escape(report.template_id)}[/] {versions} in {escape(report.folder)}\n"


def _file_line(change: FileChange) -> str:
    came = f" (was {escape(change.moved_from)})" if change.moved_from else ""
    places = f"{change.places} places: " if change.places > 1 else ""
    why = f"  [dim]{escape(places + change.reason)}[/]" if change.reason else ""
    return f"  {_SIGNS[change.action]} {escape(change.path)}{came}{why}"


def _answer_line(change: AnswerChange) -> str:
    told = {
        "new": f"new, {escape(change.new)}",
        "renamed": f"kept, was `{escape(change.why)}`",
        "adopted": f"{escape(change.old)} → {escape(change.new)}, the template's new default",
        "refused": f"{escape(change.old)} is not taken any more: {escape(change.why)}",
        "dropped": "not asked any more",
    }[change.kind]
    return f"  ? {escape(change.name)}: {told}"


def _print_scripts(report: UpgradeReport) -> None:
    for script in report.scripts:
        again = "" if script.idempotent else " [yellow](a second run would change more)[/]"
        show(f"  $ {escape(script.command)} [dim]{script.stage} {script.version}[/]{again}")


def _because(reasons: tuple[str, ...]) -> str:
    return f" ({escape('; '.join(reasons))})" if reasons else ""


def _print_end(made: Upgraded) -> None:
    """What was left, and what to do about it."""
    report = made.report
    open_ones = report.conflicts
    if open_ones and not made.generation_id:
        show(f"\nNothing was written. {len(open_ones)} files would be left in conflict.")
    elif open_ones:
        files = "1 conflict is" if len(open_ones) == 1 else f"{len(open_ones)} conflicts are"
        show(
            f"\n[bold red]{files} left.[/] Settle the files and `git add` them, or use "
            f"`git mergetool`; `cultivar undo {made.run_id[:8]}` takes the upgrade back."
        )
    elif made.generation_id:
        show(f"\nDone. `cultivar undo {made.run_id[:8]}` takes it back.")
    elif report.proof.verdict == "failed":
        show("\nNothing was written: required checks failed. `--force` writes it all the same.")
    else:
        show("\nNothing was written.")
