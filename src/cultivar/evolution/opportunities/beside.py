"""Failures of a prompt that may be those of another one, which was bettered since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from cultivar.evals.trying.conversations import conversation_of
from cultivar.lifecycle import Artifact, ArtifactVersion, Execution

Current = Callable[[Artifact], ArtifactVersion | None]
"""Knows the version of an artifact that is used; None where there is none."""


def outdated(executions: Sequence[Execution], current: Current) -> frozenset[str]:
    """The ids of failed uses beside a version of another prompt that is not used any more.

    Several prompts share the blame for a reply; once one of them is another, nobody knows whether
    the rest still fail.

    Args:
        executions: Uses of one prompt.
        current: Knows what is used now.
    """

    @cache
    def used(name: str) -> str:
        version = current(Artifact(kind="prompt", name=name))
        return version.tree_hash if version else ""

    def is_outdated(use: Execution) -> bool:
        talk = conversation_of(use.inputs)
        turns = talk.turns if talk else ()
        others = (each for each in turns if each.prompt and each.content is not None)
        return any(used(each.prompt) not in {"", each.version} for each in others)

    return frozenset(each.id for each in executions if each.error and is_outdated(each))
