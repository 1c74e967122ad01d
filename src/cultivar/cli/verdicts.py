"""What trials said of a candidate, old beside new, and what to do about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cultivar.cli.output import console, counted, escape, show, table

if TYPE_CHECKING:
    from cultivar.evals.comparing.comparison import Recommendation
    from cultivar.lifecycle import Experiment, ExperimentStatus, GateVerdict

_UNITS: Final = {"time": "seconds", "cost": "US dollars", "quality": "quality"}
_OVER: Final[frozenset[ExperimentStatus]] = frozenset({"refused", "rejected", "stopped"})


def show_verdict(experiment: Experiment) -> None:
    """Show a verdict with what was measured of both versions, how sure it is, and the advice."""
    verdict = experiment.verdict
    if verdict is None:
        return
    show(escape(verdict.sentence))
    for reason in verdict.reasons:
        show(f"  {escape(reason)}")
    if not verdict.pairs:
        return
    rows = [_success(verdict), *(_aspect(verdict, name) for name in _UNITS if _told(verdict, name))]
    title = f"in {counted(verdict.pairs, 'trial')} of each"
    console().print(table("", [title, "before", "after", "change"], rows))
    sure = math.floor(verdict.confidence * 1000) / 1000  # nothing is sure by 100 %
    advice = recommendation_of(experiment)
    head = f"Recommendation: {advice.replace('_', ' ')}; confidence" if advice else "Confidence"
    show(f"{head} {sure:.1%}.\n")


def recommendation_of(experiment: Experiment) -> Recommendation | None:
    """What to do with a candidate; None where nothing is known of it yet, or nothing is to do."""
    from cultivar.evolution.gate.grounds import recommended

    if experiment.status == "rolled_back":
        return "roll_back"
    if experiment.verdict is None or experiment.status in _OVER:
        return None
    return recommended(experiment.verdict.decision)


def _success(verdict: GateVerdict) -> list[str]:
    numbers, change = verdict.numbers, verdict.after - verdict.before
    between = _between(numbers.get("low"), numbers.get("high"), "points")
    rates = [f"{verdict.before:.0%}", f"{verdict.after:.0%}"]
    return ["success", *rates, f"{change * 100:+.0f} points{between}"]


def _told(verdict: GateVerdict, name: str) -> bool:
    return f"{name}_before" in verdict.numbers and f"{name}_change" in verdict.numbers


def _aspect(verdict: GateVerdict, name: str) -> list[str]:
    numbers = verdict.numbers
    unit = "points" if name == "quality" else "%"
    between = _between(numbers.get(f"{name}_low"), numbers.get(f"{name}_high"), unit)
    ends = [f"{numbers[f'{name}_{end}']:.3g}" for end in ("before", "after")]
    return [_UNITS[name], *ends, f"{numbers[f'{name}_change'] * 100:+.0f} {unit}{between}"]


def _between(low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return ""
    return f" ({low * 100:+.0f} to {high * 100:+.0f} {unit})"
