"""Two hubs with databases of their own do not share one bus unnoticed."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import pytest

from cultivar.bus.base import Bus
from cultivar.bus.nats import NatsBus
from cultivar.bus.owning import OwnedError
from cultivar.bus.subjects import GENERATION, subject_of
from cultivar.errors import UsageError
from cultivar.learning.hub.hub import Hub
from cultivar.learning.hub.store import HubStore
from cultivar.record import replace
from cultivar.testing.guarded import ENVIRONMENT, settings_of
from cultivar.testing.hubs import QUICK, Places, counted, messages, told, wait_for
from cultivar.testing.nats import nats_server


@pytest.fixture
def other(tmp_path: Path, opened: ExitStack) -> HubStore:
    """The database of another hub."""
    return opened.enter_context(closing(HubStore(f"sqlite:///{tmp_path}/other.db")))


@pytest.fixture
def second_bus(places: Places, opened: ExitStack) -> Bus:
    """The bus, as another hub has it."""
    return opened.enter_context(closing(places.bus()))


def test_a_second_hub_with_another_database_is_refused(
    hub: Hub, store: HubStore, other: HubStore, second_bus: Bus, bus: Bus
) -> None:
    with pytest.raises(UsageError, match="counts in another database") as refused:
        Hub(second_bus, other, QUICK)
    assert store.name in str(refused.value)
    assert "`--take-over`" in str(refused.value)
    bus.publish_all(messages([told(n) for n in range(20)]))
    assert wait_for(lambda: counted(store) == 20)
    assert (hub.health()["status"], counted(other)) == ("ok", 0)


def test_it_is_refused_after_the_first_has_ended_too(
    hub: Hub, other: HubStore, second_bus: Bus
) -> None:
    hub.close()
    with pytest.raises(UsageError, match="counts in another database"):
        Hub(second_bus, other, QUICK)


def test_hubs_on_one_database_share_the_bus(
    hub: Hub, places: Places, second_bus: Bus, bus: Bus
) -> None:
    with closing(places.store()) as again, closing(Hub(second_bus, again, QUICK)) as second:
        bus.publish_all(messages([told(n) for n in range(20)]))
        assert wait_for(lambda: counted(again) == 20)
        assert second.health()["status"] == "ok"


def test_who_takes_over_counts_all_that_the_bus_keeps(
    hub: Hub, store: HubStore, other: HubStore, second_bus: Bus, bus: Bus
) -> None:
    bus.publish_all(messages([told(n) for n in range(20)]))
    assert wait_for(lambda: counted(store) == 20)
    hub.close()
    with closing(Hub(second_bus, other, replace(QUICK, take_over=True))):
        bus.publish_all(messages([told(n) for n in range(20, 30)]))
        assert wait_for(lambda: counted(other) == 30)


def test_a_hub_that_was_taken_over_counts_no_more_and_says_so(
    hub: Hub, store: HubStore, other: HubStore, second_bus: Bus, bus: Bus
) -> None:
    with closing(Hub(second_bus, other, replace(QUICK, take_over=True))):
        bus.publish_all(messages([told(n) for n in range(50)]))
        assert wait_for(lambda: counted(other) == 50)
        assert wait_for(lambda: "belongs to" in hub.health()["bus"])
        assert counted(store) == 0


def test_hubs_that_begin_at_once_with_databases_of_their_own_do_not_both_count(
    places: Places, bus: Bus, tmp_path: Path
) -> None:
    together = Barrier(4)

    def begin(number: int) -> tuple[HubStore, Hub | None]:
        store, own = HubStore(f"sqlite:///{tmp_path}/own-{number}.db"), places.bus()
        end.callback(store.close)
        end.callback(own.close)
        together.wait()
        try:
            hub = Hub(own, store, QUICK)
        except UsageError:
            return store, None
        end.callback(hub.close)
        return store, hub

    with ExitStack() as end:
        with ThreadPoolExecutor(4) as pool:
            begun = list(pool.map(begin, range(4)))
        bus.publish_all(messages([told(n) for n in range(200)]))
        assert wait_for(lambda: sum(counted(store) for store, _ in begun) == 200)
        assert sorted(counted(store) for store, _ in begun) == [0, 0, 0, 200]


def test_the_identity_of_a_database_is_made_once(places: Places) -> None:
    together = Barrier(4)

    def look(number: int) -> str:
        with closing(places.store()) as store:
            together.wait()
            return store.identity.split()[0]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(look, range(4)))) == 1


def test_a_database_that_is_moved_stays_itself(tmp_path: Path) -> None:
    def identity(name: str) -> str:
        with closing(HubStore(f"sqlite:///{tmp_path}/{name}")) as store:
            return store.identity.split()[0]

    before = identity("hub.db")
    (tmp_path / "hub.db").rename(tmp_path / "moved.db")
    assert (identity("moved.db"), identity("hub.db") == before) == (before, False)


def test_on_the_server_that_we_configure_a_hub_may_take_over(
    servers: None, tmp_path: Path, opened: ExitStack
) -> None:
    configuration = (Path(__file__).parents[3] / "deploy" / "nats.conf").read_text("utf-8")
    environment = {**ENVIRONMENT, "CULTIVAR_BUS_FOLDER": str(tmp_path / "streams")}
    server = opened.enter_context(nats_server(configuration, environment))

    def hub(name: str, *, take_over: bool = False) -> HubStore:
        store = opened.enter_context(closing(HubStore(f"sqlite:///{tmp_path}/{name}")))
        bus = opened.enter_context(closing(NatsBus(settings_of(server, "hub"))))
        chosen = replace(QUICK, take_over=take_over)
        opened.enter_context(closing(Hub(bus, store, chosen)))
        return store

    one = opened.enter_context(closing(NatsBus(settings_of(server, "instance-1"))))
    subject = subject_of(GENERATION, "instance-1")
    first = hub("first.db")
    facts = [told(n, instance_id="instance-1") for n in range(5)]
    one.publish_all(replace(each, subject=subject) for each in messages(facts))
    assert wait_for(lambda: counted(first) == 5)
    with pytest.raises(UsageError, match="counts in another database"):
        hub("second.db")
    second = hub("second.db", take_over=True)
    assert wait_for(lambda: counted(second) == 5)


@pytest.fixture
def first(tmp_path: Path) -> None:
    """A hub that has been on the bus of a home, with another database."""
    home = {**os.environ, "CULTIVAR_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "cultivar", "hub", "--http", "127.0.0.1:0"]
    given = ["--database-url", f"sqlite:///{tmp_path}/first.db"]
    process = subprocess.Popen(
        [*command, *given], cwd=tmp_path, env=home, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "The hub runs" in process.stdout.readline()
    process.terminate()
    process.communicate(timeout=30)


def test_the_command_says_what_to_do_and_does_it(first: None, tmp_path: Path) -> None:
    def hub(*given: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cultivar", "hub", "--http", "127.0.0.1:0", *given],
            cwd=tmp_path,
            env={**os.environ, "CULTIVAR_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    refused = hub()
    said, _ = refused.communicate(timeout=60)
    assert (refused.returncode, "first.db" in said, "--take-over" in said) == (2, True, True)
    taken = hub("--take-over")
    assert taken.stdout
    assert "The hub runs" in taken.stdout.readline()
    taken.terminate()
    taken.communicate(timeout=30)
    assert taken.returncode == 0


def test_the_error_survives_its_way_between_processes() -> None:
    import pickle

    error = OwnedError("hub", "1a2b sqlite hub.db")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.about) == (str(error), "sqlite hub.db")
