"""How a canary and the version beside it do, as `experiments` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cultivar.cli.output import console, escape, print_json, show, table

if TYPE_CHECKING:
    from cultivar.application.looking import Running
    from cultivar.evals.comparing.aspects import AspectChange
    from cultivar.evolution.canary.judging import CanaryReport
    from cultivar.lifecycle import Experiment, Release

ADVICE: Final = {
    "deploy": "Deploy it.",
    "continue_testing": "Continue testing.",
    "roll_back": "Roll it back.",
}
"""What to do, in words."""

_NAMES: Final = {"seconds": "seconds", "money": "US dollars", "quality": "quality"}


def show_canary(report: CanaryReport, experiment: Experiment) -> None:
    """Show how a canary does beside the version that is used, and what to do about it.

    Args:
        report: How it does.
        experiment: Its own; when that has ended there is nothing left to do.
    """
    show(f"Canary for {report.share:.0%}: {escape(report.sentence)}")
    rows = [_uses(report), _success(report), *(_aspect(each) for each in report.aspects)]
    console().print(table("", ["in use", "without it", "with it", "change"], rows))
    advice = f"{ADVICE[report.recommendation]} " if experiment.status == "canary" else ""
    said = f"{advice}In {report.pairs:,} pairs of uses, "
    show(f"{said}sure by {report.confidence:.1%} which one succeeds more often.")
    if not report.pairs and experiment.candidate.artifact.kind == "tool":
        show("A session counts when it has ten uses, or an hour after its first one.")
    show("")


def canary_line(made: Release) -> str:
    """A canary that runs, in a line."""
    name, reason = escape(made.artifact.id), escape(made.reason)
    return f"[green]Canary:[/] {name} for {made.share:.0%} of the uses: {reason}"


def show_ended(made: Release, *, as_json: bool) -> None:
    """Show a canary that a person has ended."""
    if as_json:
        print_json(made)
        return
    name, reason = escape(made.artifact.id), escape(made.reason)
    show(f"[green]Canary ended:[/] {name}: {reason} Nothing on the disk has changed.")


def show_running(canary: Running | None) -> None:
    """Say that some uses get another version than the one that is on the disk."""
    if canary is not None:
        version, share = escape(canary.version), f"{canary.share:.0%}"
        show(f"[cyan]canary[/] {version} is what {share} of the uses get.")


def _uses(report: CanaryReport) -> list[str]:
    return ["uses", f"{report.units_before:,}", f"{report.units_after:,}", ""]


def _success(report: CanaryReport) -> list[str]:
    between = f"{report.low * 100:+.0f} to {report.high * 100:+.0f} points"
    return ["success", f"{report.before:.1%}", f"{report.after:.1%}", between]


def _aspect(change: AspectChange) -> list[str]:
    ends = (change.low * 100, change.high * 100)
    between = f"{ends[0]:+.0f} to {ends[1]:+.0f} {'points' if change.aspect == 'quality' else '%'}"
    return [_NAMES[change.aspect], f"{change.before:.3g}", f"{change.after:.3g}", between]
