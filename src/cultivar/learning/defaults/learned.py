"""What earlier generations speak for, as an answer to a question that nobody answers."""

from __future__ import annotations

from typing import Protocol

from cultivar.ledger.tallying import TallyStore
from cultivar.templating.questions.interview import Propose, nothing
from cultivar.templating.template import Template


class Learned(Protocol):
    """Makes what proposes learned answers: a service."""

    def proposer(self, run_id: str, template: Template) -> Propose:
        """What proposes answers to the questions of `template`, in the run of that id."""
        ...


class NothingLearned:
    """Leaves every question to the template's own default."""

    def proposer(self, run_id: str, template: Template) -> Propose:
        """What proposes nothing."""
        return nothing


class LearnedHere:
    """What this instance's own generations speak for.

    Args:
        tallies: The counts of its ledger.
    """

    def __init__(self, tallies: TallyStore) -> None:
        self._tallies = tallies

    def proposer(self, run_id: str, template: Template) -> Propose:
        """What the counts propose."""
        from cultivar.learning.defaults.proposing import smart_defaults

        return smart_defaults(template, self._tallies)
