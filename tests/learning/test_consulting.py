"""The hub is asked for defaults, and believed as far as it can be checked; the rest is our own."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from cultivar.bus.base import Bus
from cultivar.bus.opening import Line, OpenBus, open_bus
from cultivar.bus.subjects import INTELLIGENCE
from cultivar.learning.asking.consulting import LearnedByAll
from cultivar.learning.defaults.learned import LearnedHere, NothingLearned
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.settings import BusSettings, Secret
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.testing.advisers import (
    COPIER,
    OURS,
    SAID,
    WHY,
    FromLedger,
    ScriptedHub,
    infer,
    named,
    serve,
    suggests,
)
from cultivar.testing.hubs import QUICK, counted, messages, told, wait_for
from cultivar.testing.nats import nats_server
from cultivar.tree import Tree, text_entry


@pytest.fixture
def template() -> Template:
    return parse_template(Tree({"copier.yml": text_entry(COPIER)}), origin="here")


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["local", "nats"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, opened: ExitStack) -> OpenBus:
    """Opens a bus of each kind."""
    url = f"file://{tmp_path / 'bus.db'}"
    if request.param == "nats":
        request.getfixturevalue("servers")
        url = opened.enter_context(nats_server()).url
    return lambda: open_bus(BusSettings(url=url), tmp_path)


@pytest.fixture
def line(opener: OpenBus, opened: ExitStack) -> Line:
    return opened.enter_context(closing(Line(opener)))


@pytest.fixture
def bus(opener: OpenBus, opened: ExitStack) -> Bus:
    """The hub's."""
    return opened.enter_context(closing(opener()))


def learned_from(
    line: Line, seconds: float = 20.0, now: Callable[[], float] = time.monotonic
) -> LearnedByAll:
    return LearnedByAll(line, "here.one", seconds, FromLedger(), now)


def test_what_the_hub_suggests_is_proposed_and_says_of_whom_it_is(
    template: Template, line: Line, bus: Bus
) -> None:
    hub = serve(bus, suggests(mode=SAID))
    mode = named(infer(learned_from(line), template), "mode")
    assert (mode.value, mode.source, mode.confidence) == ("eager", "learned", 0.99)
    assert mode.evidence == WHY
    assert hub.subjects == {f"{INTELLIGENCE}.here%2Eone"}


def test_all_that_can_be_asked_is_asked_at_once(template: Template, line: Line, bus: Bus) -> None:
    hub = serve(bus, suggests(mode=SAID))
    infer(learned_from(line), template)
    assert hub.requests == [
        {
            "action": "suggest_defaults",
            "template_id": "test:loader",
            "given": {},
            "questions": [
                {"name": "mode", "values": ["careful", "eager"], "default": "careful"},
                {"name": "retries", "values": [True, False], "default": False},
                {"name": "workers", "values": [], "default": 1},
                {"name": "share", "values": [], "default": 0.5},
            ],
            "in_turn": True,
        }
    ]


def test_what_could_not_be_foreseen_is_asked_again_with_the_answers_before_it(
    template: Template, line: Line, bus: Bus
) -> None:
    hub = serve(bus, suggests(mode=SAID))
    infer(learned_from(line), template, retries=True)
    asked = [(each["given"], each["questions"][0]["name"]) for each in hub.requests]
    assert asked == [({}, "mode"), ({"mode": "eager", "retries": True}, "workers")]


def test_a_hub_that_takes_nothing_for_given_is_asked_for_one_after_the_other(
    template: Template, line: Line, bus: Bus
) -> None:
    hub = serve(bus, ScriptedHub(lambda _: json.encode({"suggestions": {"mode": SAID}})))
    assert named(infer(learned_from(line), template), "mode").evidence == WHY
    first = [each["questions"][0]["name"] for each in hub.requests]
    assert first == ["mode", "retries", "workers", "share"]


def test_what_the_hub_had_no_time_for_is_asked_again(
    template: Template, line: Line, bus: Bus
) -> None:
    rest = ["workers", "share"]
    replies: list[dict[str, Any]] = [
        {"suggestions": {"mode": SAID}, "in_turn": True, "not_reached": rest},
        {"suggestions": {}, "in_turn": True},
    ]
    hub = serve(bus, ScriptedHub(lambda _: json.encode(replies.pop(0))))
    infer(learned_from(line), template)
    assert [each["questions"][0]["name"] for each in hub.requests] == ["mode", "workers"]


def test_a_question_that_depends_on_an_answer_is_asked_for_when_it_comes(
    line: Line, bus: Bus
) -> None:
    copier = COPIER.replace("workers: {", "workers: {when: \"{{ mode == 'eager' }}\", ")
    template = parse_template(Tree({"copier.yml": text_entry(copier)}), origin="here")
    hub = serve(bus, suggests(mode=SAID))
    infer(learned_from(line), template)
    asked = [[each["name"] for each in request["questions"]] for request in hub.requests]
    assert asked == [["mode", "retries", "share"], ["workers", "share"]]


def test_asked_at_once_the_hub_says_what_it_would_say_one_by_one(
    template: Template, line: Line, bus: Bus, tmp_path: Path, opened: ExitStack
) -> None:
    store = opened.enter_context(closing(HubStore(f"sqlite:///{tmp_path / 'hub.db'}")))
    opened.enter_context(closing(Hub(bus, store, QUICK)))
    facts = [_told(number) for number in range(600)]
    assert not bus.publish_all(messages(facts)).failed
    assert wait_for(lambda: counted(store, "test:loader") == 600, 60)
    own = LearnedHere(store.tallies)
    answers: list[dict[str, Any]] = [{}, {"mode": "careful"}, {"retries": True}, {"workers": 3}]
    for given in answers:
        together = infer(LearnedByAll(line, "here", 20.0, NothingLearned()), template, **given)
        alone = infer(own, template, **given)
        assert [(each.value, each.source) for each in together] == [
            (each.value, each.source) for each in alone
        ]
        assert [each.evidence.partition(": ")[2] for each in together] == [
            each.evidence.partition(": ")[2] for each in alone
        ]
        assert any(each.source == "learned" for each in together)


def _told(number: int) -> dict[str, Any]:
    """One that succeeds where a careful mode tries again and an eager one does not."""
    eager, retries = number % 3 > 0, number % 5 > 1
    answers = {"mode": "eager" if eager else "careful", "retries": retries, "workers": number % 2}
    return told(
        number,
        template_id="test:loader",
        instance_id=f"other-{number // 100}",
        answers=answers,
        success=eager != retries or number % 7 == 0,
    )


def test_an_instance_may_ask_under_its_own_name_on_the_ready_server(
    template: Template, servers: None, tmp_path: Path, opened: ExitStack
) -> None:
    passwords = {f"CULTIVAR_{who}_PASSWORD": who for who in ("HUB", "BRIDGE", "INSTANCE_1")}
    environment = {**passwords, "CULTIVAR_BUS_FOLDER": str(tmp_path / "streams")}
    configuration = (Path(__file__).parents[2] / "deploy" / "nats.conf").read_text()
    server = opened.enter_context(nats_server(configuration, environment))

    def user(name: str, password: str) -> Bus:
        prefix = f"_INBOX_{name}"
        settings = BusSettings(
            url=server.url, user=name, password=Secret(password), inbox_prefix=prefix
        )
        return opened.enter_context(closing(open_bus(settings, tmp_path)))

    serve(user("hub", "HUB"), suggests(mode=SAID))
    own = FromLedger()
    asking = LearnedByAll(Line(lambda: user("instance-1", "INSTANCE_1")), "instance-1", 20.0, own)
    assert named(infer(asking, template), "mode").evidence == WHY
    other = LearnedByAll(Line(lambda: user("instance-1", "INSTANCE_1")), "another", 0.5, own)
    assert named(infer(other, template), "mode").evidence == OURS


def test_a_number_comes_as_the_question_has_it(template: Template, line: Line, bus: Bus) -> None:
    numbers: dict[str, Any] = {"reason": "use", "success": None, "rivals": []}
    workers, share = ({**SAID, **numbers, "value": value} for value in (4.0, 1))
    serve(bus, suggests(workers=workers, share=share))
    answers = infer(learned_from(line), template)
    found = [
        (named(answers, name).value, named(answers, name).source) for name in ("workers", "share")
    ]
    assert found == [(4, "learned"), (1.0, "learned")]
    assert [type(value) for value, _ in found] == [int, float]


def test_where_the_hub_says_nothing_the_own_ledger_speaks(
    template: Template, line: Line, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    hub = serve(bus, suggests())
    assert named(infer(learned_from(line), template), "mode").evidence == OURS
    assert len(hub.requests) == 1
    assert not caplog.records


def test_a_template_that_the_hub_does_not_know_is_asked_about_once(
    template: Template, line: Line, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    hub = serve(
        bus, ScriptedHub(lambda _: json.encode({"error": "no such", "kind": "NotKnownError"}))
    )
    assert named(infer(learned_from(line), template), "mode").evidence == OURS
    assert len(hub.requests) == 1
    assert not caplog.records


def test_only_closed_answers_leave_and_no_choice_that_a_person_s_words_are_in(
    template: Template, line: Line, bus: Bus
) -> None:
    hub = serve(bus, suggests())
    given: dict[str, Any] = {
        "owner": "Ada Lovelace",
        "style": "plain",
        "token": "t0p-secret",
        "pin": 4711,
    }
    infer(learned_from(line), template, **given)
    infer(learned_from(line), template, "other", owner="Ada Lovelace")
    sent = str(hub.requests)
    assert set(hub.asked) == {"mode", "retries", "workers", "share"}
    assert not [each for each in ("Ada", "t0p", "4711", "token", "pin", "owner") if each in sent]


def test_what_was_answered_is_not_asked_again_in_a_run(
    template: Template, line: Line, bus: Bus
) -> None:
    hub, learned = serve(bus, suggests(mode=SAID)), learned_from(line)
    assert infer(learned, template) == infer(learned, template)
    assert len(hub.requests) == 1
    infer(learned, template, "another run")
    assert len(hub.requests) == 2


LIES: dict[str, object] = {
    "a value that the question does not take": {"mode": {**SAID, "value": "reckless"}},
    "a value of another kind": {"mode": {**SAID, "value": {"eager": 1}}},
    "more than certainty": {"mode": {**SAID, "confidence": 1.5}},
    "a share under nothing": {"mode": {**SAID, "share": -0.1}},
    "no witness": {"mode": {**SAID, "instances": 0}},
    "a number beyond all": {"mode": {**SAID, "sample_size": 10**30}},
    "an answer that was not given": {"mode": {**SAID, "given": {"retries": True}}},
    "a rival that the question does not take": {
        "mode": {**SAID, "rivals": [{**SAID["success"], "value": "\x1b[31m"}]}
    },
    "half of it": {"mode": {"value": "eager"}},
    "something else": ["eager"],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_a_lie_is_not_believed_and_nothing_more_is_asked(
    lie: object, template: Template, line: Line, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    hub = serve(bus, ScriptedHub(lambda _: json.encode({"suggestions": lie})))
    assert named(infer(learned_from(line), template), "mode").evidence == OURS
    assert len(hub.requests) == 1
    assert len(caplog.records) == 1


def _break_down(_: dict[str, Any]) -> bytes:
    raise IndexError


NOISE: dict[str, Callable[[dict[str, Any]], bytes | Iterable[bytes]]] = {
    "no JSON": lambda _: b"\xff<html>",
    "a very deep list": lambda _: b"[" * 500_000,
    "nothing": lambda _: b"",
    "an error": lambda _: json.encode({"error": "\x1b]0;owned\x07" * 99, "kind": "Fatal"}),
    "an exception": _break_down,
    "too much": lambda _: iter([b"x" * 100_000] * 40),
}


@pytest.mark.parametrize("reply", NOISE.values(), ids=list(NOISE))
def test_noise_is_told_once_without_what_a_terminal_obeys(
    reply: Callable[[dict[str, Any]], bytes],
    template: Template,
    line: Line,
    bus: Bus,
    caplog: pytest.LogCaptureFixture,
) -> None:
    serve(bus, ScriptedHub(reply))
    learned = learned_from(line)
    for run in ("one", "two"):
        assert named(infer(learned, template, run), "mode").evidence == OURS
    (told,) = [each.getMessage() for each in caplog.records if "hub" in each.getMessage()]
    assert told.isprintable()
    assert len(told) < 500


def test_trouble_is_told_again_after_it_was_gone(
    template: Template, line: Line, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    replies = [b"?", b"?", json.encode({"suggestions": {}}), b"?"]
    serve(bus, ScriptedHub(lambda request: replies.pop(0) if request["given"] == {} else b"{}"))
    minutes = itertools.count(1)
    learned = learned_from(line, now=lambda: 60.0 * next(minutes))
    told: list[int] = []
    for run in ("one", "two", "three", "four"):
        infer(learned, template, run)
        told.append(len(caplog.records))
    assert told == [1, 1, 1, 2]


def test_for_a_minute_after_a_failure_no_run_asks(template: Template, line: Line, bus: Bus) -> None:
    hub = serve(bus, ScriptedHub(lambda _: b"?"))
    clock = [100.0]
    learned = learned_from(line, now=lambda: clock[0])
    for moment, asked in ((100.0, 1), (159.0, 1), (161.0, 2)):
        clock[0] = moment
        infer(learned, template, f"at {moment}")
        assert len(hub.requests) == asked


def test_a_slow_hub_keeps_a_run_waiting_once(
    template: Template, line: Line, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    awake = threading.Event()
    hub = serve(bus, ScriptedHub(lambda _: str(awake.wait(30)).encode()))
    line.bus()
    began = time.monotonic()
    learned = learned_from(line, 0.3)
    for _ in range(3):
        assert named(infer(learned, template), "mode").evidence == OURS
    assert time.monotonic() - began < 3
    assert len(hub.requests) <= 1
    assert len(caplog.records) == 1
    awake.set()


def test_all_questions_of_a_run_wait_no_longer_than_one_may(
    template: Template, line: Line, bus: Bus
) -> None:
    def slowly(_: dict[str, Any]) -> bytes:
        time.sleep(1.1)
        return json.encode({"suggestions": {"mode": SAID}})

    hub = serve(bus, ScriptedHub(slowly))
    line.bus()
    assert named(infer(learned_from(line, 1.9), template), "mode").evidence == WHY
    assert len(hub.requests) == 2


def test_a_bus_on_which_no_hub_serves_is_no_failure(
    template: Template, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    assert named(infer(learned_from(line, 1.0), template), "mode").evidence == OURS
    assert len(caplog.records) == 1


def test_a_server_that_never_answers_keeps_a_run_waiting_once(template: Template) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = BusSettings(url=f"nats://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with closing(Line(lambda: open_bus(address, Path()))) as line:
            learned = learned_from(line, 0.3)
            for _ in range(3):
                assert named(infer(learned, template), "mode").evidence == OURS
        assert time.monotonic() - began < 3


def test_a_server_that_is_not_there_keeps_nobody_waiting(template: Template) -> None:
    address = BusSettings(url="nats://127.0.0.1:9")
    with closing(Line(lambda: open_bus(address, Path()))) as line:
        assert named(infer(learned_from(line), template), "mode").evidence == OURS


def test_a_run_that_asks_nothing_opens_no_bus(template: Template) -> None:
    tries: list[str] = []

    def opening() -> Bus:
        tries.append("opened")
        raise AssertionError

    given: dict[str, Any] = {"mode": "eager", "retries": True, "workers": 2, "share": 0.1}
    with closing(Line(opening)) as line:
        infer(learned_from(line), template, **given)
    assert not tries


def test_a_long_series_of_runs_is_forgotten_run_by_run(
    template: Template, line: Line, bus: Bus
) -> None:
    hub, learned = serve(bus, suggests(mode=SAID)), learned_from(line)
    infer(learned, template, "first")
    for number in range(100):
        learned.proposer(str(number), template)
    infer(learned, template, "first")
    assert len(hub.requests) == 2
