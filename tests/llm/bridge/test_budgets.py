"""What each instance may use, and who it is."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cultivar.errors import BudgetSpentError, StoreUnavailableError
from cultivar.ledger.base import Fits, ModelCall, Reserved
from cultivar.ledger.sql import open_ledger
from cultivar.llm.base import Message, ProviderError
from cultivar.llm.bridge.allowance import Allowances, Planned
from cultivar.llm.bridge.protocol import BridgeBudgetSpentError, RefusedRequestError
from cultivar.llm.door import Door
from cultivar.settings import BridgeSettings
from cultivar.testing.bridges import Bridges, ask
from cultivar.testing.hubs import wait_for
from cultivar.testing.openai_server import Fail, Say
from cultivar.testing.providers import a_request
from cultivar.testing.records import MemoryCallRecord


class Choice(BaseModel):
    value: str


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


def a_call(name: str, money: float = 0.0, tokens: int = 0, error: str = "") -> ModelCall:
    return ModelCall(
        run_id=name,
        purpose="test",
        request_hash="hash",
        model="scripted",
        prompt=None,
        reply="",
        prompt_tokens=tokens,
        completion_tokens=0,
        money=money,
        seconds=0.0,
        attempts=1,
        error=error,
    )


@pytest.mark.parametrize(
    ("limits", "kind"),
    [({"calls": 2}, "calls"), ({"tokens": 30}, "tokens"), ({"money": 1e-05}, "money")],
)
def test_an_instance_that_has_used_its_budget_is_told_until_when(
    limits: dict[str, Any], kind: str, bridges: Bridges
) -> None:
    bridges.service.enqueue(*[Say("fine")] * 3)
    bridges.bridge(**limits)
    provider = bridges.provider("one")
    for _ in range(2):
        provider.complete(a_request())
    with pytest.raises(BridgeBudgetSpentError, match=rf"`bridge\.{kind}`") as caught:
        provider.complete(a_request())
    assert caught.value.exit_code == 5
    assert caught.value.budget.free_at.endswith("T00:00:00+00:00")
    assert len(bridges.service.requests) == 2
    assert bridges.provider("two").complete(a_request()).text == "fine"


def test_a_spent_budget_is_not_asked_for_again_and_again(bridges: Bridges) -> None:
    bridges.bridge(calls=0)
    record = MemoryCallRecord()
    door = Door(bridges.provider(), record)
    with pytest.raises(BudgetSpentError, match="free again"):
        door.ask("run", "test", (Message(role="user", content="x"),), Choice)
    assert [call.attempts for call in record.calls] == [1]


def test_a_restart_forgets_nothing(on_a_file: Bridges, tmp_path: Path) -> None:
    on_a_file.service.enqueue(Say("fine"), Say("fine"))
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    provider = on_a_file.provider()
    for _ in range(2):
        with bridge_on(on_a_file, url):
            provider.complete(a_request())
    with bridge_on(on_a_file, url), pytest.raises(BridgeBudgetSpentError, match="2 of 2"):
        provider.complete(a_request())


@contextmanager
def bridge_on(bridges: Bridges, url: str) -> Generator[None]:
    """A bridge that may be asked twice, on a ledger that is opened anew."""
    with (
        closing(open_ledger(url)) as ledger,
        closing(bridges.bridge(record=ledger.calls, calls=2)),
    ):
        yield


def test_what_was_said_is_not_kept_but_what_it_took(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("an answer of theirs"), Fail(400))
    bridges.bridge()
    ask(bridges.bus(), "one")
    ask(bridges.bus(), "one")
    done, failed = bridges.record.calls
    assert "an answer of theirs" not in repr(done)
    assert "Which cache?" not in repr(done)
    assert (done.prompt_tokens, done.error, done.attempts) == (11, "", 1)
    assert (failed.prompt_tokens, failed.error != "") == (0, True)
    assert done.run_id.startswith("bridge:one:")


def test_who_asks_is_who_the_subject_names_whatever_the_request_says(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("fine"))
    bridges.bridge(calls=1)
    bus = bridges.bus()
    assert ask(bus, "one", instance_id="two")["content"] == "fine"
    assert ask(bus, "one", instance_id="three")["reason"] == "budget"


def test_many_at_once_overrun_no_number_of_calls(bridges: Bridges) -> None:
    bridges.service.enqueue(*[Say("fine", delay=0.05)] * 20)
    bridges.bridge(calls=7)
    provider = bridges.provider()

    def asked(_: int) -> str:
        try:
            return provider.complete(a_request()).text
        except BudgetSpentError:
            return "spent"

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(asked, range(20)))
    assert (replies.count("fine"), len(bridges.service.requests)) == (7, 7)


def test_one_instance_cannot_keep_the_others_out(on_a_server: Bridges) -> None:
    on_a_server.service.enqueue(*[Say("fine", delay=0.3)] * 31)
    on_a_server.bridge(concurrent=2)
    greedy, other = on_a_server.bus(), on_a_server.provider("other")
    with ThreadPoolExecutor(30) as pool:
        flood = [pool.submit(ask, greedy, "greedy", retries=0) for _ in range(30)]
        time.sleep(0.2)
        assert other.complete(a_request()).text == "fine"
        ended = [each.result().get("reason", "fine") for each in flood]
    assert set(ended) == {"fine", "busy"}


ONE = Planned(call=a_call(""), tokens=1)


def test_slow_requests_of_one_instance_keep_no_other_from_the_model(bridges: Bridges) -> None:
    bridges.service.enqueue(*[Say("late", delay=20.0)] * 4, Say("fine"))
    bridges.bridge(concurrent=8, money=None, tokens=None)
    greedy, other = bridges.bus(), bridges.bus()
    with ThreadPoolExecutor(12) as pool:
        for _ in range(12):
            pool.submit(ask, greedy, "greedy", timeout=1.0)
        assert wait_for(lambda: len(bridges.service.requests) == 4)
        assert ask(other, "other", timeout=10.0)["content"] == "fine"


def test_the_next_window_is_free_again() -> None:
    now = [NOON]
    record = MemoryCallRecord()
    allowances = Allowances(record, BridgeSettings(calls=1, window_seconds=60), lambda: now[0])
    with allowances.share("one", 0, ONE) as share:
        share.pay(a_call(share.name))
    ends = r"2026-11-21T12:01:00\+00:00"
    with pytest.raises(BridgeBudgetSpentError, match=ends), allowances.share("one", 0, ONE):
        pass
    now[0] += 60
    with allowances.share("one", 0, ONE) as share:
        assert share.name == "bridge:one:2026-11-21T12:01:00+00:00/60"


class Brittle(MemoryCallRecord):
    """A record that is down at times."""

    is_down = False

    def begin_call(self, call: ModelCall, most: Reserved, fits: Fits) -> int | None:
        self._check()
        return super().begin_call(call, most, fits)

    def end_call(self, begun: int, call: ModelCall | None) -> None:
        self._check()
        super().end_call(begun, call)

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailableError("The ledger is down.")


def test_a_call_that_could_not_be_recorded_is_before_the_next_one() -> None:
    record = Brittle()
    allowances = Allowances(record, BridgeSettings(calls=1), lambda: NOON)
    with allowances.share("one", 0, ONE) as share:
        record.is_down = True
        share.pay(a_call(share.name))
    with pytest.raises(StoreUnavailableError), allowances.share("one", 0, ONE):
        pass
    record.is_down = False
    with pytest.raises(BridgeBudgetSpentError), allowances.share("one", 0, ONE):
        pass
    assert len(record.calls) == 1


@settings(max_examples=30, deadline=None)
@given(
    costs=st.lists(st.integers(0, 50), min_size=1, max_size=25),
    limit=st.integers(0, 200),
    workers=st.integers(1, 6),
)
def test_a_limit_is_overrun_by_one_call_at_most(costs: list[int], limit: int, workers: int) -> None:
    record = MemoryCallRecord()
    settings = BridgeSettings(money=None, tokens=limit, calls=None)
    allowances = Allowances(record, settings, lambda: NOON)

    def spend(cost: int) -> None:
        try:
            planned = Planned(call=a_call(""), tokens=cost)
            with allowances.share("one", time.monotonic() + 30, planned) as share:
                share.pay(a_call(share.name, tokens=cost))
        except BudgetSpentError:
            return

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(spend, costs))
    spent = [call.prompt_tokens for call in record.calls]
    assert not spent or sum(spent) < limit + max(1, *costs)
    assert len(spent) == len(costs) or sum(spent) >= limit


def test_a_ledger_that_is_down_is_told_as_something_that_passes(bridges: Bridges) -> None:
    record = Brittle()
    record.is_down = True
    bridges.service.enqueue(Say("fine"))
    bridges.bridge(record=record)
    bus = bridges.bus()
    assert ask(bus, "one")["reason"] == "busy"
    record.is_down = False
    assert ask(bus, "one")["content"] == "fine"


@pytest.fixture(params=["file", "server"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'shared.db'}"
        return
    with request.getfixturevalue("postgres").database() as address:
        yield address


def on_the_record(stack: ExitStack, url: str, **limits: Any) -> Allowances:
    """What a bridge of its own allows, on a record that is shared."""
    ledger = stack.enter_context(closing(open_ledger(url)))
    return Allowances(ledger.calls, BridgeSettings(**limits), lambda: NOON)


def test_two_bridges_together_overrun_a_budget_by_one_call_at_most(
    url: str, opened: ExitStack
) -> None:
    both = [on_the_record(opened, url, money=None, tokens=1000) for _ in range(2)]
    planned = Planned(call=a_call("", tokens=10), tokens=300)
    spent: list[int] = []

    def spend(number: int) -> None:
        try:
            with both[number % 2].share("one", time.monotonic() + 60, planned) as share:
                time.sleep(0.02)
                share.pay(a_call(share.name, tokens=270))
                spent.append(270)
        except BudgetSpentError:
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(16)))
    assert sum(spent) == 4 * 270


def test_the_calls_of_one_bridge_are_known_to_the_other(url: str, opened: ExitStack) -> None:
    first, second = (on_the_record(opened, url, calls=1) for _ in range(2))
    with first.share("one", 0, ONE), pytest.raises(RefusedRequestError, match="under way"):
        second.share("one", 0, ONE).__enter__()
    with second.share("one", 0, ONE):
        pass


def test_a_bridge_hears_that_the_call_of_another_is_over(url: str, opened: ExitStack) -> None:
    first, second = (on_the_record(opened, url, money=None, calls=2) for _ in range(2))
    with ExitStack() as held, ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            held.enter_context(first.share("one", 0, ONE))
        waiting = pool.submit(lambda: second.share("one", time.monotonic() + 20, ONE).__enter__())
        time.sleep(0.2)
        held.close()
        assert waiting.result().name.startswith("bridge:one:")


def test_a_bridge_that_died_leaves_what_its_prompts_may_cost(url: str, opened: ExitStack) -> None:
    now = [NOON]
    planned = Planned(call=a_call("", tokens=40), tokens=200)
    ledger = opened.enter_context(closing(open_ledger(url)))
    settings = BridgeSettings(money=None, tokens=100)
    died = Allowances(ledger.calls, settings, lambda: now[0])
    opened.enter_context(died.share("one", 0, planned))  # and never leaves it
    opened.enter_context(died.share("two", 0, planned))
    survivor = Allowances(ledger.calls, settings, lambda: now[0])
    with pytest.raises(RefusedRequestError):
        survivor.share("one", 0, planned).__enter__()
    now[0] += 3600
    with survivor.share("one", 0, planned) as share:
        assert ledger.calls.usage(share.name).tokens == 80


def test_a_prompt_that_was_sent_in_vain_is_counted_and_the_record_says_so(
    bridges: Bridges,
) -> None:
    bridges.service.enqueue(Say("too late", delay=30.0))
    bridges.bridge(model=bridges.model(timeout=0.5), money=None)
    words = "Which cache? " * 100
    told = ask(bridges.bus(), "one", retries=0, messages=[{"role": "user", "content": words}])
    assert told["reason"] == "provider"
    assert wait_for(lambda: bool(bridges.record.calls))
    (call,) = bridges.record.calls
    assert (call.prompt_tokens, call.completion_tokens) == (len(words) // 4, 0)
    assert f"about {len(words) // 4} tokens are counted" in call.error


def test_what_was_told_before_it_broke_off_is_counted(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("one two three four", until=2))
    bridges.bridge(money=None)
    with pytest.raises(ProviderError):
        bridges.provider().stream(a_request(), lambda _: None)
    (call,) = bridges.record.calls
    prompt = sum(len(each.content.encode()) for each in a_request().messages)
    assert call.prompt_tokens == -(-prompt // 4) + len("one two ") // 4


def test_what_a_provider_refused_costs_nothing(bridges: Bridges) -> None:
    bridges.service.enqueue(Fail(429), Fail(500))
    bridges.bridge(money=None)
    bus = bridges.bus()
    for _ in range(2):
        assert ask(bus, "one", retries=0)["reason"] == "provider"
    assert [call.prompt_tokens for call in bridges.record.calls] == [0, 0]


def test_attempts_in_vain_are_counted_beside_the_one_that_was_answered(bridges: Bridges) -> None:
    bridges.service.enqueue(Say("too late", delay=30.0), Say("fine"))
    bridges.bridge(model=bridges.model(timeout=0.5), money=None)
    assert ask(bridges.bus(), "one", retries=1)["content"] == "fine"
    (call,) = bridges.record.calls
    assert (call.prompt_tokens, call.error) == (11 + 3, "")
    assert call.prompt == {"messages": 1, "characters": 12, "unanswered_tokens": 3}


def test_a_call_that_was_never_made_costs_nothing() -> None:
    record = MemoryCallRecord()
    allowances = Allowances(record, BridgeSettings(), lambda: NOON)
    with allowances.share("one", 0, ONE) as share:
        assert record.usage(share.name).calls == 1
    assert record.usage(share.name).calls == 0
