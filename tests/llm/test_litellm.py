"""Through the real litellm, against a real server on the loopback."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from cultivar.errors import (
    BudgetSpentError,
    ModelUnavailableError,
    RefusedError,
    ReplyError,
)
from cultivar.llm.base import Message, Provider, ProviderError
from cultivar.llm.door import Door
from cultivar.llm.litellm import ALLOW_CALLS, LitellmModel
from cultivar.llm.redaction import Redactor
from cultivar.llm.retrying import Retrying
from cultivar.settings import BudgetSettings, ModelSettings, Secret
from cultivar.testing.clock import SteppedClock
from cultivar.testing.openai_server import (
    INJECTION,
    Act,
    Cut,
    Fail,
    Garble,
    Hang,
    OpenAIServer,
    Say,
    Script,
)
from cultivar.testing.providers import ProviderConformance, a_request
from cultivar.testing.records import MemoryCallRecord

KEY = "sk-a-key-of-this-test"
PRICED = "openai/gpt-4o-mini"
UNPRICED = "openai/nobody-knows-this-one"


class Choice(BaseModel):
    value: str
    sure: bool = True


FINE = Choice(value="ttl")
YES = Say(FINE.model_dump_json())
ASKED = (Message(role="user", content="Which cache?"),)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def model(server: OpenAIServer, name: str = PRICED, **more: Any) -> LitellmModel:
    given: dict[str, Any] = {
        "name": name,
        "api_base": server.api_base,
        "api_key": Secret(KEY),
        "timeout": 20,
    }
    return LitellmModel(ModelSettings(**given | more), grace=2.0)


def door_to(
    provider: Provider,
    record: MemoryCallRecord,
    clock: SteppedClock,
    budget: BudgetSettings | None = None,
) -> Door:
    retrying = Retrying(retries=2, time=clock.time)
    return Door(provider, record, retrying=retrying, budget=budget, redactor=Redactor(KEY))


class TestConformance(ProviderConformance):
    @pytest.fixture(autouse=True)
    def serve(self, server: OpenAIServer) -> None:
        self._server = server

    def provider(self, *texts: str) -> Provider:
        self._server.enqueue(*map(Say, texts))
        return model(self._server)

    def failing_provider(self) -> Provider:
        self._server.enqueue(Fail(500))
        return model(self._server)


FAULTS: dict[str, Act] = {
    "429": Fail(429),
    "500": Fail(500),
    "502": Fail(502),
    "503": Fail(503),
    "504": Fail(504),
    "408": Fail(408),
    "cut before the answer": Cut("before"),
    "cut in the headers": Cut("headers"),
    "cut in the body": Cut("body"),
    "half a JSON body": Garble(),
    "an empty body": Garble(""),
    "HTML": Garble("<html>Bad gateway</html>"),
    "no choices": Garble('{"choices": []}'),
    "an empty choice": Garble('{"choices": [{}]}'),
    "a list": Garble("[]"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_may_pass_is_tried_again(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock, fault: Act
) -> None:
    server.enqueue(fault, fault, YES)
    assert door_to(model(server), record, clock).ask("run", "x", ASKED, Choice) == FINE
    (call,) = record.calls
    assert (len(server.requests), call.attempts, clock.sleeps) == (3, 3, [0.5, 1.0])


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_does_not_pass_ends_as_unavailable(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock, fault: Act
) -> None:
    server.enqueue(fault, fault, fault)
    with pytest.raises(ModelUnavailableError, match="in 3 attempts"):
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert len(server.requests) == 3
    assert "in 3 attempts" in record.calls[0].error


@pytest.mark.parametrize(
    ("fault", "billed"),
    [
        (Hang(), True),
        (Fail(504), True),
        (Cut("before"), True),
        (Cut("body"), True),
        (Fail(429), False),
        (Fail(500), False),
        (Fail(400), False),
    ],
    ids=str,
)
def test_what_was_sent_and_not_refused_may_be_charged_for(
    server: OpenAIServer, fault: Act, billed: bool
) -> None:
    server.enqueue(fault)
    with pytest.raises(ProviderError) as caught:
        model(server, timeout=1.0).complete(a_request())
    assert caught.value.billed is billed


def test_what_never_arrived_is_not_charged_for(server: OpenAIServer) -> None:
    nobody = model(server, api_base="http://127.0.0.1:1/v1")
    with pytest.raises(ProviderError, match="Connection") as caught:
        nobody.complete(a_request())
    assert not caught.value.billed


@pytest.mark.parametrize("status", [400, 409, 413, 418, 422])
def test_a_request_that_is_wrong_is_not_tried_again(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock, status: int
) -> None:
    server.enqueue(Fail(status, "the prompt is too long"), YES)
    with pytest.raises(ModelUnavailableError, match=r"1 attempt: .*the prompt is too long"):
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "setting"),
    [(401, "CULTIVAR_MODEL__API_KEY"), (403, "CULTIVAR_MODEL__API_KEY"), (404, "model.name")],
)
def test_a_model_that_will_never_answer_says_what_to_configure(
    server: OpenAIServer,
    record: MemoryCallRecord,
    clock: SteppedClock,
    status: int,
    setting: str,
) -> None:
    server.enqueue(Fail(status, f"Incorrect key: {KEY}"), YES)
    with pytest.raises(ModelUnavailableError) as caught:
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert setting in caught.value.remedy
    assert KEY not in f"{caught.value!r} {record.calls!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # what litellm raised would print the key
    assert len(server.requests) == 1


def test_retry_after_in_seconds_is_honoured(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Fail(429, retry_after="7"), Fail(503, retry_after="0.25"), YES)
    assert door_to(model(server), record, clock).ask("run", "x", ASKED, Choice) == FINE
    assert clock.sleeps == [7.0, 0.25]


def test_retry_after_as_a_date_is_honoured(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    server.enqueue(Fail(429, retry_after=then), YES)
    door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert 20 < clock.sleeps[0] <= 50


@pytest.mark.parametrize("nonsense", ["soon", "nan", "-5", "", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_makes_no_sense_does_no_harm(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock, nonsense: str
) -> None:
    server.enqueue(Fail(429, retry_after=nonsense), YES)
    assert door_to(model(server), record, clock).ask("run", "x", ASKED, Choice) == FINE
    assert clock.sleeps in ([], [0.5])


def test_a_wait_without_end_is_given_up(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Fail(429, retry_after="86400"), YES)
    with pytest.raises(ModelUnavailableError, match="asks to wait 86400 seconds"):
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)


def test_a_server_that_hangs_times_out(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Hang(), YES)
    impatient = model(server, timeout=2.0)
    assert door_to(impatient, record, clock).ask("run", "x", ASKED, Choice) == FINE
    assert (len(server.requests), record.calls[0].attempts) == (2, 2)


def test_a_server_that_drips_bytes_without_end_times_out(server: OpenAIServer) -> None:
    server.enqueue(Say("x" * 1000, drip=0.02))
    with pytest.raises(ProviderError, match=r"No answer within 1 seconds") as caught:
        model(server, timeout=1.0).complete(a_request())
    assert caught.value.retry


def test_a_server_that_is_slow_but_in_time_is_waited_for(server: OpenAIServer) -> None:
    server.enqueue(Say("late", delay=0.3))
    reply = model(server).complete(a_request())
    assert reply.text == "late"
    assert reply.seconds >= 0.3


def test_a_refused_connection_ends_as_unavailable(
    record: MemoryCallRecord, clock: SteppedClock
) -> None:
    with OpenAIServer() as server:
        gone = model(server)
    with pytest.raises(ModelUnavailableError, match=r"in 3 attempts.*model\.api_base"):
        door_to(gone, record, clock).ask("run", "x", ASKED, Choice)


def test_text_that_is_no_json_is_repaired(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say("I would take a TTL cache."), YES)
    assert door_to(model(server), record, clock).ask("run", "x", ASKED, Choice) == FINE
    roles = [message["role"] for message in server.requests[1].body["messages"]]
    assert (roles, len(record.calls)) == (["user", "assistant", "user"], 2)


def test_a_wrong_schema_twice_is_a_reply_error(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say('{"value": 1}'), Say('{"values": "a"}'), YES)
    with pytest.raises(ReplyError, match="`value`: Field required"):
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert len(server.requests) == 2


def test_an_injection_in_an_answer_is_a_plain_string(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say(Choice(value=INJECTION).model_dump_json()))
    assert door_to(model(server), record, clock).ask("run", "x", ASKED, Choice).value == INJECTION


def test_an_injection_instead_of_an_answer_is_an_error(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say(INJECTION), Say(INJECTION))
    with pytest.raises(ReplyError) as caught:
        door_to(model(server), record, clock).ask("run", "x", ASKED, Choice)
    assert "IGNORE" not in str(caught.value)


def test_tokens_and_money_are_recorded_and_end_the_run(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say(YES.text, prompt_tokens=1_000_000, completion_tokens=1_000_000))
    door = door_to(model(server), record, clock, BudgetSettings(money=0.5, tokens=None))
    door.ask("run", "x", ASKED, Choice)
    assert record.usage("run").tokens == 2_000_000
    assert record.usage("run").money == pytest.approx(0.75)  # 0.15 + 0.60 dollars a million
    with pytest.raises(BudgetSpentError, match="money"):
        door.ask("run", "y", ASKED, Choice)


def test_an_unknown_price_is_nothing_and_is_said_once(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.enqueue(YES, YES)
    unpriced = model(server, UNPRICED)
    assert [unpriced.complete(a_request()).money for _ in range(2)] == [0.0, 0.0]
    said = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "budget.tokens" in said[0]


def test_a_model_that_takes_a_schema_gets_it_as_a_parameter(server: OpenAIServer) -> None:
    server.enqueue(YES)
    model(server).complete(a_request())
    form = server.requests[0].body["response_format"]["json_schema"]
    assert (form["name"], form["strict"]) == ("Choice", True)
    assert form["schema"]["additionalProperties"] is False
    assert len(server.requests[0].body["messages"]) == 2


def test_a_model_that_takes_no_schema_gets_it_in_words(server: OpenAIServer) -> None:
    server.enqueue(YES)
    model(server, UNPRICED).complete(a_request())
    body = server.requests[0].body
    assert "response_format" not in body
    assert '"required": ["value"]' in body["messages"][-1]["content"]


def test_settings_reach_the_server(server: OpenAIServer) -> None:
    server.enqueue(YES)
    model(server, temperature=0.5, max_tokens=77).complete(a_request())
    (request,) = server.requests
    assert (request.body["temperature"], request.body["max_tokens"]) == (0.5, 77)
    assert request.headers["Authorization"] == f"Bearer {KEY}"


def test_an_unknown_provider_says_how_a_name_looks(server: OpenAIServer) -> None:
    with pytest.raises(ModelUnavailableError, match="PROVIDER/NAME"):
        model(server, "nobody/nothing").complete(a_request())


@pytest.mark.parametrize(
    ("name", "variable"),
    [(PRICED, "OPENAI_API_KEY"), ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY")],
)
def test_a_missing_key_is_named_and_nothing_is_sent(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ModelUnavailableError, match=variable):
        model(server, name, api_key=None).complete(a_request())
    assert server.requests == ()


@pytest.mark.parametrize("address", [None, "http://192.0.2.1/v1", "http://127.0.0.1.evil.test/v1"])
def test_a_stray_call_is_refused(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.setenv(ALLOW_CALLS, "0")
    settings = ModelSettings(name=PRICED, api_base=address, api_key=Secret(KEY))
    with pytest.raises(RefusedError, match=ALLOW_CALLS):
        LitellmModel(settings).complete(a_request())


def test_a_server_on_the_loopback_is_no_stray_call(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW_CALLS, "0")
    server.enqueue(YES)
    assert model(server).complete(a_request()).text == YES.text


def test_warnings_of_litellm_are_silent_and_those_of_others_are_not(server: OpenAIServer) -> None:
    server.enqueue(YES)
    model(server).complete(a_request())
    warnings.warn_explicit("theirs", UserWarning, "litellm/utils.py", 1, module="litellm.utils")
    with pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_the_server_answers_by_what_it_was_asked(server: OpenAIServer) -> None:
    echo: Script = lambda request: Say(request.body["messages"][-1]["content"])  # noqa: E731
    server.enqueue(echo)
    assert model(server).complete(a_request("Echo!")).text == "Echo!"


def test_a_server_without_a_script_says_so(server: OpenAIServer) -> None:
    with pytest.raises(ProviderError, match="script of this server has run out"):
        model(server).complete(a_request())


_CHILD = """
import logging, os, sys, threading
from cultivar.llm.base import ProviderError
from cultivar.llm.choose import choose_provider, warm_up
from cultivar.settings import ModelSettings, Secret
from cultivar.testing.providers import a_request
settings = ModelSettings(name={name!r}, api_base={base!r}, api_key=Secret("k"))
provider = choose_provider(settings)
warm_up(ModelSettings())
assert "litellm" not in sys.modules
warm_up(settings)
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
assert "litellm" in sys.modules
assert "FROM_DOT_ENV" not in os.environ, "litellm loaded .env"
try:
    provider.complete(a_request())
except ProviderError as error:
    print(error.retry)
print(provider.complete(a_request()).text)
logging.getLogger("LiteLLM").error("noise of litellm's own")
"""


def test_a_fresh_process_imports_it_late_and_prints_nothing_but_ours(
    server: OpenAIServer, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("FROM_DOT_ENV=1\n")
    server.enqueue(Fail(500), Say("alone"))
    code = _CHILD.format(name=PRICED, base=server.api_base)
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nalone\n", "")


def test_halves_of_characters_and_nuls_do_not_reach_the_record(
    server: OpenAIServer, record: MemoryCallRecord, clock: SteppedClock
) -> None:
    server.enqueue(Say('Here: {"value": "ttl"} \ud800 \0'), YES)
    door = door_to(model(server), record, clock)
    door.ask("run", "x", (Message(role="user", content="caf\udce9"),), Choice)
    (call,) = record.calls
    assert call.reply == 'Here: {"value": "ttl"} ? \ufffd'
    assert server.requests[0].body["messages"][0]["content"] == "caf?"
