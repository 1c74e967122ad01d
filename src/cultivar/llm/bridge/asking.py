"""Has a model answer one request, within the budget of who asks, and records what it took."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from msgspec import json

from cultivar.errors import CultivarError, StoreUnavailableError
from cultivar.ledger.base import ModelCall
from cultivar.llm.base import (
    ModelReply,
    ModelRequest,
    Provider,
    ProviderError,
    StreamingProvider,
    Tell,
)
from cultivar.llm.bridge.allowance import Allowances, Most
from cultivar.llm.bridge.models import Models
from cultivar.llm.bridge.protocol import (
    Answer,
    Asked,
    BridgeBudgetSpentError,
    Reason,
    Refusal,
    RefusedRequestError,
    Taken,
)
from cultivar.llm.redaction import Redactor
from cultivar.llm.replies import request_hash
from cultivar.llm.retrying import Retrying
from cultivar.record import Record, replace

_LOG = logging.getLogger(__name__)

_LONGEST = 600.0
"""Seconds that a request may take whose sender sets no limit."""


class Job(Record):
    """A request that is worked on."""

    sender: str
    """The instance that its subject names; empty where it names none."""
    asked: Asked
    until: float
    """When nobody waits for the answer any more, by the monotonic clock."""

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self.until - time.monotonic())


def job_of(sender: str, asked: Asked) -> Job:
    """The job that a request is."""
    timeout = min(asked.timeout or _LONGEST, _LONGEST)
    return Job(sender=sender, asked=asked, until=time.monotonic() + timeout)


class _Question(Record):
    """What a provider is asked for a job."""

    job: Job
    provider: Provider
    request: ModelRequest
    hash: str


class _Attempts:
    """Counts how often a reply was asked for, and hands its pieces on."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.number = 0
        self.has_told = False
        self.began = time.monotonic()

    def hear(self, text: str) -> None:
        """Hand a piece of the reply on."""
        self.has_told = True
        self._tell(text)


class _Places:
    """Who may be with a provider: no sender is in more than half of the places.

    Args:
        number: How many there are.
    """

    def __init__(self, number: int) -> None:
        self._number, self._share = number, max(1, number // 2)
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self, sender: str, until: float) -> bool:
        """Take a place, once one is free for this sender; whether there was one in time."""
        with self._changed:
            while self._taken.total() >= self._number or self._taken[sender] >= self._share:
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    return False
            self._taken[sender] += 1
            return True

    def leave(self, sender: str) -> None:
        """Give the place back."""
        with self._changed:
            self._taken[sender] -= 1
            self._taken += Counter()  # forgets who has none
            self._changed.notify_all()


class Asking:
    """Answers jobs, several at a time.

    Args:
        models: Who answers.
        allowances: What each instance may use.
        concurrent: How many calls are with providers at a time.
        retrying: When to ask again, where the request leaves it to us.
        redactor: Knows the secrets that nobody is told.
    """

    def __init__(
        self,
        models: Models,
        allowances: Allowances,
        *,
        concurrent: int,
        retrying: Retrying,
        redactor: Redactor,
        longest: int = 0,
    ) -> None:
        self._models, self._allowances = models, allowances
        self._retrying, self._redactor = retrying, redactor
        self._places = _Places(concurrent)
        self._longest = longest

    def outcome(self, job: Job, tell: Tell) -> Answer | Refusal:
        """How a job ends.

        Args:
            job: The job.
            tell: Hears the pieces of the text.
        """
        try:
            ended: Answer | Refusal = self._answer(job, tell)
        except Exception as error:  # whatever it is, who asked is told
            ended = self._refusal(error)
        return replace(ended, id=job.asked.id)

    def _answer(self, job: Job, tell: Tell) -> Answer:
        question, attempts = self._question(job), _Attempts(tell)
        allowed = self._allowances.share(job.sender, job.until, self._most(question))
        with allowed as share, self._place(job):
            try:
                reply = self._reply(question, attempts)
            except (ProviderError, CultivarError) as error:
                failed = ModelReply(text="", model=question.provider.name)
                share.pay(self._call(share.name, question, failed, attempts, str(error)))
                raise
            share.pay(self._call(share.name, question, reply, attempts))
        return Answer(
            model=reply.model,
            content="" if attempts.has_told else reply.text,
            usage=Taken(
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                money=reply.money,
                seconds=reply.seconds,
            ),
        )

    def _most(self, question: _Question) -> Most:
        """A token is a byte at least; each attempt is paid for, but what failed is not known."""
        size = len(json.encode(question.request)) + self._longest
        return Most(model=question.provider.name, tokens=size)

    def _question(self, job: Job) -> _Question:
        provider, request = self._models.provider(job.asked.model), job.asked.request()
        # Hashed before it costs anything: what is too deep to be hashed is not asked.
        return _Question(job=job, provider=provider, request=request, hash=request_hash(request))

    @contextmanager
    def _place(self, job: Job) -> Generator[None]:
        """Wait until a provider may be asked; for whom nobody waits any more, none is."""
        if not job.left or not self._places.take(job.sender, job.until):
            why = "Too many other requests are before it."
            raise RefusedRequestError(Refusal(reason="busy", error=why, retry=True))
        try:
            yield
        finally:
            self._places.leave(job.sender)

    def _reply(self, question: _Question, attempts: _Attempts) -> ModelReply:
        provider, request, job = question.provider, question.request, question.job
        while True:
            attempts.number += 1
            try:
                if job.asked.stream and isinstance(provider, StreamingProvider):
                    return provider.stream(request, attempts.hear)
                return provider.complete(request)
            except ProviderError as error:
                delay = self._delay(job, attempts, error)
                if delay is None:
                    raise
            self._retrying.time.sleep(delay)

    def _delay(self, job: Job, attempts: _Attempts, error: ProviderError) -> float | None:
        """Seconds until the next attempt; None where there is none, or nobody would wait for it."""
        wanted = job.asked.retries
        if attempts.has_told or (wanted is not None and attempts.number > wanted):
            return None
        delay = self._retrying.delay(attempts.number, error)
        return delay if delay is not None and delay < job.left else None

    def _call(
        self,
        name: str,
        question: _Question,
        reply: ModelReply,
        attempts: _Attempts,
        error: str = "",
    ) -> ModelCall:
        """What is kept of a call: what it took. What was said is its sender's."""
        messages = question.request.messages
        size = sum(len(each.content) for each in messages)
        return ModelCall(
            run_id=name,
            purpose=question.request.purpose,
            request_hash=question.hash,
            model=reply.model,
            prompt={"messages": len(messages), "characters": size},
            reply="",
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            money=reply.money,
            seconds=time.monotonic() - attempts.began,
            attempts=attempts.number,
            error=self._redactor.text(error),
        )

    def _refusal(self, error: Exception) -> Refusal:
        match error:
            case RefusedRequestError():
                return error.refusal
            case BridgeBudgetSpentError():
                return self._told("budget", error, budget=error.budget)
            case ProviderError():
                why = self._redactor.text(error.why)
                return Refusal(reason="provider", error=why, retry=error.retry, after=error.after)
            case StoreUnavailableError():
                _LOG.warning("%s", error)
                return Refusal(reason="busy", error="Its ledger does not answer.", retry=True)
            case CultivarError():
                return self._told("model", error)
            case _:
                _LOG.exception("A request failed.")
                return Refusal(reason="provider", error=type(error).__name__, retry=True)

    def _told(self, reason: Reason, error: CultivarError, **more: object) -> Refusal:
        clean = self._redactor.error(error)
        return replace(Refusal(reason=reason, error=clean.what, remedy=clean.remedy), **more)
