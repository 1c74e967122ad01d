from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel

from cultivar.errors import BudgetSpentError, ModelUnavailableError, ReplyError, UsageError
from cultivar.llm.base import Message, ModelDoor, ModelReply, ModelRequest, ProviderError
from cultivar.llm.builtin import NoModel
from cultivar.llm.door import Door
from cultivar.llm.redaction import MASK, Redactor
from cultivar.llm.retrying import Retrying
from cultivar.llm.scripted import ScriptedModel, ScriptLine
from cultivar.record import replace
from cultivar.settings import BudgetSettings
from cultivar.testing.clock import SteppedClock
from cultivar.testing.openai_server import INJECTION
from cultivar.testing.records import MemoryCallRecord


class Choice(BaseModel):
    value: str
    sure: bool = True


UNLIMITED = BudgetSettings(money=None, tokens=None, calls=None, seconds=None)
FINE = Choice(value="ttl")


def said(content: str = "Which cache?") -> tuple[Message, ...]:
    return (Message(role="user", content=content),)


def busy(after: float | None = None) -> ProviderError:
    return ProviderError("Too many requests.", retry=True, after=after)


Opener = Callable[..., tuple[Door, ScriptedModel]]


@pytest.fixture
def opened(record: MemoryCallRecord, clock: SteppedClock) -> Opener:
    def open_it(
        *lines: ScriptLine,
        budget: BudgetSettings = UNLIMITED,
        redactor: Redactor | None = None,
        retries: int = 4,
    ) -> tuple[Door, ScriptedModel]:
        model = ScriptedModel(*lines)
        retrying = Retrying(retries=retries, time=clock.time)
        return Door(model, record, retrying=retrying, budget=budget, redactor=redactor), model

    return open_it


def test_a_door_is_a_model_door(record: MemoryCallRecord) -> None:
    door: ModelDoor = Door(ScriptedModel(FINE), record)
    assert door.ask("run", "inferrer", said(), Choice) == FINE


def test_the_schema_goes_with_the_question(opened: Opener) -> None:
    door, model = opened(FINE)
    door.ask("run", "inferrer", said(), Choice)
    assert model.requests == (
        ModelRequest(
            purpose="inferrer",
            messages=said(),
            schema_name="Choice",
            schema=Choice.model_json_schema(),
        ),
    )


def test_a_call_is_recorded_with_what_it_took(opened: Opener, record: MemoryCallRecord) -> None:
    reply = ModelReply(
        text=FINE.model_dump_json(), model="m", prompt_tokens=5, completion_tokens=3, money=0.25
    )
    door, _ = opened(busy(), reply)
    door.ask("run", "inferrer", said(), Choice)
    (call,) = record.calls
    took = (call.model, call.prompt_tokens, call.completion_tokens, call.money, call.attempts)
    assert took == ("m", 5, 3, 0.25, 2)
    assert (call.reply, call.error, call.purpose, call.seconds) == (reply.text, "", "inferrer", 0.5)


def test_the_same_question_of_a_run_is_paid_once(opened: Opener, record: MemoryCallRecord) -> None:
    door, model = opened(FINE)
    answers = [door.ask("run", "inferrer", said(), Choice) for _ in range(3)]
    assert answers == [FINE] * 3
    assert (len(model.requests), len(record.calls)) == (1, 1)


def test_another_process_of_the_run_is_answered_from_the_record(
    opened: Opener, record: MemoryCallRecord
) -> None:
    opened(FINE)[0].ask("run", "inferrer", said(), Choice)
    resumed = Door(NoModel(), record)
    assert resumed.ask("run", "inferrer", said(), Choice) == FINE


def test_another_run_asks_for_itself(opened: Opener) -> None:
    door, model = opened(FINE, Choice(value="lru"))
    door.ask("one", "inferrer", said(), Choice)
    assert door.ask("two", "inferrer", said(), Choice).value == "lru"
    assert len(model.requests) == 2


def test_a_question_that_two_threads_ask_at_once_is_paid_once(opened: Opener) -> None:
    met = threading.Barrier(4)

    def answer(_: ModelRequest) -> Choice:
        threading.Event().wait(0.2)  # time for the others to ask too
        return FINE

    door, model = opened(answer)

    def ask() -> Choice:
        met.wait(10)
        return door.ask("run", "inferrer", said(), Choice)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask) for _ in range(4)]
    assert [future.result() for future in futures] == [FINE] * 4
    assert len(model.requests) == 1


def test_runs_do_not_wait_for_each_other(opened: Opener) -> None:
    met = threading.Barrier(2)

    def answer(_: ModelRequest) -> Choice:
        met.wait(10)  # passes only when both are inside
        return FINE

    door, _ = opened(answer, answer)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(door.ask, run, "x", said(), Choice) for run in ("one", "two")]
    assert [future.result() for future in futures] == [FINE, FINE]


def test_waits_double_up_to_a_bound(opened: Opener, clock: SteppedClock) -> None:
    door, _ = opened(*[busy()] * 8, FINE, retries=8)
    door.ask("run", "inferrer", said(), Choice)
    assert clock.sleeps == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_half_of_a_wait_is_left_to_chance(record: MemoryCallRecord) -> None:
    clock = SteppedClock(chance=0.0)
    door = Door(ScriptedModel(busy(), FINE), record, retrying=Retrying(time=clock.time))
    door.ask("run", "inferrer", said(), Choice)
    assert clock.sleeps == [0.25]


def test_a_provider_that_says_how_long_to_wait_is_obeyed(
    opened: Opener, clock: SteppedClock
) -> None:
    door, _ = opened(busy(after=17.0), busy(after=0.0), FINE)
    door.ask("run", "inferrer", said(), Choice)
    assert clock.sleeps == [17.0]


def test_a_provider_that_asks_for_too_long_a_wait_is_given_up(
    opened: Opener, clock: SteppedClock
) -> None:
    door, _ = opened(busy(after=3600.0), FINE)
    with pytest.raises(ModelUnavailableError, match="asks to wait 3600 seconds"):
        door.ask("run", "inferrer", said(), Choice)
    assert clock.sleeps == []


def test_it_gives_up_after_the_last_retry(opened: Opener, record: MemoryCallRecord) -> None:
    door, model = opened(*[busy()] * 9, retries=2)
    with pytest.raises(ModelUnavailableError, match="in 3 attempts: Too many requests"):
        door.ask("run", "inferrer", said(), Choice)
    (call,) = record.calls
    assert (len(model.requests), call.attempts) == (3, 3)
    assert "Too many requests" in call.error


def test_what_trying_again_cannot_help_is_not_tried_again(opened: Opener) -> None:
    door, model = opened(ProviderError("The prompt is too long.", retry=False), FINE)
    with pytest.raises(ModelUnavailableError, match="1 attempt: The prompt is too long"):
        door.ask("run", "inferrer", said(), Choice)
    assert len(model.requests) == 1


def test_a_question_that_failed_is_asked_again_later(
    opened: Opener, record: MemoryCallRecord
) -> None:
    door, _ = opened(ProviderError("No.", retry=False), FINE)
    with pytest.raises(ModelUnavailableError):
        door.ask("run", "inferrer", said(), Choice)
    assert door.ask("run", "inferrer", said(), Choice) == FINE
    assert [bool(call.error) for call in record.calls] == [True, False]


def test_a_reply_that_does_not_fit_is_repaired_once(
    opened: Opener, record: MemoryCallRecord
) -> None:
    door, model = opened({"value": 7}, FINE)
    assert door.ask("run", "inferrer", said(), Choice) == FINE
    asked, answered, wrong = model.requests[1].messages
    assert (asked, answered.role, answered.content) == (said()[0], "assistant", '{"value": 7}')
    assert "- `value`: Input should be a valid string" in wrong.content
    assert [call.reply for call in record.calls] == ['{"value": 7}', FINE.model_dump_json()]


def test_a_repair_that_was_interrupted_pays_nothing_twice(
    opened: Opener, record: MemoryCallRecord
) -> None:
    killed, _ = opened("no JSON", KeyError("killed"))
    with pytest.raises(KeyError):
        killed.ask("run", "inferrer", said(), Choice)
    resumed, model = opened(FINE)
    assert resumed.ask("run", "inferrer", said(), Choice) == FINE
    assert len(model.requests) == 1
    assert len(record.calls) == 2


def test_a_second_misfit_is_an_error_that_names_the_fields(opened: Opener) -> None:
    door, model = opened("no JSON", {"sure": "maybe"}, FINE)
    with pytest.raises(ReplyError) as caught:
        door.ask("run", "inferrer", said(), Choice)
    assert "`value`: Field required" in caught.value.what
    assert "`sure`: Input should be a valid boolean" in caught.value.what
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("kind", "limit"), [("calls", 1), ("tokens", 10), ("money", 0.5), ("seconds", 5.0)]
)
def test_a_budget_that_is_spent_refuses_the_next_call(
    opened: Opener, clock: SteppedClock, kind: str, limit: float
) -> None:
    def answer(_: ModelRequest) -> ModelReply:
        clock.advance(5)
        text = FINE.model_dump_json()
        return ModelReply(text=text, model="m", prompt_tokens=6, completion_tokens=4, money=0.5)

    budget = replace(UNLIMITED, **{kind: limit})
    door, model = opened(answer, answer, budget=budget)
    door.ask("run", "inferrer", said("one"), Choice)
    with pytest.raises(BudgetSpentError) as caught:
        door.ask("run", "inferrer", said("two"), Choice)
    assert (caught.value.kind, caught.value.limit, len(model.requests)) == (kind, limit, 1)


@pytest.mark.parametrize("kind", ["calls", "tokens", "money", "seconds"])
def test_a_budget_of_nothing_allows_nothing(opened: Opener, kind: str) -> None:
    budget = replace(UNLIMITED, **{kind: 0})
    door, model = opened(FINE, budget=budget)
    with pytest.raises(BudgetSpentError):
        door.ask("run", "inferrer", said(), Choice)
    assert model.requests == ()


def test_a_spent_budget_still_answers_from_the_record(opened: Opener) -> None:
    door, _ = opened(FINE, budget=BudgetSettings(calls=1))
    door.ask("run", "inferrer", said(), Choice)
    assert door.ask("run", "inferrer", said(), Choice) == FINE


def test_a_repair_counts_as_a_call(opened: Opener) -> None:
    door, _ = opened("no JSON", FINE, budget=BudgetSettings(calls=1))
    with pytest.raises(BudgetSpentError):
        door.ask("run", "inferrer", said(), Choice)


def test_a_resumed_run_counts_what_it_spent_before(
    opened: Opener, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    def slow(_: ModelRequest) -> Choice:
        clock.advance(8)
        return FINE

    opened(slow)[0].ask("run", "inferrer", said("one"), Choice)
    clock.advance(1000)  # nobody works on the run
    resumed, _ = opened(slow, FINE, budget=BudgetSettings(seconds=10))
    resumed.ask("run", "inferrer", said("two"), Choice)
    with pytest.raises(BudgetSpentError) as caught:
        resumed.ask("run", "inferrer", said("three"), Choice)
    assert (caught.value.kind, caught.value.spent) == ("seconds", 16)


def test_it_does_not_wait_for_what_the_budget_will_refuse(
    opened: Opener, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    door, model = opened(busy(after=60), FINE, budget=BudgetSettings(seconds=30))
    with pytest.raises(BudgetSpentError):
        door.ask("run", "inferrer", said(), Choice)
    assert (clock.sleeps, len(model.requests), record.calls[0].attempts) == ([], 1, 1)


def test_no_model_is_not_available_and_says_what_to_set(record: MemoryCallRecord) -> None:
    door = Door(NoModel(), record)
    with pytest.raises(ModelUnavailableError, match=r"Set `model\.name`.*`--model`"):
        door.ask("run", "inferrer", said(), Choice)
    assert (door.available, record.calls) == (False, ())


def test_a_secret_is_not_sent_not_returned_and_not_recorded(
    opened: Opener, record: MemoryCallRecord
) -> None:
    redactor = Redactor("hunter2-hunter2")
    door, model = opened('{"value": "hunter2-hunter2"}', redactor=redactor)
    answer = door.ask("run", "inferrer", said("the key is hunter2-hunter2"), Choice)
    assert model.requests[0].messages == said(f"the key is {MASK}")
    assert answer.value == MASK
    assert "hunter2-hunter2" not in repr(record.calls)


def test_a_secret_that_a_provider_quotes_is_in_no_error_log_or_record(
    opened: Opener, record: MemoryCallRecord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = ProviderError("Bad key sk-very-secret.", retry=True)
    door, _ = opened(echo, echo, redactor=Redactor("sk-very-secret"), retries=1)
    with pytest.raises(ModelUnavailableError) as caught:
        door.ask("run", "inferrer", said(), Choice)
    told = f"{caught.value!s} {caught.value!r} {record.calls!r} {caplog.text}"
    assert f"Bad key {MASK}" in told
    assert "sk-very-secret" not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_that_is_told_later_is_masked_from_then_on(opened: Opener) -> None:
    door, model = opened(FINE, redactor=Redactor())
    door.redactor.add("swordfish")
    door.ask("run", "inferrer", said("say swordfish"), Choice)
    assert model.requests[0].messages == said(f"say {MASK}")


def test_a_reply_full_of_injections_is_a_plain_string(opened: Opener) -> None:
    door, _ = opened({"value": INJECTION})
    assert door.ask("run", "inferrer", said(), Choice).value == INJECTION


def test_an_injection_that_is_no_json_goes_back_as_the_models_own_words(opened: Opener) -> None:
    door, model = opened(INJECTION, FINE)
    assert door.ask("run", "inferrer", said(), Choice) == FINE
    roles = [(m.role, INJECTION in m.content) for m in model.requests[1].messages]
    assert roles == [("user", False), ("assistant", True), ("user", False)]


def test_a_script_that_has_run_out_is_not_taken_for_a_model_that_is_down(opened: Opener) -> None:
    door, _ = opened()
    with pytest.raises(UsageError, match=r"no line for request 1, of `inferrer` for `Choice`"):
        door.ask("run", "inferrer", said(), Choice)
