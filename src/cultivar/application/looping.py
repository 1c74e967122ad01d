"""`improve`, again and again: it outlives what goes wrong, and holds to what it may use.

The invariant: a run that was interrupted is taken up before another is begun, and one that cannot
be taken up is closed; a round that finds nothing leaves nothing behind.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Unpack, cast

from cultivar.application.improving import Improved, ImproveOptions, Improving
from cultivar.application.opened import warm_up_model
from cultivar.errors import (
    BudgetSpentError,
    CultivarError,
    NotKnownError,
    UnavailableError,
    UsageError,
)
from cultivar.ledger.base import CallRecord, Ledger, Run
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.machine import Event, Machine, StepStarted
from cultivar.record import replace

if TYPE_CHECKING:
    from cultivar.application.rounds import Bounds, Going, Round, Stop
    from cultivar.lifecycle import ImproveOrder
    from cultivar.settings import BudgetSettings

_MOST_WAITING: Final = 1000
_MOST_DEATHS: Final = 20

_DIED: Final = "Taken up after {} deaths"
"""What is noted of a run that whoever worked on it left without a word."""


class _StoppedError(Exception):
    """The loop was told to end while a round was at work."""


class _Work:
    """The work of one round.

    Args:
        going: How the loop goes.
    """

    def __init__(self, going: Going) -> None:
        self.going = going
        self.began, self.began_at = time.monotonic(), datetime.now(UTC)
        self.run_id = ""
        self.again = self.closed = self.unknown = False
        self.improved: Improved | None = None
        self.error: CultivarError | None = None


class Looping(Improving):
    """Betters templates, tools and prompts, as long as it may."""

    def improve_loop(
        self,
        bounds: Bounds | None = None,
        *,
        stop: Stop | None = None,
        **options: Unpack[ImproveOptions],
    ) -> Generator[Round]:
        """Improve again and again; each round is told when it has ended.

        What waiting mends (a service that is down, a person at work on the same files, another
        loop) is told with its round, and tried again later. The next round begins when the next
        `Round` is asked for, after its rest.

        Args:
            bounds: How far it goes; without, until it is stopped.
            stop: Says when it is to end: a round at work ends after the step that it is at, and
                the next loop takes it up there.
            options: As of `improve`.

        Raises:
            LoopSpentError: All rounds together have used what they may.
            CultivarError: What no waiting mends: a setting, an artifact that is not known, a wall
                that is not there.
        """
        from cultivar.application.rounds import Bounds, Going

        warm_up_model(self.services.settings)
        order = replace(self._improve_order(options), repeated=True)
        going = Going(bounds or Bounds(), self.services.settings.improve)
        stop = stop or threading.Event()
        while (done := self._round(going, order, stop)) is not None:
            rest = going.rest_after(done)
            spent = going.spent(rest)
            over = going.is_over or spent is not None
            yield replace(done, rest=None if over else rest)
            if spent is not None and not going.is_over:
                raise spent
            if over or stop.wait(rest):
                return

    def _round(self, going: Going, order: ImproveOrder, stop: Stop) -> Round | None:
        """One round; None where the loop is to end before it has ended.

        Raises:
            CultivarError: What no waiting mends.
        """
        if stop.is_set():
            return None
        going.number += 1
        at = _Work(going)
        try:
            with self.services.heard(partial(_refuse_stopped, stop)), self._alone():
                at.improved = self._work(at, order)
        except _StoppedError:
            with suppress(UnavailableError):
                self.services.need(Ledger).finish(at.run_id, "failed", error="It was stopped.")
            return None
        except CultivarError as error:
            self._face(error, at)
        except Exception as error:  # a fault of our own: it must not meet the same again
            self._close(at.run_id, f"Cultivar did not expect this: {error!r}")
            raise
        return self._told(at)

    def _work(self, at: _Work, order: ImproveOrder) -> Improved:
        """Take up the run that was interrupted, or else begin one.

        One that found nothing, or could not try it, gives its place in the record to the next.
        """
        from cultivar.evolution.campaigns.leaving import is_unknown

        budget = self.services.settings.budget
        interrupted = self._interrupted(order)
        if interrupted is not None:
            at.run_id, at.again = interrupted.id, True
            at.going.begin_run(at.run_id, self._cost(at.run_id))
            return self._take_up(interrupted, order, at.going.budget(budget))
        at.run_id = at.going.idle or str(uuid.uuid4())
        done = self._begin(at.run_id, order, at.going.budget(budget))
        at.unknown = done.unknown or any(map(is_unknown, done.experiments))
        found = done.opportunities or done.experiments or done.releases
        at.going.idle = "" if found and not at.unknown else at.run_id
        return done

    def _interrupted(self, order: ImproveOrder) -> Run | None:
        """The oldest run that did not come to its end, of what this loop is about."""
        found = self.services.need(Ledger).unfinished("improve")
        return next((each for each in found if _is_about(each, order)), None)

    def _take_up(self, run: Run, order: ImproveOrder, budget: BudgetSettings) -> Improved:
        """Take a run up, with no more than both the run and the loop may do.

        Raises:
            UsageError: Whatever took it up died of it, time and again.
        """
        begun = cast("ImproveOrder", run.order)
        both = replace(
            begun,
            real=begun.real and order.real,
            automatic=begun.automatic and order.automatic,
            unconfined=begun.unconfined and order.unconfined,
        )
        deaths = _deaths(run)
        if deaths > _MOST_DEATHS:
            raise UsageError(f"Whoever worked on the run {run.id!r} died of it {deaths} times.")
        return self._go_on(run.id, both, budget, note=_DIED.format(deaths) if deaths else "")

    def _face(self, error: CultivarError, at: _Work) -> None:
        """Close what cannot be taken up; raise what no waiting mends.

        Raises:
            CultivarError: It is of that kind.
        """
        from cultivar.application.rounds import is_mended_by_waiting, is_of_its_time

        at.error = error
        self._note_cost(at)
        if not is_mended_by_waiting(error) and at.going.spent() is None:
            if not (at.again or is_of_its_time(error)):
                raise error
            at.closed = True
            self._close(at.run_id, str(error), spent=isinstance(error, BudgetSpentError))
        if isinstance(error, UnavailableError):
            self.services.renew()

    def _close(self, run_id: str, reason: str, *, spent: bool = False) -> None:
        """End a run for good, with the trials that it left open."""
        from cultivar.evolution.campaigns.closing import LOOP, close_experiments
        from cultivar.evolution.campaigns.leaving import SPENT

        by = SPENT if spent else LOOP
        with suppress(UnavailableError, NotKnownError):  # it is closed later; it never began
            close_experiments(self.services.need(ExperimentStore), run_id, reason, by)
            self.services.need(Ledger).finish(run_id, "done", error=reason)
            self.services.need(Machine).forget(run_id)

    def _told(self, at: _Work) -> Round:
        """The round, as it is told."""
        from cultivar.application.rounds import Round, trouble_of

        self._note_cost(at)
        return Round(
            number=at.going.number,
            began_at=at.began_at,
            seconds=time.monotonic() - at.began,
            run_id=at.run_id,
            again=at.again,
            improved=at.improved,
            trouble=trouble_of(at.error) if at.error else None,
            closed=at.closed,
            unknown=at.unknown,
            waiting=self._waiting(),
            money=at.going.money,
        )

    def _note_cost(self, at: _Work) -> None:
        if at.run_id:
            with suppress(UnavailableError):  # it is noted after the next round
                at.going.note_cost(at.run_id, self._cost(at.run_id))

    def _cost(self, run_id: str) -> float:
        from cultivar.evolution.campaigns.spending import Spending

        record, store = self.services.need(CallRecord), self.services.need(ExperimentStore)
        return Spending(calls=record, experiments=store).of_run(run_id)

    def _waiting(self) -> int:
        """How many experiments wait for a person's word; none where the ledger is down."""
        query = ExperimentQuery(status="waiting", limit=_MOST_WAITING)
        with suppress(UnavailableError):
            return len(self.services.need(ExperimentStore).experiments(query))
        return 0


def _refuse_stopped(stop: Stop, event: Event) -> None:
    """End before the next step begins, now that what came before it is kept."""
    if isinstance(event, StepStarted) and stop.is_set():
        raise _StoppedError


def _is_about(run: Run, order: ImproveOrder) -> bool:
    """Whether a run is about nothing else than the loop."""
    about = cast("ImproveOrder", run.order).artifacts
    return not order.artifacts or (bool(about) and {*about} <= {*order.artifacts})


def _deaths(run: Run) -> int:
    """How often whoever worked on a run ended without a word."""
    if run.status != "running":
        return 0
    known = re.fullmatch(_DIED.replace("{}", "([0-9]+)"), run.error)
    return 1 + (int(known[1]) if known else 0)
