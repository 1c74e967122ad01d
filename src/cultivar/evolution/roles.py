"""The seats of who finds what to improve, and of who improves it."""

from __future__ import annotations

from typing import Final

from cultivar.lifecycle import Artifact, Candidate, Opportunity
from cultivar.record import Record
from cultivar.roles import Role


class AnalysisOrder(Record):
    """Say what is worth improving."""

    artifacts: tuple[Artifact, ...] = ()
    """Which to look at; empty: all that was used."""
    threshold: float = 0.8
    """The success rate under which an artifact is failing."""
    limit: int = 10
    """How many opportunities to tell, the most worthwhile first."""


class Analysis(Record):
    """What is worth improving."""

    opportunities: tuple[Opportunity, ...] = ()
    looked_at: int = 0
    """How many artifacts there were to look at."""
    unsure: tuple[str, ...] = ()
    """Of which there was too little evidence, a sentence each."""


class ImprovementOrder(Record):
    """Make versions that mend what an opportunity shows."""

    run_id: str
    opportunity: Opportunity
    tried: tuple[str, ...] = ()
    """The tree hashes of candidates that were tried before; none of them is made again."""
    most: int = 4
    """How many to make."""
    unconfined: bool = False
    """Whether the user lets untrusted code run without a wall."""


NOT_ASKED: Final = "The model was not asked"
"""How the reason of a refusal begins that says nothing of any candidate."""


class Refusal(Record):
    """A candidate that was not taken, before any trial."""

    operator: str
    reason: str
    tree_hash: str = ""
    """What it would have been; empty where it was no version at all."""
    money: float = 0.0
    """US dollars, for making it: its share of what the model was paid."""


class Candidates(Record):
    """Versions that may be better, the most promising first."""

    candidates: tuple[Candidate, ...] = ()
    refused: tuple[Refusal, ...] = ()


ANALYST = Role("analyst", AnalysisOrder, Analysis)
IMPROVER = Role("improver", ImprovementOrder, Candidates)
