"""What was tried to improve, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cultivar.cli.grid import Column, Grid, show_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cultivar.lifecycle import Experiment

WATCHES: Final = {
    "preparing": "on its way",
    "watching": "watched",
    "canary": "a canary",
    "kept": "kept",
    "rolled_back": "taken back",
}
"""What became of a release, in words."""

_LONGEST: Final = 100
"""Of what is said of an experiment in a list, in characters."""


def show_experiments(
    title: str, found: tuple[Experiment, ...], watched: Mapping[str, str] | None = None
) -> None:
    """Show what was tried as a table.

    Args:
        title: Above it.
        found: What was tried.
        watched: Whether what was released is watched or kept, by the experiment's id.
    """
    columns = ("experiment", "artifact", "state", "passed", "what, and why")
    rows = [_row(each, (watched or {}).get(each.id, "")) for each in found]
    show_grid(Grid(title=title, columns=[Column(name=each) for each in columns], rows=rows))


def _row(experiment: Experiment, watched: str) -> tuple[str, ...]:
    candidate, verdict = experiment.candidate, experiment.verdict
    passed = f"{verdict.before:.0%} → {verdict.after:.0%}" if verdict and verdict.pairs else ""
    return (
        experiment.id[:8],
        candidate.artifact.id,
        _state(experiment, watched),
        passed,
        _cut(_reason(experiment) or candidate.description),
    )


def _state(experiment: Experiment, watched: str) -> str:
    status = experiment.status.replace("_", " ")
    return f"{status}, {WATCHES[watched]}" if status == "released" and watched else status


def _reason(experiment: Experiment) -> str:
    """What became of it, where that says more than what it changes."""
    if experiment.status == "waiting":
        return f"{experiment.reason} {experiment.candidate.description}"
    return "" if experiment.status == "stopped" else experiment.reason


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
