"""What one instance finds out changes what the next one elsewhere gets, through a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar, load_settings
from cultivar.bus.base import Bus
from cultivar.bus.opening import open_bus
from cultivar.bus.subjects import INTELLIGENCE
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.ledger.tallying import TallyStore
from cultivar.model import Answer, Json, OpenQuestion
from cultivar.record import replace
from cultivar.settings import BusSettings, LearningSettings, Settings
from cultivar.testing.hubs import QUICK, counted, messages, told, wait_for
from cultivar.testing.nats import nats_server

TEMPLATE = "test:loader"
COPIER = """\
mode: {type: str, choices: [careful, eager], default: careful, help: How it reads}
retries: {type: bool, default: false, help: Whether it tries again}
workers: {type: int, default: 1, help: How many work at a time}
owner: {type: str, default: "", help: Whose it is}
style: {type: str, choices: ["{{ owner }}-style", plain], default: plain, help: How it looks}
token: {type: str, secret: true, default: "", help: A token}
_cultivar:
  id: test:loader
  version: 1.0.0
  description: Loads something
  keywords: [loader]
  checks:
    - {name: quick, run: "! grep -q slow loader.txt", required: true}
"""
LOADER = "{{ 'slow' if mode == 'careful' and not retries else 'quick' }}\n"
EACH = 12
"""Generations with each pair of answers."""


@pytest.fixture
def loader(workspace: Path) -> Path:
    """A template whose careful mode fails, unless it tries again."""
    folder = workspace / "templates_data" / "loader"
    folder.mkdir()
    (folder / "copier.yml").write_text(COPIER)
    (folder / "loader.txt.jinja").write_text(LOADER)
    return folder


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["files", "servers"])
def bus_settings(request: pytest.FixtureRequest, tmp_path: Path, opened: ExitStack) -> BusSettings:
    """Of a bus of each kind."""
    if request.param == "files":
        return BusSettings(url=f"file://{tmp_path / 'bus.db'}")
    request.getfixturevalue("servers")
    return BusSettings(url=opened.enter_context(nats_server()).url)


@pytest.fixture
def bus(bus_settings: BusSettings, tmp_path: Path, opened: ExitStack) -> Bus:
    return opened.enter_context(closing(open_bus(bus_settings, tmp_path)))


@pytest.fixture
def store(
    request: pytest.FixtureRequest, bus_settings: BusSettings, tmp_path: Path, opened: ExitStack
) -> HubStore:
    """The hub's database: a server's where the bus is one's."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    if bus_settings.url.startswith("nats:"):
        url = opened.enter_context(request.getfixturevalue("postgres").database())
    return opened.enter_context(closing(HubStore(url)))


@pytest.fixture
def hub(bus: Bus, store: HubStore, opened: ExitStack) -> Hub:
    return opened.enter_context(closing(Hub(bus, store, QUICK)))


@pytest.fixture
def learned_hub(hub: Hub, bus: Bus, store: HubStore) -> Hub:
    """A hub that others have told of 200 loaders: eager ones succeeded, of careful ones half."""
    facts = [
        _told(at, "eager" if at % 4 else "careful", at % 4 > 0 or at % 8 > 0) for at in range(200)
    ]
    assert not bus.publish_all(messages(facts)).failed
    assert wait_for(lambda: counted(store, TEMPLATE) == 200)
    return hub


def _told(at: int, mode: str, success: bool) -> dict[str, Any]:
    answers = {"mode": mode, "retries": False, "workers": 4}
    return told(
        at,
        template_id=TEMPLATE,
        template_version="1.0.0",
        instance_id=f"other-{at % 7}",
        answers=answers,
        success=success,
    )


Instance = Callable[..., Settings]


@pytest.fixture
def instance(loader: Path, tmp_path: Path, bus_settings: BusSettings) -> Instance:
    """Makes the settings of an instance with a home of its own."""

    def settings(name: str, **learning: Any) -> Settings:
        patient: dict[str, Any] = {"hub_timeout": 20.0, **learning}
        return load_settings(
            home=tmp_path / name,
            instance_id=name,
            bus=bus_settings,
            learning=LearningSettings(**patient),
        )

    return settings


def infer(cultivar: Cultivar, task: str = "a loader", **answers: object) -> dict[str, Answer]:
    """The answers of a run that writes nothing."""
    made = cultivar.generate(task, template=TEMPLATE, output="out", answers=answers, dry_run=True)
    return {each.name: each for each in made.answers}


def generate(cultivar: Cultivar, folder: Path) -> None:
    """Generate `EACH` times with each pair of answers."""
    pairs = [(mode, retries) for mode in ("careful", "eager") for retries in (True, False)]
    for at in range(EACH * len(pairs)):
        mode, retries = pairs[at % len(pairs)]
        cultivar.generate(
            "a loader",
            template=TEMPLATE,
            output=folder / str(at),
            answers={"mode": mode, "retries": retries},
        )


def test_what_one_instance_finds_out_is_the_next_one_s_default(
    instance: Instance, hub: Hub, store: HubStore, tmp_path: Path
) -> None:
    with Cultivar(instance("two")) as second:
        assert infer(second)["mode"].source == "default"
    with Cultivar(instance("one")) as first:
        generate(first, tmp_path / "made")
    assert wait_for(lambda: counted(store, TEMPLATE) == 4 * EACH)
    with Cultivar(instance("two")) as second:
        mode = infer(second)["mode"]
        assert second.services.need(TallyStore).totals() == {}
    assert (mode.value, mode.source) == ("eager", "learned")
    assert mode.evidence == "learned from 1 instance: 50 % of 48 use it; 100 % succeed against 50 %"


def test_the_evidence_says_of_how_many_instances_it_is(
    instance: Instance, learned_hub: Hub
) -> None:
    with Cultivar(instance("two")) as second:
        mode = infer(second)["mode"]
    assert (mode.value, mode.source) == ("eager", "learned")
    assert mode.evidence == (
        "learned from 7 instances: 75 % of 200 use it; 100 % succeed against 50 %"
    )
    assert 0.9 < mode.confidence <= 1


def test_a_number_is_learned_as_a_number(instance: Instance, learned_hub: Hub) -> None:
    with Cultivar(instance("two")) as second:
        workers = infer(second)["workers"]
    assert (workers.value, workers.source, type(workers.value)) == (4, "learned", int)


def test_the_user_s_word_stands_against_the_hub_s(instance: Instance, learned_hub: Hub) -> None:
    with Cultivar(instance("two")) as second:
        mode = infer(second, mode="careful")["mode"]
    assert (mode.value, mode.source) == ("careful", "user")


def test_the_task_s_word_stands_against_the_hub_s(instance: Instance, learned_hub: Hub) -> None:
    with Cultivar(instance("two")) as second:
        mode = infer(second, "a loader, mode: careful, without retries")["mode"]
    assert (mode.value, mode.source) == ("careful", "task")


@pytest.mark.parametrize("switch", ["ask_hub", "learned_defaults"])
def test_who_does_not_want_to_ask_is_not_told(
    switch: str, instance: Instance, learned_hub: Hub
) -> None:
    settings = instance("two")
    off: dict[str, Any] = {"learned_defaults": False}
    if switch == "ask_hub":
        off = {"learning": LearningSettings(ask_hub=False)}
    with Cultivar(replace(settings, **off)) as second:
        assert infer(second)["mode"].source == "default"
    assert learned_hub.metrics.text().count("cultivar_hub_requests_total 0") == 1


def test_a_new_question_of_an_upgrade_is_answered_by_the_hub_too(
    instance: Instance, learned_hub: Hub, loader: Path
) -> None:
    config = loader / "copier.yml"
    workers = next(line for line in COPIER.splitlines(True) if line.startswith("workers"))
    config.write_text(COPIER.replace(workers, ""))
    with Cultivar(instance("two")) as second:
        second.generate("a loader", template=TEMPLATE, output="out", answers={"mode": "eager"})
        config.write_text(COPIER.replace("version: 1.0.0", "version: 1.1.0"))
        upgraded = second.upgrade(second.output("out"))
    found = {each.name: (each.value, each.source) for each in upgraded.answers}
    assert (found["mode"], found["workers"]) == (("eager", "user"), (4, "learned"))


def test_the_doctor_says_whether_a_hub_answers(instance: Instance, bus: Bus) -> None:
    with Cultivar(instance("two", hub_timeout=0.5)) as second:
        found = {each.part: each for each in second.doctor()}
    assert (found["bus"].state, found["hub"].state) == ("good", "fair")
    assert INTELLIGENCE in found["hub"].what


def test_the_doctor_finds_a_hub_that_answers(instance: Instance, hub: Hub) -> None:
    with Cultivar(instance("two")) as second:
        found = {each.part: each for each in second.doctor()}
    assert (found["bus"].state, found["hub"].state) == ("good", "good")


def test_a_person_is_asked_with_what_the_hub_says(instance: Instance, learned_hub: Hub) -> None:
    evidence: dict[str, str] = {}

    def ask(question: OpenQuestion) -> Json:
        evidence[question.name] = question.evidence
        return None

    with Cultivar(replace(instance("two"), unsure_below=1.0)) as second:
        second.generate(
            "a loader", template=TEMPLATE, output="out", dry_run=True, interactive=True, ask=ask
        )
    assert evidence["workers"].startswith("learned from 7 instances: 100 % of 200 use it")
    assert evidence["retries"].startswith("learned from 7 instances: ")
