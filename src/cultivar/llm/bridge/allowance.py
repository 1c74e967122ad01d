"""Holds each instance to what the bridge may spend on it.

The invariant: no call is made for an instance that has used up its budget of the window, also after
a restart, since what was used is read from the record. Each call is kept there before it is made,
with the most that it may take; where that might be too much beside the others, the next one waits.
So one call may overrun a limit, however many bridges share the record.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Literal

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.base import CallRecord, ModelCall, Reserved
from cultivar.llm.bridge.protocol import (
    BridgeBudgetSpentError,
    Refusal,
    RefusedRequestError,
    Spent,
)
from cultivar.model import Usage
from cultivar.record import Record, field, replace
from cultivar.settings import BridgeSettings

_Kind = Literal["money", "tokens", "calls"]

_KINDS: Final[tuple[_Kind, ...]] = ("money", "tokens", "calls")

_SHORTEST: Final = 0.05
_LONGEST: Final = 0.5
"""Seconds between looks at whether another bridge's calls are over."""

_GRACE: Final = 60.0
"""Seconds beyond which a call that nobody waits for any more is given up."""


_UNDER_WAY: Final = (
    "It is under way, or its bridge ended before it did: counted is what its prompt may cost."
)


class Planned(Record):
    """A call before it is made."""

    call: ModelCall
    """What it takes at least, once it is sent."""
    tokens: float = math.inf
    """What it takes at most."""


class Window(Record):
    """The time in which a limit counts."""

    name: str
    """What an instance's calls in it are recorded under."""
    ends: float


class Allowances:
    """What all instances may use.

    Args:
        record: Where their calls are kept; several bridges on one record share the budgets.
        settings: What each may use.
        now: The time, in seconds since 1970.
    """

    def __init__(
        self, record: CallRecord, settings: BridgeSettings, now: Callable[[], float] = time.time
    ) -> None:
        self._record, self._settings, self._now = record, settings, now
        self._lock = threading.Lock()
        self._purses: dict[str, Purse] = {}

    @contextmanager
    def share(self, instance: str, until: float, planned: Planned) -> Generator[Share]:
        """Room for one call, once there is some.

        Args:
            instance: Who asks; empty: nobody knows.
            until: How long to wait for calls that are under way, by the monotonic clock.
            planned: The call.

        Raises:
            BridgeBudgetSpentError: There is none in this window.
            RefusedRequestError: There may be some; it took too long.
            StoreUnavailableError: The record does not answer.
        """
        purse = self._taken(instance)
        try:
            share = purse.open(until, planned)
            try:
                yield share
            finally:
                purse.close(share)
        finally:
            self._left(instance, purse)

    def _taken(self, instance: str) -> Purse:
        with self._lock:
            if instance not in self._purses:
                self._purses[instance] = Purse(instance, self._record, self._settings, self._now)
            self._purses[instance].users += 1
            return self._purses[instance]

    def _left(self, instance: str, purse: Purse) -> None:
        """Forget who asks nothing any more: names cost whoever makes them up nothing."""
        with self._lock:
            purse.users -= 1
            if not purse.users and purse.is_kept:
                del self._purses[instance]


class Purse:
    """What one instance has used, against what it may.

    Args:
        instance: Whose it is.
        record: Where its calls are kept.
        settings: What it may use.
        now: The time, in seconds since 1970.
    """

    def __init__(
        self,
        instance: str,
        record: CallRecord,
        settings: BridgeSettings,
        now: Callable[[], float],
    ) -> None:
        self._instance, self._record = instance, record
        self._settings, self._now = settings, now
        self._changed = threading.Condition()
        self._prices: dict[str, float] = {}
        """The most money that a token of each model has cost."""
        self._unkept: list[tuple[int, ModelCall | None]] = []
        """What became of calls that were begun, where the record does not know it yet."""
        self.users = 0
        """How many hold it."""

    @property
    def is_kept(self) -> bool:
        """Whether all that was used is in the record."""
        return not self._unkept

    def open(self, until: float, planned: Planned) -> Share:
        """Wait for room for one call."""
        pause = _SHORTEST
        with self._changed:
            while (share := self._begun(planned, until)) is None:
                left = until - time.monotonic()
                if left <= 0:
                    why = "Other calls of this instance are under way, and may spend its budget."
                    raise RefusedRequestError(Refusal(reason="slow", error=why, retry=True))
                self._changed.wait(min(pause, left))
                pause = min(2 * pause, _LONGEST)
            return share

    def pay(self, share: Share, call: ModelCall, unanswered: int) -> None:
        """Keep a call; where the record does not take it, it is kept before the next one."""
        with self._changed:
            if not call.error:
                self._learn(call)
            self._unkept.append((share.begun, self._with(unanswered, call)))
            share.paid.set()
            self._keep_if_possible()

    def close(self, share: Share) -> None:
        """Say that the call is over; what was not paid for was not made."""
        with self._changed:
            if not share.paid.is_set():
                self._unkept.append((share.begun, None))
                self._keep_if_possible()
            self._changed.notify_all()

    def _begun(self, planned: Planned, until: float) -> Share | None:
        """The share of a call for which there is room now."""
        self._keep()
        window = self._window()
        call = replace(planned.call, run_id=window.name, error=_UNDER_WAY, attempts=0)
        begun = self._record.begin_call(
            self._with(planned.call.prompt_tokens, replace(call, prompt_tokens=0)),
            self._reserved(planned, until),
            lambda used, under_way: self._fits(window, used, under_way),
        )
        return None if begun is None else Share(purse=self, name=window.name, begun=begun)

    def _fits(self, window: Window, used: Usage, under_way: Usage) -> bool:
        for kind in _KINDS:
            limit: float | None = getattr(self._settings, kind)
            if limit is None:
                continue
            spent, others = float(getattr(used, kind)), float(getattr(under_way, kind))
            if spent >= limit:
                ends = datetime.fromtimestamp(window.ends, UTC).isoformat(timespec="seconds")
                raise BridgeBudgetSpentError(
                    Spent(kind=kind, spent=spent, limit=limit, free_at=ends)
                )
            if others and spent + others >= limit:
                return False
        return True

    def _reserved(self, planned: Planned, until: float) -> Reserved:
        """What the call may take: all that there is, where nobody knows how much."""
        now = self._now()
        tokens, price = max(1.0, planned.tokens), self._prices.get(planned.call.model, math.inf)
        return Reserved(
            tokens=int(min(tokens, self._settings.tokens or 0)),
            money=min(price * tokens if price else 0.0, self._settings.money or 0.0),
            begins=now,
            ends=now + max(0.0, until - time.monotonic()) + _GRACE,
        )

    def _window(self) -> Window:
        length = self._settings.window_seconds
        begins = self._now() // length * length
        began = datetime.fromtimestamp(begins, UTC).isoformat()
        name = f"bridge:{self._instance}:{began}/{length:g}"
        return Window(name=name, ends=begins + length)

    def _with(self, tokens: int, call: ModelCall) -> ModelCall:
        """A call, and beside it tokens that nobody has told, at the highest price that is known."""
        money = tokens * self._prices.get(call.model, 0.0)
        return replace(call, prompt_tokens=call.prompt_tokens + tokens, money=call.money + money)

    def _learn(self, call: ModelCall) -> None:
        tokens = max(1, call.prompt_tokens + call.completion_tokens)
        known = self._prices.get(call.model, 0.0)
        self._prices[call.model] = max(known, call.money / tokens)

    def _keep_if_possible(self) -> None:
        try:
            self._keep()
        except StoreUnavailableError:
            return  # the answer is paid for: whoever asked shall have it

    def _keep(self) -> None:
        while self._unkept:
            self._record.end_call(*self._unkept[0])
            del self._unkept[0]


class Share(Record):
    """Room for one call."""

    purse: Purse
    name: str
    """What the call is recorded under."""
    begun: int
    """What the record knows it by."""
    paid: threading.Event = field(default_factory=threading.Event)

    def pay(self, call: ModelCall, unanswered: int = 0) -> None:
        """Keep the call.

        Args:
            call: What it took.
            unanswered: Tokens of attempts for which no answer came and its provider may charge.
        """
        self.purse.pay(self, call, unanswered)
