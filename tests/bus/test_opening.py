"""The bus is opened as the settings name it, when it is needed, once for all who use it."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from cultivar.bus.base import Bus, BusUnavailableError, Message
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.bus.opening import Line, check_address, open_bus, tells_first
from cultivar.bus.subjects import GENERATION
from cultivar.errors import SettingsError
from cultivar.settings import BusSettings
from cultivar.testing.buses import echo
from cultivar.testing.nats import nats_server


def test_without_an_address_it_is_the_file_in_home(tmp_path: Path) -> None:
    with closing(open_bus(BusSettings(), tmp_path)) as bus:
        bus.publish(Message(subject=GENERATION, data=b"{}"))
    assert (tmp_path / "bus.db").is_file()


def test_a_file_may_be_anywhere_and_is_shared_by_homes(tmp_path: Path) -> None:
    shared = BusSettings(url=f"file://{tmp_path}/with%20space/bus.db")
    with closing(open_bus(shared, tmp_path / "one")) as one:
        one.serve("ask.me", echo)
        with closing(open_bus(shared, tmp_path / "two")) as two:
            assert two.request(Message(subject="ask.me", data=b"hello")) == b"hello"
    assert (tmp_path / "with space" / "bus.db").is_file()


@pytest.mark.usefixtures("servers")
def test_any_other_address_is_a_server_s(tmp_path: Path) -> None:
    with nats_server() as server, closing(open_bus(BusSettings(url=server.url), tmp_path)) as bus:
        assert isinstance(bus, NatsBus)


@pytest.mark.parametrize("url", ["file:bus.db", "file://", "file://host/bus.db"])
def test_an_address_that_names_no_file_here_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names no file of this machine"):
        open_bus(BusSettings(url=url), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        *("anything", "bus.db", "http://bus:4222", "ws://bus:8080", "nats://", "nats://:4222"),
        *("nats://bus:port", "nats://bus:70000", "nats://bus:4222/path", "nats://a,file:///a/b.db"),
        *("host:4222,", " "),
    ],
)
def test_an_address_that_names_no_server_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Write `bus\.url`, or `--bus-url`, like"):
        open_bus(BusSettings(url=url), tmp_path)


@pytest.mark.parametrize(
    "url", ["nats://me:hush#er@bus", "http://me:husher@bus", "nats://:husher@"]
)
def test_an_address_that_is_refused_shows_no_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        open_bus(BusSettings(url=url), tmp_path)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["nats://a", "tls://a:4222", "a:4222", "nats://me:hush@a, tls://[::1]:4222", ""]
)
def test_an_address_of_servers_is_taken(url: str) -> None:
    check_address(url)


def test_a_file_is_made_only_in_a_folder_beside_others(tmp_path: Path) -> None:
    missing = f"file://{tmp_path}/not/there/bus.db"
    with pytest.raises(SettingsError, match="where no file of one can be"):
        open_bus(BusSettings(url=missing), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///nonexistent", "file:///nonexistent/bus.db", "file:///"])
def test_nothing_is_made_in_the_root_of_the_machine(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="The address of the bus"):
        open_bus(BusSettings(url=url), tmp_path)
    assert not Path("/nonexistent").exists()


def test_a_folder_is_no_file_of_a_bus(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="where no file of one can be"):
        open_bus(BusSettings(url=tmp_path.as_uri()), tmp_path)


class Opening:
    """Opens the same local bus, as slowly as it is told to, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.bus, self.count = LocalBus(folder / "bus.db"), 0
        self.may_open = threading.Event()
        self.may_open.set()

    def __call__(self) -> Bus:
        self.count += 1
        self.may_open.wait(20)
        return self.bus

    @property
    def is_closed(self) -> bool:
        """Whether the bus was closed."""
        try:
            self.bus.publish(Message(subject=GENERATION, data=b"{}"))
        except BusUnavailableError:
            return True
        return False


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    return Opening(tmp_path)


def test_it_is_opened_once_for_all_and_closed_in_the_end(opening: Opening) -> None:
    line = Line(opening)
    assert opening.count == 0
    asking = [threading.Thread(target=line.bus) for _ in range(4)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert (opening.count, opening.is_closed) == (1, False)
    line.close()
    assert opening.is_closed


def test_once_it_is_closed_it_is_not_opened_again(opening: Opening) -> None:
    line = Line(opening)
    line.close()
    with pytest.raises(BusUnavailableError, match="closed"):
        line.bus()
    assert opening.count == 0
    opening.bus.close()


def test_what_was_down_is_tried_again(opening: Opening) -> None:
    answers = [BusUnavailableError("The bus is down.")]

    def unsteady() -> Bus:
        if answers:
            raise answers.pop()
        return opening()

    with closing(Line(unsteady)) as line:
        with pytest.raises(BusUnavailableError):
            line.bus()
        assert line.bus() is opening.bus


def test_closing_does_not_wait_for_who_opens_and_who_opens_hangs_up(opening: Opening) -> None:
    opening.may_open.clear()
    line, refused = Line(opening), threading.Event()

    def ask() -> None:
        try:
            line.bus()
        except BusUnavailableError:
            refused.set()

    asking = threading.Thread(target=ask)
    asking.start()
    while not opening.count:
        time.sleep(0.001)
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 5
    opening.may_open.set()
    asking.join()
    assert refused.is_set()
    assert opening.is_closed


def test_who_does_not_wait_goes_on_without_it_and_the_others_get_it(opening: Opening) -> None:
    opening.may_open.clear()
    with closing(Line(opening)) as line:
        with pytest.raises(BusUnavailableError, match=r"has not answered in 0\.01 seconds"):
            line.bus(0.01)
        assert line.is_hanging
        opening.may_open.set()
        assert line.bus() is opening.bus
        assert (opening.count, line.is_hanging) == (1, False)


def test_a_bus_that_is_down_is_told_of_once_until_it_was_up(opening: Opening) -> None:
    down = True

    def unsteady() -> Bus:
        if down:
            raise BusUnavailableError("The bus is down.")
        return opening()

    def is_told() -> bool:
        with pytest.raises(BusUnavailableError) as caught:
            line.bus()
        return tells_first(caught.value)

    with closing(Line(unsteady)) as line:
        assert [is_told(), is_told(), is_told()] == [True, False, False]
        down = False
        assert line.bus() is opening.bus


def test_one_that_hung_first_is_not_told_of_again_when_it_fails(opening: Opening) -> None:
    opening.may_open.clear()

    def failing() -> Bus:
        opening()
        raise BusUnavailableError("No answer.")

    with closing(Line(failing)) as line:
        with pytest.raises(BusUnavailableError) as late:
            line.bus(0.01)
        assert tells_first(late.value)
        threading.Timer(0.05, opening.may_open.set).start()
        with pytest.raises(BusUnavailableError, match="No answer") as failed:
            line.bus()
        assert not tells_first(failed.value)
    opening.bus.close()
