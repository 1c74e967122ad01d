"""Which answer the evidence speaks for: that which succeeds most, else that which most choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.learning.conditions import changing_success, changing_use
from cultivar.learning.contest import ERROR, Contest
from cultivar.learning.counts import Counts, Key, summed, together, trials
from cultivar.learning.ground import ground_of
from cultivar.learning.suggestion import Reason
from cultivar.learning.usage import Usage, usage_of
from cultivar.record import Record

_WARY: Final = 0.05
"""How easily a value is taken for worse than another, which leaves it out."""


class Judged(Record):
    """The evidence of a question, each kind under the earlier answer that changes it most."""

    contest: Contest
    usage: Usage
    success_under: str | None
    """The earlier question that changes which answer succeeds."""
    use_under: str | None
    """The earlier question that changes which answer is chosen."""

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


def judge(whole: Counts, parts: Mapping[str, Counts]) -> Judged:
    """Find out what changes the evidence of a question, and arrange it accordingly.

    Args:
        whole: All that was counted.
        parts: What was counted of it under each given answer, by its question.
    """
    outcomes = ground_of(trials(together(whole.verified.values())))
    choices = ground_of(summed(whole.chosen.values()))
    contest = Contest(cells=whole.verified, ground=outcomes)
    success_under = changing_success(contest, parts)
    if success_under:
        contest = Contest(cells=parts[success_under].verified, ground=outcomes)
    use_under = changing_use(whole, parts, choices)
    chosen = (parts[use_under] if use_under else whole).chosen
    return Judged(
        contest=contest,
        usage=usage_of(chosen, choices),
        success_under=success_under,
        use_under=use_under,
    )
