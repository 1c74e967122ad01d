"""Has a model answer one request, within the budget of who asks, and records what it took."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from msgspec import json

from cultivar.bus.fairness import BusyError, FairShare
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
from cultivar.llm.bridge.allowance import Allowances, Planned
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
from cultivar.model import Json
from cultivar.record import Record, replace

_LOG = logging.getLogger(__name__)

_LONGEST = 600.0
"""Seconds that a request may take whose sender sets no limit."""


_WAITING = 1000
"""How many calls of one sender may wait for a provider; far fewer are let in."""

_BYTES_OF_A_TOKEN = 4
"""In English text."""

_TOO_LATE = Refusal(reason="busy", error="Too many other requests are before it.", retry=True)


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
        self.told = 0
        """Bytes of the reply that were handed on."""
        self.unanswered = 0
        """Tokens of attempts without an answer, for which the provider may charge all the same."""
        self.began = time.monotonic()

    @property
    def said(self) -> str:
        """What the record says of them."""
        if not self.unanswered:
            return ""
        return f" (Its provider may charge for it: about {self.unanswered} tokens are counted.)"

    def hear(self, text: str) -> None:
        """Hand a piece of the reply on."""
        self.told += len(text.encode())
        self._tell(text)

    def count(self, error: ProviderError, tokens: int) -> None:
        """Count an attempt that failed, with the tokens of its prompt."""
        if error.billed or self.told:
            self.unanswered += tokens + _about(self.told)


def _about(size: int) -> int:
    """About how many tokens so many bytes are."""
    return -(-size // _BYTES_OF_A_TOKEN)


def _tokens(request: ModelRequest) -> int:
    """About how many tokens the provider reads, at least."""
    return _about(sum(len(each.content.encode()) for each in request.messages))


def _sizes(request: ModelRequest, attempts: _Attempts) -> Json:
    messages = request.messages
    size = sum(len(each.content) for each in messages)
    return {
        "messages": len(messages),
        "characters": size,
        "unanswered_tokens": attempts.unanswered,
    }


def _nobody(piece: str) -> None:
    """Hears nothing."""


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
        self._places = FairShare(concurrent, concurrent // 2, _WAITING)
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
        allowed = self._allowances.share(job.sender, job.until, self._planned(question))
        with allowed as share, self._place(job):
            try:
                reply = self._reply(question, attempts)
            except (ProviderError, CultivarError) as error:
                failed = ModelReply(text="", model=question.provider.name)
                call = self._call(question, failed, attempts, str(error))
                share.pay(replace(call, run_id=share.name), attempts.unanswered)
                raise
            call = self._call(question, reply, attempts)
            share.pay(replace(call, run_id=share.name), attempts.unanswered)
        return Answer(
            model=reply.model,
            content="" if attempts.told else reply.text,
            usage=Taken(
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                money=reply.money,
                seconds=reply.seconds,
            ),
        )

    def _planned(self, question: _Question) -> Planned:
        """What a call takes: a token is a byte at least, and each attempt may be charged for."""
        nothing = ModelReply(text="", model=question.provider.name)
        call = self._call(question, nothing, _Attempts(_nobody))
        least, wanted = _tokens(question.request), question.job.asked.retries
        again = self._retrying.retries if wanted is None else min(wanted, self._retrying.retries)
        most = len(json.encode(question.request)) + self._longest + again * least
        return Planned(call=replace(call, prompt_tokens=least), tokens=most)

    def _question(self, job: Job) -> _Question:
        provider, request = self._models.provider(job.asked.model), job.asked.request()
        # Hashed before it costs anything: what is too deep to be hashed is not asked.
        return _Question(job=job, provider=provider, request=request, hash=request_hash(request))

    @contextmanager
    def _place(self, job: Job) -> Generator[None]:
        """Wait until a provider may be asked; for whom nobody waits any more, none is."""
        if not job.left:
            raise RefusedRequestError(_TOO_LATE)
        with ExitStack() as held:
            try:
                held.enter_context(self._places.place(job.sender, job.left))
            except BusyError as error:
                raise RefusedRequestError(_TOO_LATE) from error
            yield

    def _reply(self, question: _Question, attempts: _Attempts) -> ModelReply:
        provider, request, job = question.provider, question.request, question.job
        while True:
            attempts.number += 1
            try:
                if job.asked.stream and isinstance(provider, StreamingProvider):
                    return provider.stream(request, attempts.hear)
                return provider.complete(request)
            except ProviderError as error:
                attempts.count(error, _tokens(request))
                delay = self._delay(job, attempts, error)
                if delay is None:
                    raise
            self._retrying.time.sleep(delay)

    def _delay(self, job: Job, attempts: _Attempts, error: ProviderError) -> float | None:
        """Seconds until the next attempt; None where there is none, or nobody would wait for it."""
        wanted = job.asked.retries
        if attempts.told or (wanted is not None and attempts.number > wanted):
            return None
        delay = self._retrying.delay(attempts.number, error)
        return delay if delay is not None and delay < job.left else None

    def _call(
        self, question: _Question, reply: ModelReply, attempts: _Attempts, error: str = ""
    ) -> ModelCall:
        """What is kept of a call: what it took. What was said is its sender's."""
        return ModelCall(
            run_id="",
            purpose=question.request.purpose,
            request_hash=question.hash,
            model=reply.model,
            prompt=_sizes(question.request, attempts),
            reply="",
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            money=reply.money,
            seconds=time.monotonic() - attempts.began,
            attempts=attempts.number,
            error=self._redactor.text(f"{error}{attempts.said}" if error else ""),
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
