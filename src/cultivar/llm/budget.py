"""Holds a run to what it may use: money, tokens, calls and seconds.

The invariant: no attempt is made once one of them is used up. What was used is read from the
record, so that a resumed run goes on where it stopped. The seconds are those that the run's calls
took before this process met it, and the wall clock since: what passes between two processes, while
nobody works on the run, does not count. One call may overrun its limit; none is made after it.
"""

from __future__ import annotations

from collections.abc import Callable

from cultivar.errors import BudgetSpentError
from cultivar.ledger.base import CallRecord
from cultivar.record import asdict
from cultivar.settings import BudgetSettings


class Meter:
    """What one run has used, against what it may.

    Args:
        run_id: The run.
        record: Where its calls are kept.
        budget: What it may use.
        now: A clock in seconds that never goes back.
    """

    def __init__(
        self,
        run_id: str,
        record: CallRecord,
        *,
        budget: BudgetSettings,
        now: Callable[[], float],
    ) -> None:
        self._run_id, self._record, self._budget, self._now = run_id, record, budget, now
        self._began = now() - record.usage(run_id).seconds

    @property
    def seconds(self) -> float:
        """How long the run has been worked on."""
        return self._now() - self._began

    def check(self, wait: float = 0.0) -> None:
        """Allow one more attempt, `wait` seconds from now.

        Raises:
            BudgetSpentError: Something is used up, or would be by then.
        """
        used = self._record.usage(self._run_id)
        spent = {
            "money": used.money,
            "tokens": used.tokens,
            "calls": used.calls,
            "seconds": self.seconds + wait,
        }
        limits = asdict(self._budget)
        for kind, amount in spent.items():
            limit = limits[kind]
            if limit is not None and amount >= limit:
                raise BudgetSpentError(kind, spent=amount, limit=limit)
