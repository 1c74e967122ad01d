"""Asks the hub for what all instances speak for; where it says nothing, the own ledger speaks.

The invariants: no run waits for the hub longer than it may in all, and after one failure neither it
asks any more nor, for a minute, another; only closed answers leave, as they do when a generation is
told of; what comes back is taken as far as it can be checked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

from cultivar.bus.base import BusUnavailableError, Message
from cultivar.bus.opening import Line, tells_first
from cultivar.bus.subjects import INTELLIGENCE, subject_of
from cultivar.errors import CultivarError
from cultivar.learning.asking.advice import LONGEST, Advice, OddAdviceError, read_advice
from cultivar.learning.asking.inquiry import Inquiry, inquiry_of
from cultivar.learning.defaults.learned import Learned
from cultivar.learning.defaults.proposing import answer_of
from cultivar.learning.defaults.suggestion import Suggestion
from cultivar.model import Answer
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Propose
from cultivar.templating.template import Template

_LOG = logging.getLogger(__name__)

_REMEMBERED: Final = 100
"""Runs whose conversations are kept."""

_REST: Final = 60.0
"""Seconds after a failure in which no run asks: many in one process would all wait for nothing."""

_REACHING: Final = 1 / 3
"""The part of its time in which the bus must be open; one that hangs is not waited for longer."""

_TOLD: Final = 300
"""Characters of what is told of a failure: some of it may be somebody else's."""


class LearnedByAll:
    """What the hub suggests, else what the own ledger speaks for.

    Args:
        line: The bus.
        instance_id: Who asks.
        seconds: How long one run may wait for the hub, in all.
        own: Speaks where the hub does not.
        now: The time, in seconds.
    """

    def __init__(
        self,
        line: Line,
        instance_id: str,
        seconds: float,
        own: Learned,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line, self._seconds, self._own, self._now = line, seconds, own, now
        self._subject = subject_of(INTELLIGENCE, instance_id)
        self._runs: dict[str, _Conversation] = {}
        self._lock = threading.Lock()
        self._is_troubled = False
        self._rests_until = 0.0

    def proposer(self, run_id: str, template: Template) -> Propose:
        """What proposes what the hub suggests, given what is answered already."""
        own, conversation = self._own.proposer(run_id, template), self._conversation(run_id)

        def propose(asked: AskedQuestion) -> Answer | None:
            inquiry = inquiry_of(template, asked)
            if inquiry is None or conversation.is_over:
                return own(asked)
            found = self._advised(inquiry, asked, conversation)
            return answer_of(found) if found else own(asked)

        return propose

    def _conversation(self, run_id: str) -> _Conversation:
        """The run's own; what it has waited counts, however often it comes back."""
        with self._lock:
            if run_id not in self._runs:
                self._runs[run_id] = _Conversation(self._answer_to, self._seconds)
                self._runs[run_id].is_over = self._now() < self._rests_until
            while len(self._runs) > _REMEMBERED:
                self._runs.pop(next(iter(self._runs)))
            return self._runs[run_id]

    def _advised(
        self, inquiry: Inquiry, asked: AskedQuestion, conversation: _Conversation
    ) -> Suggestion | None:
        try:
            found = conversation.advice(inquiry).suggestion(asked, inquiry.given)
        except (CultivarError, ValueError) as error:
            conversation.is_over = True
            self._rests_until = self._now() + _REST
            self._struggle(error)
            return None
        self._is_troubled = False
        return found

    def _answer_to(self, request: bytes, seconds: float) -> bytes:
        """What the hub answers; of more than an answer has, only so much is taken."""
        message, answer = Message(subject=self._subject, data=request), b""
        for part in self._line.bus(seconds * _REACHING).stream(message, seconds):
            answer += part
            if len(answer) > LONGEST:
                raise OddAdviceError("its answer is too long")
        return answer

    def _struggle(self, error: Exception) -> None:
        """Tell what is wrong, once."""
        was, self._is_troubled = self._is_troubled, True
        if not was and tells_first(error):
            told = "".join(c if c.isprintable() else "�" for c in str(error)[:_TOLD])
            _LOG.warning("the hub is not asked in this run, the own ledger speaks: %s", told)


class _Conversation:
    """What one run has asked, and how long it may still wait.

    Args:
        answer_to: What the hub answers to a request, within so many seconds.
        seconds: How long it may wait, in all.
    """

    def __init__(self, answer_to: Callable[[bytes, float], bytes], seconds: float) -> None:
        self._answer_to, self._left = answer_to, seconds
        self._known: dict[bytes, Advice] = {}
        self.is_over = False

    def advice(self, inquiry: Inquiry) -> Advice:
        """What the hub answers, or has answered when it was asked about an earlier question.

        Raises:
            CultivarError: There is no answer, or none in time.
            OddAdviceError: It is none.
        """
        if inquiry.key not in self._known:
            advice = self._asked(inquiry.request)
            self.is_over = advice.is_ignorant
            foreseen = inquiry.foreseen(advice) if advice.in_turn else ()
            self._known |= {inquiry.key: advice, **dict.fromkeys(foreseen, advice)}
        return self._known[inquiry.key]

    def _asked(self, request: bytes) -> Advice:
        began = time.monotonic()
        try:
            advice = read_advice(_within(self._left, partial(self._answer_to, request, self._left)))
        finally:
            self._left -= time.monotonic() - began
        if advice.error and not advice.is_ignorant:
            raise OddAdviceError(f"it answered: {advice.error}")
        return advice


def _within(seconds: float, work: Callable[[], bytes]) -> bytes:
    """What `work` returns, if it does in time; else it is left to itself.

    Raises:
        BusUnavailableError: It took longer.
    """
    done: Future[bytes] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # it is raised where it was asked for
            done.set_exception(error)

    threading.Thread(target=run, name="hub-asking", daemon=True).start()
    try:
        return done.result(max(0.0, seconds))
    except TimeoutError:
        raise BusUnavailableError(
            "The hub has not answered in the time that a run may wait for it.",
            "Set `learning.hub_timeout` higher, or `learning.ask_hub` to false.",
        ) from None
