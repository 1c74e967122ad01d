"""Which uses get the canary of an artifact: a stable share of the units that use it.

The invariant: who gets it depends on nothing but the artifact, the version, the unit and the share;
who has it with a small share has it with a larger one.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cultivar.ledger.improvements import ArtifactStore, ExperimentStore
from cultivar.lifecycle import CANARY, Artifact, Release

_BITS: Final = 53
"""As many as a float holds exactly."""


def receives(artifact: Artifact, unit: str, share: float, salt: str) -> bool:
    """Whether a unit gets the canary.

    Args:
        artifact: Of which.
        unit: Of a template the id of the run; of a tool that of the session that uses it.
        share: Of the units that get it, 0 to 1.
        salt: The tree hash of the canary, so that each canary goes to others.
    """
    said = "\0".join((artifact.id, salt, unit)).encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.sha256(said).digest()[:8], "big") >> (64 - _BITS)
    return number < share * (1 << _BITS)


def running_canary(
    artifacts: ArtifactStore, experiments: ExperimentStore, artifact: Artifact
) -> Release | None:
    """The canary of an artifact that runs now; without one it takes a single query.

    The release says whether it runs; an alias that is left over from one that ended says nothing.
    """
    pointer = artifacts.pointer(artifact, CANARY)
    if pointer is None:
        return None
    found = (each for each in experiments.releases(artifact) if each.status == "canary")
    return next((each for each in found if each.after == pointer.tree_hash), None)
