"""The one place that calls models: retries, repair, budgets, redaction and the record.

The invariants: no secret passes in either direction, nothing is paid twice by one run, and every
question that cost an attempt is in the record.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from cultivar.errors import (
    CultivarError,
    ModelUnavailableError,
    ReplyError,
    TemplateError,
    UnsafeError,
)
from cultivar.ledger.base import CallRecord, ModelCall
from cultivar.llm.base import (
    Asked,
    Hear,
    Message,
    ModelReply,
    ModelRequest,
    Provider,
    ProviderError,
    Reply,
    Said,
    Turn,
)
from cultivar.llm.budget import Meter
from cultivar.llm.builtin import NoModel
from cultivar.llm.redaction import Redactor
from cultivar.llm.replies import (
    MisfitError,
    plain,
    question,
    read_reply,
    repair,
    request_hash,
    request_json,
)
from cultivar.llm.retrying import Retrying
from cultivar.record import Record, field, replace
from cultivar.settings import BudgetSettings

_logger = logging.getLogger("cultivar.llm")


_ITS_FAULT = (ReplyError, TemplateError, UnsafeError)
"""What a prompt is to blame for; whatever else is raised says nothing of it."""


class _Run(Record):
    """A run that asks; its questions go through the door one by one."""

    id: str
    meter: Meter
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(kw_only=True)
class _Tally:
    """Counts the attempts of one call, also of one that fails."""

    began: float
    attempts: int = 0


class Door:
    """A `ModelDoor` before one provider.

    Questions of one run are asked one after the other, so that its budget is exact and a question
    that two threads ask at once is paid once; runs do not wait for each other.

    Args:
        provider: Who answers.
        record: Where calls are kept, and answered from.
        retrying: When to ask again.
        budget: What each run may use.
        redactor: Knows the secrets; more may be told to it at any time.
        hear: Hears what was asked by prompts.
    """

    def __init__(
        self,
        provider: Provider,
        record: CallRecord,
        *,
        retrying: Retrying | None = None,
        budget: BudgetSettings | None = None,
        redactor: Redactor | None = None,
        hear: Hear | None = None,
    ) -> None:
        self._provider, self._record, self._hear = provider, record, hear
        self._retrying = retrying or Retrying()
        self._budget = budget or BudgetSettings()
        self.redactor = redactor or Redactor()
        """Knows the secrets; tell it those of answers before the first question."""
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    @property
    def available(self) -> bool:
        """Whether a model is configured at all."""
        return not isinstance(self._provider, NoModel)

    @property
    def model(self) -> str:
        """The name of the model behind the door."""
        return self._provider.name

    def ask(
        self, run_id: str, purpose: str, messages: tuple[Turn, ...], schema: type[Reply]
    ) -> Reply:
        """Ask the model, and read its reply by `schema`.

        The same question asked again by the same run is answered from the record, unpaid.

        Raises:
            ModelUnavailableError: No model is configured, or it does not answer.
            BudgetSpentError: The run may not call it again.
            ReplyError: The reply does not fit `schema`, even after one repair.
            TemplateError: A prompt cannot be rendered.
            UnsafeError: A prompt reaches for what no template may have.
        """
        run = self._run(run_id)
        answers: list[ModelCall] = []
        with run.lock:
            asked = self._asked(run, purpose, messages, schema)
            try:
                request = question(purpose, tuple(map(self._masked, messages)), schema)
                reply = self._replied(run, request, schema, answers)
            except _ITS_FAULT as error:
                self._tell(asked, answers, error)
                raise
            self._tell(asked, answers)
            return reply

    def _replied(
        self, run: _Run, request: ModelRequest, schema: type[Reply], answers: list[ModelCall]
    ) -> Reply:
        answers.append(self._answer(run, request))
        text = answers[-1].reply
        try:
            return read_reply(text, schema)
        except MisfitError as misfit:
            second = repair(request, text, misfit)
        return self._last_chance(run, second, schema, answers)

    def _last_chance(
        self, run: _Run, request: ModelRequest, schema: type[Reply], answers: list[ModelCall]
    ) -> Reply:
        answers.append(self._answer(run, request))
        try:
            return read_reply(answers[-1].reply, schema)
        except MisfitError as misfit:
            raise ReplyError(
                f"The reply of the model {self.model!r} to `{request.purpose}` does not fit "
                f"`{request.schema_name}`, even after one repair:\n{misfit.why}",
                "Try again, or set `model.name` to a model that is better at structured output.",
            ) from misfit

    def _tell(
        self, asked: Asked | None, answers: list[ModelCall], error: CultivarError | None = None
    ) -> None:
        """Tell whoever hears of prompts what came of them."""
        if self._hear is None or asked is None:
            return
        self._hear(
            replace(
                asked,
                reply=answers[-1].reply if answers else "",
                error=type(error).__name__ if error else "",
                message=error.what if error else "",
                seconds=sum(each.seconds for each in answers),
                money=sum(each.money for each in answers),
            )
        )

    def _asked(
        self, run: _Run, purpose: str, turns: tuple[Turn, ...], schema: type[Reply]
    ) -> Asked | None:
        """What is asked; None where no prompt is in it, or nobody hears of that."""
        if self._hear is None or not any(isinstance(each, Said) for each in turns):
            return None
        return Asked(
            run_id=run.id,
            purpose=purpose,
            turns=turns,
            schema_name=schema.__name__,
            schema=schema.model_json_schema(),
        )

    def _masked(self, message: Turn) -> Message:
        return Message(role=message.role, content=self._clean(message.content))

    def _clean(self, text: str) -> str:
        return self.redactor.text(plain(text))

    def _run(self, run_id: str) -> _Run:
        with self._lock:
            if run_id not in self._runs:
                now = self._retrying.time.now
                meter = Meter(run_id, self._record, budget=self._budget, now=now)
                self._runs[run_id] = _Run(id=run_id, meter=meter)
            return self._runs[run_id]

    def _answer(self, run: _Run, request: ModelRequest) -> ModelCall:
        recorded = self._record.call(run.id, request_hash(request))
        return self._pay(run, request) if recorded is None else recorded

    def _pay(self, run: _Run, request: ModelRequest) -> ModelCall:
        if not self.available:
            self._provider.complete(request)  # it says what to configure
        tally = _Tally(began=self._retrying.time.now())
        try:
            reply = self._try(run, request, tally)
        except CultivarError as error:
            self.redactor.error(error)
            if tally.attempts:
                self._keep(run, request, tally, ModelReply(text="", model=self.model), str(error))
            raise
        return self._keep(run, request, tally, reply)

    def _try(self, run: _Run, request: ModelRequest, tally: _Tally) -> ModelReply:
        wait = 0.0
        while True:
            run.meter.check(wait)
            if wait > 0:
                self._retrying.time.sleep(wait)
                run.meter.check()
            tally.attempts += 1
            try:
                return self._provider.complete(request)
            except ProviderError as error:
                failed = error
            delay = self._retrying.delay(tally.attempts, failed)
            if delay is None:
                raise self._gave_up(failed, tally.attempts)
            wait = delay
            _logger.info(
                "The model %r did not answer (%s); asking again in %.1f s.",
                self.model,
                self.redactor.text(failed.why),
                wait,
            )

    def _gave_up(self, error: ProviderError, attempts: int) -> ModelUnavailableError:
        # Not chained to `error`: what it was made of is not redacted.
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        asked = f" It asks to wait {error.after:g} seconds." if error.after else ""
        return ModelUnavailableError(
            f"The model {self.model!r} did not answer in {times}: {error.why}{asked}",
            "Check `model.name`, `model.api_base` and the network with `cultivar doctor`, "
            "then `cultivar resume` the run.",
        )

    def _keep(
        self,
        run: _Run,
        request: ModelRequest,
        tally: _Tally,
        reply: ModelReply,
        error: str = "",
    ) -> ModelCall:
        call = ModelCall(
            run_id=run.id,
            purpose=request.purpose,
            request_hash=request_hash(request),
            model=reply.model or self.model,
            prompt=self.redactor.json(request_json(request)),
            reply=self._clean(reply.text),
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            money=reply.money,
            seconds=self._retrying.time.now() - tally.began,
            attempts=tally.attempts,
            error=self._clean(error),
        )
        self._record.add_call(call)
        return call
