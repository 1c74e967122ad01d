"""What no candidate of a prompt may do, whoever made it; seen before any of it is paid for.

The invariant: what is admitted says something of all that the prompt is given, fences off what
nobody vetted as firmly as before, and knows no case by heart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from cultivar.errors import TemplateError, UnsafeError
from cultivar.evals.trying.conversations import data_of, variables_of
from cultivar.evals.trying.spelling import is_whole
from cultivar.evolution.artifacts.verifying import unusable_prompt
from cultivar.evolution.operators.prompts.study import Study
from cultivar.evolution.operators.refusing import Limits, by_heart, too_much
from cultivar.lifecycle import Execution
from cultivar.llm.rendering import rendered
from cultivar.prompt import Prompt
from cultivar.tree import Tree

_FENCE: Final = "fence"
"""The variable that what nobody vetted stands between."""


def why_not(after: Tree, study: Study) -> str:
    """Say why a version of a prompt is refused; empty where it may be tried.

    Args:
        after: Its one file.
        study: What it was made from, and from what.
    """
    before, uses = study.prompt.tree, (*study.failures, *study.successes)
    limits = Limits(
        cases=tuple(data_of(each.inputs) for each in uses),
        sealed=study.sealed,
        tried=frozenset(study.order.tried),
    )
    found = too_much(before, after, limits) or unusable_prompt(after, before)
    return (
        found
        or _unfenced(study.prompt.text, after.text(study.prompt.file))
        or _unrendered(Prompt(artifact=study.prompt.artifact, tree=after), study.prompt, uses)
        or by_heart(before, after, limits)
    )


def _unfenced(before: str, after: str) -> str:
    """Whether a line is gone that tells data from instructions."""
    lost = Counter(_fences(before)) - Counter(_fences(after))
    line = next(iter(lost), "")
    return f"It changes how data is fenced off: {line!r} is gone." if line else ""


def _fences(text: str) -> Iterable[str]:
    return (each.strip() for each in text.splitlines() if _FENCE in each)


def _unrendered(after: Prompt, before: Prompt, uses: Iterable[Execution]) -> str:
    """Whether it does not render where the version before did."""
    for use in uses:
        if is_whole(use.inputs) and not _broken(before, use) and (why := _broken(after, use)):
            return f"It does not render with variables that its parent takes: {why}"
    return ""


def _broken(prompt: Prompt, use: Execution) -> str:
    try:
        rendered(prompt, variables_of(use.inputs))
    except (TemplateError, UnsafeError) as error:
        return error.what
    return ""
