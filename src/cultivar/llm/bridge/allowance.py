"""Holds each instance to what the bridge may spend on it.

The invariant: no call is made for an instance that has used up its budget of the window, also after
a restart, since what was used is read from the record. Calls that are under way count as
much as they may take at most; where that might be too much, the next one waits for them. So one
call may overrun a limit, in each bridge on the record.
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
from cultivar.ledger.base import CallRecord, ModelCall
from cultivar.llm.bridge.protocol import (
    BridgeBudgetSpentError,
    Refusal,
    RefusedRequestError,
    Spent,
)
from cultivar.record import Record
from cultivar.settings import BridgeSettings

_KINDS: Final[tuple[Literal["money", "tokens", "calls"], ...]] = ("money", "tokens", "calls")


class Most(Record):
    """What a call may take, at most."""

    model: str = ""
    tokens: float = math.inf


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
    def share(self, instance: str, until: float, most: Most) -> Generator[Share]:
        """Room for one call, once there is some.

        Args:
            instance: Who asks; empty: nobody knows.
            until: How long to wait for calls that are under way, by the monotonic clock.
            most: What the call may take.

        Raises:
            BridgeBudgetSpentError: There is none in this window.
            RefusedRequestError: There may be some; it took too long.
            StoreUnavailableError: The record does not answer.
        """
        purse = self._taken(instance)
        try:
            share = Share(purse=purse, name=purse.open(until, most))
            try:
                yield share
            finally:
                purse.close(most)
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
        self._under_way: list[Most] = []
        self._prices: dict[str, float] = {}
        """The most money that a token of each model has cost."""
        self._unkept: list[ModelCall] = []
        self.users = 0
        """How many hold it."""

    @property
    def is_kept(self) -> bool:
        """Whether all that was used is in the record."""
        return not self._unkept

    def open(self, until: float, most: Most) -> str:
        """Wait for room for one call; returns what it is recorded under."""
        with self._changed:
            while not self._has_room(window := self._window()):
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    why = "Other calls of this instance are under way, and may spend its budget."
                    raise RefusedRequestError(Refusal(reason="slow", error=why, retry=True))
            self._under_way.append(most)
            return window.name

    def pay(self, call: ModelCall) -> None:
        """Keep a call; where the record does not take it, it is kept before the next one."""
        with self._changed:
            if not call.error:
                self._learn(call)
            self._unkept.append(call)
            try:
                self._keep()
            except StoreUnavailableError:
                return  # the answer is paid for: whoever asked shall have it

    def close(self, most: Most) -> None:
        """Say that the call is over."""
        with self._changed:
            self._under_way.remove(most)
            self._changed.notify_all()

    def _has_room(self, window: Window) -> bool:
        self._keep()
        limits = {kind: getattr(self._settings, kind) for kind in _KINDS}
        if all(limit is None for limit in limits.values()):
            return True
        used = self._record.usage(window.name)
        for kind in _KINDS:
            limit, spent = limits[kind], getattr(used, kind)
            if limit is not None and spent >= limit:
                ends = datetime.fromtimestamp(window.ends, UTC).isoformat(timespec="seconds")
                raise BridgeBudgetSpentError(
                    Spent(kind=kind, spent=spent, limit=limit, free_at=ends)
                )
            under_way = sum(self._costs(kind, each) for each in self._under_way)
            if limit is not None and under_way and spent + under_way >= limit:
                return False
        return True

    def _window(self) -> Window:
        length = self._settings.window_seconds
        begins = self._now() // length * length
        began = datetime.fromtimestamp(begins, UTC).isoformat()
        name = f"bridge:{self._instance}:{began}/{length:g}"
        return Window(name=name, ends=begins + length)

    def _costs(self, kind: str, most: Most) -> float:
        """What a call that is under way may cost."""
        if kind == "calls":
            return 1.0
        return most.tokens if kind == "tokens" else self._money(most)

    def _money(self, most: Most) -> float:
        price = self._prices.get(most.model, math.inf)
        return price * most.tokens if price else 0.0

    def _learn(self, call: ModelCall) -> None:
        tokens = max(1, call.prompt_tokens + call.completion_tokens)
        known = self._prices.get(call.model, 0.0)
        self._prices[call.model] = max(known, call.money / tokens)

    def _keep(self) -> None:
        while self._unkept:
            self._record.add_call(self._unkept[0])
            del self._unkept[0]


class Share(Record):
    """Room for one call."""

    purse: Purse
    name: str
    """What the call is recorded under."""

    def pay(self, call: ModelCall) -> None:
        """Keep the call."""
        self.purse.pay(call)
