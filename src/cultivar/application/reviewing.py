"""What a person looks at before they decide on an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cultivar.application.opened import Opened
from cultivar.errors import UnavailableError, UnconfinedError

if TYPE_CHECKING:
    from cultivar.evals.trying.base import Subject
    from cultivar.evolution.campaigns.tool_cases import ToolHistory
    from cultivar.evolution.strategies.reviewing import Review
    from cultivar.evolution.strategies.trying import Known
    from cultivar.lifecycle import Experiment


class Reviewing(Opened):
    """Puts before a person what they decide by."""

    def review(self, experiment: Experiment) -> Review:
        """How the candidate of an experiment is tried, and what it is meant to mend.

        Args:
            experiment: Which.
        """
        from cultivar.evals.trying.base import Subject
        from cultivar.evolution.strategies.choosing import PROMPT, TEMPLATE
        from cultivar.evolution.strategies.reviewing import Review, review_of
        from cultivar.ledger.base import ContentStore

        candidate = experiment.candidate
        if candidate.artifact.kind != "tool":
            return Review(plan=TEMPLATE if candidate.artifact.kind == "template" else PROMPT)
        tree = self.services.need(ContentStore).tree(candidate.parent)
        subject = Subject(artifact=candidate.artifact, tree=tree)
        return review_of(self._known(subject), experiment.strategy)

    def _known(self, subject: Subject) -> Known:
        """What is known of a version; where there is no wall to ask it behind, its uses alone."""
        from cultivar.evals.trying.tool_uses import Described
        from cultivar.evolution.strategies.trying import Known

        tools = self._tool_history()
        try:
            return tools.known(subject)
        except (UnavailableError, UnconfinedError):
            uses = tools.executions(subject)
            return Known(subject=subject, described=Described(), executions=uses)

    def _tool_history(self) -> ToolHistory:
        from cultivar.checking.checks import CheckRunner
        from cultivar.evals.trying.tool_uses import ToolUses
        from cultivar.evolution.campaigns.tool_cases import ToolHistory
        from cultivar.ledger.base import ContentStore
        from cultivar.ledger.improvements import ExecutionLog

        return ToolHistory(
            log=self.services.need(ExecutionLog),
            content=self.services.need(ContentStore),
            uses=ToolUses(runner=self.services.need(CheckRunner)),
        )
