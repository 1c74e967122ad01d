"""Which answer the evidence speaks for: that which succeeds most, else that which most choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.learning.defaults.suggestion import Reason
from cultivar.learning.evidence.conditions import Under, Whole
from cultivar.learning.evidence.contest import ERROR, Contest
from cultivar.learning.evidence.counts import Counts, Key
from cultivar.learning.evidence.usage import Usage, usage_of
from cultivar.record import Record

_WARY: Final = 0.05
"""How easily a value is taken for worse than another, which leaves it out."""


class Judged(Record):
    """The evidence of a question, each kind under the earlier answer that changes it most."""

    contest: Contest
    usage: Usage

    def verdict(self, default: Key) -> tuple[Key, Reason] | None:
        """The value that succeeds most, else the most chosen of those that none credibly beats.

        Args:
            default: What the template itself would answer.
        """
        candidates = self.contest.candidates()
        found = self._best(candidates) or self._most_used(candidates)
        if found and self.contest.beaten(found[0], (*candidates, default), _WARY):
            return None
        return found

    def _best(self, candidates: tuple[Key, ...]) -> tuple[Key, Reason] | None:
        best = self.contest.best(candidates)
        return (best, "success") if best else None

    def _most_used(self, candidates: tuple[Key, ...]) -> tuple[Key, Reason] | None:
        most = self.usage.leader(self._not_beaten(candidates))
        return (most, "use") if most else None

    def _not_beaten(self, candidates: tuple[Key, ...]) -> tuple[Key, ...]:
        """What people chose, without what another value credibly beats."""
        error = ERROR / max(2, len(candidates))
        values = self.usage.values
        return tuple(v for v in values if not self.contest.beaten(v, candidates, error))


def judged(whole: Whole, parts: Mapping[str, Counts], under: Under) -> Judged:
    """Arrange the evidence under what changes it.

    Args:
        whole: All that was counted.
        parts: What was counted of it under given answers, by their questions: of `under` at least.
        under: The earlier questions.
    """
    contest = whole.contest
    if under.success:
        contest = Contest(cells=parts[under.success].verified, ground=contest.ground)
    chosen = (parts[under.use] if under.use else whole.counts).chosen
    return Judged(contest=contest, usage=usage_of(chosen, whole.choices))
