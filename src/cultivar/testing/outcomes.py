"""Results of trials, written as what passed and failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.model import Verdict

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "P": "passed",
    "F": "failed",
    "R": "failed",
    "?": "not_verified",
}


def tried(version: str, outcomes: Mapping[str, str], **facts: Any) -> tuple[TrialResult, ...]:
    """The results of a version, like `tried("old", {"case": "PF?"})` for three repeats.

    Args:
        version: Its tree hash.
        outcomes: By case, what came of each repeat: passed, failed, refused, or `?` for not
            verified.
        facts: What else is said of each result, like `seconds=2.0`.
    """
    return tuple(
        TrialResult(
            case_id=case,
            tree_hash=version,
            repeat=repeat,
            verdict=_VERDICTS[letter],
            refused=letter == "R",
            **facts,
        )
        for case, letters in outcomes.items()
        for repeat, letter in enumerate(letters)
    )


def cases_of(names: Iterable[str], **facts: Any) -> tuple[TrialCase, ...]:
    """Cases with these ids; facts like `slice="windows"` hold of all of them."""
    return tuple(TrialCase(id=name, **facts) for name in names)
