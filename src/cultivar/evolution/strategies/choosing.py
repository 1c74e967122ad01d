"""How a new version is tried: a tool's by what the tool says it is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.lifecycle import Strategy
from cultivar.record import Record
from cultivar.tool import Characteristics
from cultivar.upgrades import RiskLevel


class Plan(Record):
    """How a version is tried before it is released, and what a person should know of that."""

    strategy: Strategy
    risk: RiskLevel
    """Of a release that goes by these trials."""
    steps: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    automatic: bool = False
    """Whether it may be released without a person's word, where that is switched on."""
    why: str = ""
    """Why it is this one, a sentence."""


def plan_for(like: Characteristics, *, uses: int | None = None, cases: int | None = None) -> Plan:
    """Choose how versions of a tool are tried.

    Args:
        like: What the tool says of itself.
        uses: How many uses are recorded that can be tried again; None: that is not asked.
        cases: How many cases the tool declares; None: go by what it says of its test data.

    Returns:
        The least risky plan that the characteristics allow and that there is something for.
    """
    reads_only = like.idempotent and not like.side_effects and not like.requires_mocking
    if reads_only and like.safe_for_shadow_testing:
        return _SHADOW
    if like.idempotent and not like.requires_mocking and uses != 0:
        return plan_by("REPLAY", like)
    if like.test_data_available and cases != 0:
        return plan_by("SYNTHETIC", like)
    return _MANUAL


def plan_by(strategy: Strategy, like: Characteristics) -> Plan:
    """What the plan of a chosen strategy is for a tool.

    Args:
        strategy: As it was chosen.
        like: What the tool says of itself.
    """
    if strategy == "REPLAY" and like.side_effects:
        return _CAREFUL_REPLAY
    if strategy == "SYNTHETIC" and like.requires_mocking:
        return _MOCKED
    return PLANS[strategy]


_SANDBOXED: Final = "Nothing leaves the sandbox: no file, no message, no network."

_SHADOW: Final = Plan(
    strategy="SHADOW",
    risk="low",
    steps=(
        "Run both versions on the recorded uses and on the tool's own cases, and let the gate"
        " judge.",
        "Go on answering every caller with the version that is used.",
        "Give each live input to both versions in the sandbox, when `improve` looks again.",
        "Release where surely 95 % of the live uses come out the same or better; where one comes"
        " out worse, ask a person.",
    ),
    automatic=True,
    why="It only reads, gives the same answer twice, and says that it may be used in the shadow.",
)

_REPLAY: Final = Plan(
    strategy="REPLAY",
    risk="low",
    steps=(
        "Take the recorded uses of the version that is used, as far as their inputs are whole.",
        "Expect what was recorded where it succeeded, and a success where it failed, unless one"
        " of its own cases wants it to fail there.",
        "Leave out what the old version does otherwise in the sandbox than in use.",
        "Run both versions on the rest, and let the gate judge.",
    ),
    automatic=True,
    why="It only reads and gives the same answer twice, and there is a history to go by.",
)

_CAREFUL_REPLAY: Final = Plan(
    strategy="REPLAY",
    risk="medium",
    steps=_REPLAY.steps,
    warnings=(
        "It has side effects. " + _SANDBOXED + " So what it returns is compared, and what it"
        " does to others is not.",
    ),
    why="It gives the same answer twice, so its history can be replayed; its side effects stay"
    " in the sandbox and are not judged.",
)

_SYNTHETIC: Final = Plan(
    strategy="SYNTHETIC",
    risk="medium",
    steps=(
        "Run both versions on the cases that the tool declares.",
        "Make more inputs from the values of recorded uses and of the cases, and expect that the"
        " new version gives what the old one gives twice.",
        "Show a person what came of it.",
    ),
    warnings=("The cases show what somebody thought of, not what happens in use.",),
    why="Its uses cannot be repeated, but it declares cases.",
)

_MOCKED: Final = Plan(
    strategy="SYNTHETIC",
    risk="medium",
    steps=_SYNTHETIC.steps,
    warnings=(
        *_SYNTHETIC.warnings,
        "It needs something outside that the sandbox does not have: a case that fails with both"
        " versions says nothing of either.",
    ),
    why="It needs mocks, so its uses cannot be repeated here, but it declares cases.",
)

_MANUAL: Final = Plan(
    strategy="MANUAL",
    risk="high",
    steps=(
        "Read what the candidate changes.",
        "Look at the recorded failures that it is meant to mend.",
        "Try it by hand, where that does no harm.",
        "Approve it, or reject it with a reason.",
    ),
    warnings=("Nothing is run by itself: nobody knows what a trial of this tool would do.",),
    why="It has side effects or gives different answers, and there is nothing to try it on.",
)

TEMPLATE: Final = Plan(
    strategy="REPLAY",
    risk="low",
    steps=(
        "Take the answers of recorded uses, those first that failed, every two closed answers"
        " together once, and what suites say.",
        "Render both versions with them, run the template's checks on what comes out, and let the"
        " gate judge.",
    ),
    automatic=True,
    why="What a template makes is run behind the wall alone, so its history can be replayed.",
)
"""How versions of templates are tried."""

PROMPT: Final = Plan(
    strategy="SYNTHETIC",
    risk="medium",
    steps=(
        "Ask the model with both versions: what failed in use, what worked, and what suites say;"
        " again and again, since no reply is like the other.",
        "Show a person what came of it.",
    ),
    warnings=("Each trial asks the model, and is paid for.",),
    why="What a prompt leads to differs from one time to another.",
)
"""How versions of prompts are tried."""

PLANS: Final[Mapping[Strategy, Plan]] = {
    "SHADOW": _SHADOW,
    "REPLAY": _REPLAY,
    "SYNTHETIC": _SYNTHETIC,
    "MANUAL": _MANUAL,
}
"""The plan of each strategy for a tool, where nothing is special."""
