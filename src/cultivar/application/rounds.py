"""What the loop of `improve` goes by and tells: bounds, rounds, and which errors waiting mends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from cultivar.application.alone import AtWorkError
from cultivar.application.improving import Improved
from cultivar.errors import (
    BudgetSpentError,
    ChangedError,
    CultivarError,
    NotKnownError,
    TemplateError,
    UnavailableError,
    WriteError,
)
from cultivar.record import Record, replace
from cultivar.settings import BudgetSettings, ImproveSettings

_FIRST_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 1800.0


class Bounds(Record):
    """How far a loop goes; None is no bound, or as the settings say."""

    rounds: int | None = None
    """How many rounds."""
    every: float | None = None
    """Seconds between two looks; as the settings say."""
    seconds: float | None = None
    """Wall-clock time of all rounds together; as the settings say."""
    money: float | None = None
    """US dollars of all rounds together; as the settings say."""


class Stop(Protocol):
    """Says when a loop is to end; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether it is to end now."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds, or until it is to end; whether it is."""
        ...


class Trouble(Record):
    """Why a round came to no good end."""

    kind: str
    """The error's class."""
    what: str
    remedy: str
    exit_code: int
    takes_more: bool = False
    """Whether its run has only used its time, and goes on."""


class Round(Record):
    """One round of a loop."""

    number: int
    """Counted from 1."""
    began_at: datetime
    seconds: float = 0.0
    run_id: str = ""
    """Its run; empty where none was begun."""
    again: bool = False
    """Whether it took up a run that had been interrupted."""
    improved: Improved | None = None
    """What became of it; None where it came to no good end."""
    trouble: Trouble | None = None
    closed: bool = False
    """Whether its run cannot be taken up again, so that its trials are stopped."""
    unknown: bool = False
    """Whether the place of trials was down, so that candidates are still to be tried."""
    waiting: int = 0
    """How many experiments wait for a person's word by now."""
    money: float = 0.0
    """US dollars that all rounds have cost so far."""
    rest: float | None = None
    """Seconds until the next round; None after the last one."""


class LoopSpentError(BudgetSpentError):
    """All rounds of a loop together have used what they may.

    Args:
        kind: What is used up: `money` or `seconds`.
        spent: How much was used, or would be before the next round.
        limit: How much was allowed.
    """

    def __init__(self, kind: str, *, spent: float, limit: float) -> None:
        super().__init__(kind, spent=spent, limit=limit)
        self.what = f"The {kind} of all rounds are spent: {spent:.4g} of {limit:g}."
        if kind == "money":
            self.what = f"The money of all rounds is spent: {spent:.4g} of {limit:g} US dollars."
        self.remedy = (
            f"Pass `--{kind}`, or set `improve.loop_{kind}`, and begin the loop again: it goes on."
        )
        self.args = (self.what, self.remedy)


class Backoff:
    """How long to wait after a round that came to no good end.

    Args:
        every: The rest after a good one.
        dice: A number in [0, 1), so that loops that failed together do not come back together.
    """

    def __init__(self, every: float, dice: Callable[[], float] = random.random) -> None:
        self._first, self._dice = min(_FIRST_SECONDS, every), dice
        self._failed = 0

    def ended_well(self) -> None:
        """Begin anew: a round came to a good end."""
        self._failed = 0

    def rest(self, *, again: bool = False) -> float:
        """Seconds to wait; twice as long each time.

        Args:
            again: Whether it only takes more of the same, so that it is no longer than at first.
        """
        self._failed = 1 if again else self._failed + 1
        full = min(_LONGEST_SECONDS, self._first * 2.0 ** min(self._failed - 1, 30))
        return full / 2 + full / 2 * self._dice()


def trouble_of(error: CultivarError) -> Trouble:
    """What went wrong, as it is told."""
    return Trouble(
        kind=type(error).__name__,
        what=error.what,
        remedy=error.remedy,
        exit_code=error.exit_code,
        takes_more=takes_more(error),
    )


def is_mended_by_waiting(error: CultivarError) -> bool:
    """Whether the same may well come to a good end later: a service, a disk, somebody at work."""
    later = isinstance(error, (UnavailableError, WriteError, AtWorkError))
    return later or takes_more(error) or _is_of_a_window(error)


def is_of_its_time(error: CultivarError) -> bool:
    """Whether only the run came to no good end: what it was about was changed or is gone."""
    gone = isinstance(error, (ChangedError, TemplateError, NotKnownError, BudgetSpentError))
    return gone and bool(error.run_id)


def takes_more(error: CultivarError) -> bool:
    """Whether a run has used its time, so that it goes on in the next round."""
    return isinstance(error, BudgetSpentError) and error.kind == "seconds"


def _is_of_a_window(error: CultivarError) -> bool:
    """Whether a bridge pays again, later."""
    if not isinstance(error, BudgetSpentError):
        return False
    from cultivar.llm.bridge.protocol import BridgeBudgetSpentError

    return isinstance(error, BridgeBudgetSpentError)


class Going:
    """How a loop goes, and what it has used.

    Args:
        bounds: How far it goes.
        settings: What holds where they say nothing.
        now: A clock in seconds that never goes back.
    """

    def __init__(
        self,
        bounds: Bounds,
        settings: ImproveSettings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rounds, self._now, self._began = bounds.rounds, now, now()
        self._every = settings.every_seconds if bounds.every is None else bounds.every
        self._seconds = settings.loop_seconds if bounds.seconds is None else bounds.seconds
        self._money = settings.loop_money if bounds.money is None else bounds.money
        self._backoff = Backoff(self._every)
        self._costs: dict[str, tuple[float, float]] = {}
        self.number = 0
        """Of the round, counted from 1."""
        self.idle = ""
        """The run that found nothing to do; the next one takes its place in the record."""

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return self._now() - self._began

    @property
    def money(self) -> float:
        """US dollars that all rounds have cost so far."""
        return sum(now - before for before, now in self._costs.values())

    @property
    def is_over(self) -> bool:
        """Whether there were as many rounds as there may be."""
        return self.number == self._rounds

    def begin_run(self, run_id: str, cost: float) -> None:
        """Note what a run has cost before it was this loop's."""
        self._costs.setdefault(run_id, (cost, cost))

    def note_cost(self, run_id: str, cost: float) -> None:
        """Note what a run has cost by now."""
        before, _ = self._costs.get(run_id, (0.0, 0.0))
        self._costs[run_id] = before, cost

    def budget(self, usual: BudgetSettings) -> BudgetSettings:
        """What the next run may use: as usual, and no more than is left."""
        seconds = _least(usual.seconds, self._seconds, self.seconds)
        return replace(usual, seconds=seconds, money=_least(usual.money, self._money, self.money))

    def rest_after(self, done: Round) -> float:
        """Seconds until the next round."""
        if done.trouble is not None:
            return self._backoff.rest(again=done.trouble.takes_more)
        if done.unknown:
            return min(self._every, self._backoff.rest())
        self._backoff.ended_well()
        return 0.0 if done.again else self._every

    def spent(self, rest: float = 0.0) -> LoopSpentError | None:
        """What there is to say where it may not go on after so many seconds."""
        seconds = self.seconds + rest
        if self._seconds is not None and seconds >= self._seconds:
            return LoopSpentError("seconds", spent=seconds, limit=self._seconds)
        if self._money is not None and self.money > 0 and self.money >= self._money:
            return LoopSpentError("money", spent=self.money, limit=self._money)
        return None


def _least(usual: float | None, limit: float | None, used: float) -> float | None:
    if limit is None:
        return usual
    left = max(0.0, limit - used)
    return left if usual is None else min(usual, left)
