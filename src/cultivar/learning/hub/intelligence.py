"""Answers requests about templates, in the shapes of the first system, with what we know better.

The invariant: every request is answered; what is wrong with one is said under the key `error`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeAlias, cast

from msgspec import DecodeError, json

from cultivar.bus.base import Message
from cultivar.bus.fairness import BusyError
from cultivar.errors import CultivarError, NotKnownError, UsageError
from cultivar.learning.defaults.keeping import KeptDefaults
from cultivar.learning.defaults.suggestion import AskedFor, Suggestion
from cultivar.learning.evidence.rates import Rate
from cultivar.learning.findings.combining import Combination, best_combinations, worst_combinations
from cultivar.learning.findings.failing import associated_with_failure
from cultivar.learning.findings.statistics import QuestionStatistics, statistics_of
from cultivar.learning.hub.failures import FailureStore
from cultivar.learning.hub.metrics import Metrics
from cultivar.learning.hub.snapshots import Partial, Snapshots
from cultivar.learning.hub.store import HubStore
from cultivar.ledger.tallying import TallyStore
from cultivar.record import Record, field, to_builtins
from cultivar.schema import MisfitError, read_as

_MOST: Final = 200
"""Questions and given answers in one request."""

_LONGEST: Final = 131_072
"""Bytes of a request: what is asked is kept with its answer."""

LONGEST_WORK: Final = 2.0
"""Seconds of the processor that the suggestions of one request may take."""

_Plain: TypeAlias = bool | int | float | str | None
"""A value that a closed question takes."""


class Question(Record):
    """A question that a default is wanted for; without any, all that were ever answered."""

    name: str
    values: tuple[_Plain, ...] = ()
    """All that it takes; empty: whatever was answered."""
    default: Any = None
    """What the template itself would answer."""


class Request(Record):
    """What is asked."""

    action: str = ""
    template_id: str = ""
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    """The closed answers that are already there, by question."""
    questions: tuple[Question, ...] = ()
    in_turn: bool = False
    """Whether what is found for a question, else its default, is given for those after it."""


Facts: TypeAlias = dict[str, Any]
"""An answer, as JSON has it."""


class _Sources(Record):
    """What answers are made of."""

    tallies: TallyStore
    defaults: KeptDefaults
    failures: FailureStore
    longest_work: float
    """Seconds of the processor that the suggestions of one request may take."""


class Intelligence:
    """The responder of `INTELLIGENCE`.

    Args:
        store: What the hub knows.
        snapshots: Where answers are kept.
        metrics: Where requests are counted.
        longest_work: Seconds of the processor that the suggestions of one request may take.
    """

    def __init__(
        self,
        store: HubStore,
        snapshots: Snapshots,
        metrics: Metrics,
        longest_work: float = LONGEST_WORK,
    ) -> None:
        self._snapshots, self._metrics = snapshots, metrics
        self._sources = _Sources(
            tallies=store.tallies,
            defaults=KeptDefaults(store.tallies, snapshots.renewals),
            failures=store.failures,
            longest_work=longest_work,
        )

    def __call__(self, message: Message) -> bytes:
        """The answer to a request."""
        self._metrics.add(requests=1)
        try:
            return json.encode(self.answer(_read(message.data)))
        except CultivarError as error:
            self._metrics.add(request_errors=1)
            return refusal(error)

    def answer(self, request: Request) -> Facts:
        """The answer to a request.

        Raises:
            UsageError: There is no such action or template, or too much is asked at once.
            StoreUnavailableError: The database does not answer, and no answer is kept.
        """
        action = _ACTIONS.get(request.action)
        if action is None:
            raise UsageError(
                f"There is no action {request.action!r}.", f"There are: {', '.join(_ACTIONS)}."
            )
        asked = sha256(json.encode(request, order="deterministic")).hexdigest()
        answer: Facts = self._snapshots.get(
            request.template_id, asked, lambda: self._worked_out(action, request)
        )
        return answer

    def _worked_out(self, action: _Action, request: Request) -> Facts | Partial:
        extent = self._sources.tallies.extent(request.template_id)
        if not extent.uses:
            raise NotKnownError("template", request.template_id, remedy="No instance has used it.")
        about = {
            "template_id": request.template_id,
            "sample_size": extent.uses,
            "instances": extent.instances,
        }
        found = {**about, **action(self._sources, request)}
        return Partial(answer=found) if found.get("not_reached") else found


def refusal(error: CultivarError) -> bytes:
    """What is answered instead of what was asked for."""
    return json.encode({"error": str(error), "kind": type(error).__name__})


BUSY: Final = refusal(BusyError("The hub has too many requests of yours waiting.", "Ask later."))
"""What a sender is answered that asks faster than the hub can answer it."""


def _read(data: bytes) -> Request:
    if len(data) > _LONGEST:
        raise UsageError("The request is too long.", f"Ask with up to {_LONGEST} bytes.")
    try:
        request = read_as(Request, json.decode(data))
    except (DecodeError, MisfitError, RecursionError) as error:
        raise UsageError(
            "The request is none.", 'Ask like {"action": "suggest_defaults", "template_id": "…"}.'
        ) from error
    if len(request.questions) > _MOST or len(request.given) > _MOST:
        raise UsageError("The request asks for too much.", f"Ask for up to {_MOST} questions.")
    return request


def _suggest_defaults(sources: _Sources, request: Request) -> Facts:
    asked = [
        AskedFor(name=each.name, values=each.values, default=each.default)
        for each in request.questions
    ] or _all_of(sources.tallies, request)
    found: list[Suggestion] = []
    reached = _suggest(sources, request, asked, found)
    return {
        "suggested_answers": {each.question: each.value for each in found},
        "confidence": min((each.confidence for each in found), default=0.0),
        "suggestions": {each.question: plain(each) for each in found},
        "in_turn": request.in_turn,
        "not_reached": [each.name for each in asked[reached:]],
    }


def _suggest(
    sources: _Sources, request: Request, asked: Sequence[AskedFor], found: list[Suggestion]
) -> int:
    """Add what is suggested to `found`; how many questions there was time for."""
    given, until = dict(request.given), time.thread_time() + sources.longest_work
    for at, each in enumerate(asked):
        if at and time.thread_time() >= until:
            return at  # the judgements are kept: when the answer is renewed, it gets further
        suggestion = sources.defaults.find(each, given, request.template_id)
        answer = suggestion.value if suggestion else each.default
        if request.in_turn and answer is not None:
            given[each.name] = answer
        if suggestion:
            found.append(suggestion)
    return len(asked)


def _all_of(tallies: TallyStore, request: Request) -> list[AskedFor]:
    names = [each for each in tallies.questions(request.template_id) if each not in request.given]
    return [AskedFor(name=each) for each in names[:_MOST]]


def _get_failure_patterns(sources: _Sources, request: Request) -> Facts:
    tallies = sources.tallies
    totals = tallies.totals(request.template_id).get(request.template_id, {}).values()
    failed = sum(each.failed for each in totals)
    rate = Rate(successes=failed, trials=failed + sum(each.succeeded for each in totals))
    return {
        "common_failures": plain(sources.failures.common(request.template_id)),
        "failing_answers": plain(associated_with_failure(tallies, request.template_id)),
        "worst_combinations": _told(worst_combinations(tallies, request.template_id)),
        "total_failures": failed,
        "failure_rate": rate.estimate if rate.trials else None,
        "failure_interval": plain(rate.wilson()),
        "verified": round(rate.trials),
    }


def _query_answer_patterns(sources: _Sources, request: Request) -> Facts:
    found = statistics_of(sources.tallies, request.template_id)
    return {
        "success_rate": found.total.success,
        "success_interval": plain(found.total.interval),
        "common_answers": {each.question: _shares(each) for each in found.questions},
        "best_combinations": _told(found.best),
        "questions": plain(found.questions),
        "versions": plain(found.versions),
        "drifts": plain(found.drifts),
    }


def _best_combinations(sources: _Sources, request: Request) -> Facts:
    return {"combinations": _told(best_combinations(sources.tallies, request.template_id))}


def _shares(question: QuestionStatistics) -> list[Facts]:
    """The answers to a question with how many of all choose them, as the first system told it."""
    return [
        {"value": each.value, "share": each.share, "success_rate": each.success, "count": each.uses}
        for each in question.answers
    ]


def _told(combinations: Iterable[Combination]) -> list[Facts]:
    """Combinations, each with the first system's names for its rate and its number."""
    return [
        {**plain(each), "success_rate": each.success, "count": each.uses} for each in combinations
    ]


def plain(value: object) -> Any:
    """A value in the types that JSON has."""
    return to_builtins(value, enc_hook=_plain)


def _plain(value: object) -> object:
    """What msgspec does not know: a mapping that is no dict."""
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else str(value)


_Action: TypeAlias = Callable[[_Sources, Request], Facts]

_ACTIONS: Final[Mapping[str, _Action]] = {
    "suggest_defaults": _suggest_defaults,
    "get_failure_patterns": _get_failure_patterns,
    "query_answer_patterns": _query_answer_patterns,
    "best_combinations": _best_combinations,
}
