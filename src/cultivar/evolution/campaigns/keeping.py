"""Which cases of earlier campaigns count: those whose expectation nobody has replaced since.

The invariant: what a version of a tool gave is no expectation of what a person made of it later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cultivar.evolution.artifacts.recording import PERSON, SHIPPED
from cultivar.lifecycle import ArtifactVersion, Opportunity, TrialCase
from cultivar.record import replace

MOST_KEPT: Final = 400
"""Cases of earlier campaigns that are tried at most, the newest ones."""


def recorded(case: TrialCase, opportunity: Opportunity) -> TrialCase:
    """The case, which says of which version it tells."""
    return replace(case, recorded_from=opportunity.tree_hash)


def still_meant(
    kept: Sequence[TrialCase], versions: Sequence[ArtifactVersion], current: ArtifactVersion
) -> tuple[TrialCase, ...]:
    """The newest of the kept cases that hold of the version in use.

    What is expected of a tool was recorded from a version. A person who edits the tool means
    another behaviour, perhaps; so what was recorded before says nothing any more. Of templates and
    prompts nothing but inputs is recorded: what is expected of these they say themselves.

    Args:
        kept: Cases of earlier campaigns, the oldest first.
        versions: All that the artifact ever had.
        current: The one that is used.
    """
    if current.artifact.kind != "tool":
        return tuple(kept[-MOST_KEPT:])
    meant = _since_a_person(versions, current)
    return tuple(each for each in kept if each.recorded_from in meant)[-MOST_KEPT:]


def _since_a_person(versions: Sequence[ArtifactVersion], current: ArtifactVersion) -> set[str]:
    """The tree hashes of the version in use and of what it was made from, up to a person's."""
    known = {each.tree_hash: each for each in versions}
    found, at = set[str](), current
    while at.tree_hash not in found:
        found.add(at.tree_hash)
        if at.made_by not in {PERSON, SHIPPED}:
            at = known.get(at.parent, at)
    return found
