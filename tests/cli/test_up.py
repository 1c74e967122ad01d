"""The whole stack as its user has it: real servers, real commands, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

import psutil
import pytest

from cultivar.bus.base import BusDeniedError, Message
from cultivar.bus.nats import NatsBus
from cultivar.bus.opening import open_bus
from cultivar.learning.hub.store import HubStore
from cultivar.settings import BusSettings
from cultivar.testing.hubs import counted, wait_for
from cultivar.testing.nats import nats_server
from cultivar.testing.openai_server import OpenAIServer, Say

FEW = ("--without", "publisher")
"""A stack that is quicker to start."""

COPIER = """\
_subdirectory: files
loud: {type: bool, default: false}
_cultivar: {id: "test:greeting", version: 1.0.0, language: python, description: A greeting}
"""


class Stack:
    """A stack that is ready."""

    def __init__(self, process: subprocess.Popen[str], facts: dict[str, Any]) -> None:
        self.process, self.facts = process, facts

    def part(self, name: str) -> dict[str, Any]:
        """What it said of a part."""
        return next(each for each in self.facts["parts"] if each["name"] == name)

    @property
    def pids(self) -> list[int]:
        """Of its processes."""
        return [each["pid"] for each in self.facts["parts"] if each["pid"]]

    def is_well(self) -> bool:
        """Whether its hub is."""
        url = self.part("hub")["where"]
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                return bool(json.loads(answer.read())["status"] == "ok")
        except URLError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


class Site:
    """A folder in which commands are run, and the home of what they keep."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"

    def start(self, *given: str, **variables: str) -> subprocess.Popen[str]:
        """A command that runs on."""
        return self.start_into(subprocess.PIPE, *given, **variables)

    def start_into(
        self, stdout: int | IO[str], *given: str, **variables: str
    ) -> subprocess.Popen[str]:
        """A command that runs on, and where it prints to."""
        return subprocess.Popen(
            [sys.executable, "-m", "cultivar", *given],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "160", "CULTIVAR_HOME": str(self.home), **variables},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *given: str, code: int = 0, **variables: str) -> str:
        """What a command prints, on both streams."""
        process = self.start(*given, **variables)
        printed = "".join(process.communicate(timeout=120))
        assert process.returncode == code, printed
        return printed

    @contextmanager
    def stack(self, *given: str, **variables: str) -> Generator[Stack]:
        """A stack that is ready, at any address."""
        process = self.start("up", "--json", "--http", "127.0.0.1:0", *given, **variables)
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield Stack(process, json.loads(line))
        finally:
            process.kill()
            process.communicate()

    def joining(self) -> dict[str, str]:
        """The variables that `--environment` gives a shell."""
        command = 'eval "$("$0" -m cultivar up --environment)"; env -0'
        variables = {**os.environ, "CULTIVAR_HOME": str(self.home)}
        shell = ["bash", "-c", command, sys.executable]
        printed = subprocess.run(
            shell, cwd=self.folder, env=variables, check=True, capture_output=True, text=True
        ).stdout
        found = dict(each.split("=", 1) for each in printed.split("\0") if "=" in each)
        return {name: value for name, value in found.items() if variables.get(name) != value}

    def generate(self, **variables: str) -> None:
        """Generate as an instance with these variables."""
        template = self.folder / "greeting"
        (template / "files").mkdir(parents=True, exist_ok=True)
        (template / "copier.yml").write_text(COPIER)
        (template / "files" / "greet.py.jinja").write_text("print('hello')\n")
        given = ("greet", "--template", str(template), "--output", "out", "--force")
        process = self.start("generate", *given, **variables)
        assert process.wait(120) == 0, process.communicate()
        process.communicate()

    def generate_elsewhere(self) -> None:
        """Generate as an instance that has joined, with a home of its own."""
        self.generate(**{**self.joining(), "CULTIVAR_HOME": str(self.folder / "elsewhere")})

    def counts(self, number: int) -> bool:
        """Whether the hub counts so many generations, in time."""
        with closing(HubStore(f"sqlite:///{self.home / 'hub.db'}")) as store:
            return wait_for(lambda: counted(store, "test:greeting") == number)

    @property
    def pids(self) -> list[int]:
        """Of the processes of the stack, as it is now."""
        parts = json.loads((self.home / "up.json").read_text())["parts"]
        return [each["pid"] for each in parts if each["pid"]]

    @property
    def log(self) -> str:
        """What the parts said."""
        return (self.home / "up.log").read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def bus_of(joining: dict[str, str]) -> BusSettings:
    """The bus that the variables of a stack lead to."""
    key = joining.get("CULTIVAR_BUS__NKEY_SEED_FILE")
    return BusSettings(url=joining["CULTIVAR_BUS__URL"], nkey_seed_file=Path(key) if key else None)


def are_gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(each) for each in pids)


@pytest.fixture(params=["nats", "local"])
def bus(request: pytest.FixtureRequest) -> str:
    if request.param == "nats":
        request.getfixturevalue("servers")
    chosen: str = request.param
    return chosen


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
        return free


def test_what_an_instance_that_joined_generates_is_counted(site: Site, bus: str) -> None:
    with site.stack("--bus", bus) as stack:
        site.generate_elsewhere()
        assert site.counts(1)
        assert stack.stop() == 0
        assert are_gone(stack.pids)


def test_what_was_generated_while_there_was_no_bus_is_told_now(site: Site) -> None:
    named = {"CULTIVAR_INSTANCE_ID": "ada"}
    site.generate(CULTIVAR_BUS__URL="nats://127.0.0.1:1", CULTIVAR_HOME=str(site.home), **named)
    with site.stack("--bus", "local", **named):
        assert site.counts(1)


def test_with_a_model_there_is_a_bridge_to_it(site: Site, servers: None) -> None:
    with OpenAIServer(otherwise=Say("good evening")) as service:
        model = {
            "CULTIVAR_MODEL__NAME": "openai/large",
            "CULTIVAR_MODEL__API_KEY": "sk-of-the-bridge-alone",
            "CULTIVAR_MODEL__API_BASE": service.api_base,
        }
        with site.stack(*FEW, "--bus", "nats", **model) as stack:
            assert stack.part("bridge")["where"] == "openai/large"
            joining = site.joining()
            assert "sk-of-the-bridge-alone" not in str(joining) + site.log
            with closing(open_bus(bus_of(joining), site.home)) as opened:
                asked = {"messages": [{"role": "user", "content": "Good evening!"}]}
                message = Message(subject="llm.request", data=json.dumps(asked).encode())
                assert b"good evening" in opened.request(message, 30)
            assert stack.stop() == 0
            assert are_gone(stack.pids)
    stopped = [each.split()[-2] for each in site.log.splitlines() if each.endswith(": stopped")]
    assert stopped == ["bridge:", "hub:", "bus:"]


def test_it_stops_in_reverse_order_and_leaves_no_files_of_a_running_stack(
    site: Site, servers: None
) -> None:
    with site.stack(*FEW, "--bus", "nats") as stack:
        assert (site.home / "up.env").stat().st_mode & 0o777 == 0o600
        assert stack.stop(signal.SIGINT) == 0
    assert site.log.index("hub: stopped") < site.log.index("bus: stopped")
    assert not [each for each in ("up.env", "up.json") if (site.home / each).exists()]


def test_its_server_lets_in_who_can_read_the_key_and_shows_it_nobody(
    site: Site, servers: None
) -> None:
    with site.stack(*FEW, "--bus", "nats") as stack:
        settings = bus_of(site.joining())
        NatsBus(settings).close()
        with pytest.raises(BusDeniedError):
            NatsBus(BusSettings(url=settings.url))
        assert settings.nkey_seed_file
        assert settings.nkey_seed_file.stat().st_mode & 0o777 == 0o600
        processes = [psutil.Process(pid) for pid in stack.pids]
        shown = [site.log, *(str(each.cmdline()) + str(each.environ()) for each in processes)]
        shown += [each.read_text() for each in (site.home / "up.env", site.home / "up.json")]
        assert settings.nkey_seed_file.read_text() not in "".join(shown)


def test_bus_and_hub_that_are_killed_come_back_where_they_were(
    site: Site, port: int, servers: None
) -> None:
    with site.stack(*FEW, "--bus", "nats", "--http", f"127.0.0.1:{port}") as stack:
        for name in ("bus", "hub"):
            os.kill(stack.part(name)["pid"], signal.SIGKILL)
        assert wait_for(lambda: not set(site.pids) & set(stack.pids), 60), site.log
        assert site.log.count(f"bus: ready at {stack.part('bus')['where']}") == 2
        assert site.log.count(f"hub: ready at http://127.0.0.1:{port}") == 2
        assert wait_for(stack.is_well)
        site.generate_elsewhere()
        assert site.counts(1)


def test_nothing_of_it_outlives_its_sudden_end_and_it_can_start_again(
    site: Site, port: int, servers: None
) -> None:
    with site.stack(*FEW, "--bus", "nats", "--bus-port", str(port)) as stack:
        stack.stop(signal.SIGKILL)
        assert wait_for(lambda: are_gone(stack.pids), 5)
    assert "No stack runs in" in site.run("up", "--environment", code=6)
    with site.stack(*FEW, "--bus", "nats") as again:
        assert again.part("bus")["where"] == stack.part("bus")["where"]


def test_there_is_one_stack_in_a_home(site: Site) -> None:
    with site.stack(*FEW, "--bus", "local") as stack:
        said = site.run("up", code=2)
        assert f"already, as process {stack.process.pid}." in said
        assert stack.is_well()


def test_a_server_that_is_set_is_used_and_left_running(site: Site, servers: None) -> None:
    with nats_server() as server:
        with site.stack(*FEW, CULTIVAR_BUS__URL=server.url) as stack:
            assert (stack.part("bus")["pid"], stack.part("bus")["where"]) == (None, server.url)
            assert stack.stop() == 0
        NatsBus(BusSettings(url=server.url)).close()


def test_a_part_that_cannot_start_is_told_with_what_it_said(site: Site) -> None:
    (site.folder / "notes.db").write_text("These are my notes.\n" * 100)
    notes = f"sqlite:///{site.folder}/notes.db"
    given = (*FEW, "--bus", "local", "--crashes", "1", "--http", "127.0.0.1:0")
    said = site.run("up", *given, "--database-url", notes, code=6)
    assert "`hub` crashed (exit code 6)" in said
    assert "notes.db` cannot be used: file is not a database" in said


def test_a_hub_takes_over_only_when_it_is_told_to(site: Site) -> None:
    with site.stack(*FEW, "--bus", "local") as stack:
        site.generate_elsewhere()
        assert site.counts(1)
        stack.stop()
    (site.home / "hub.db").rename(site.home / "old.db")
    given = ("up", *FEW, "--bus", "local", "--http", "127.0.0.1:0")
    said = site.run(*given, code=6)
    assert "`hub` did not start (exit code 2)" in said
    assert "pass `--take-over`" in said
    with site.stack(*FEW, "--bus", "local", "--take-over"):
        assert site.counts(1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--http", "256.0.0.1:80"), "Nothing can listen on 256.0.0.1:80"),
        (("--http", "127.0.0.1"), "takes a host and a port"),
        (("--http", "127.0.0.1:70000"), "takes a host and a port"),
        (("--database-url", "mysql://db/hub"), "The hub's database cannot be kept in"),
    ],
)
def test_nothing_is_started_where_an_option_cannot_be_used(
    given: tuple[str, str], said: str, site: Site
) -> None:
    assert said in site.run("up", *given, code=2)
    assert not [each for each in ("up.log", "bus", "bus.db") if (site.home / each).exists()]


def test_without_a_hub_its_address_may_be_anybody_s(site: Site, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert "Nothing can listen" in site.run("up", "--http", f"127.0.0.1:{port}", code=2)
        given = ("up", "--json", "--only", "bus", "--bus", "local", "--http", f"127.0.0.1:{port}")
        process = site.start(*given)
        try:
            assert process.stdout
            assert json.loads(process.stdout.readline())["parts"][0]["name"] == "bus"
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_a_bus_that_is_none_is_said_before_anything_is_started(site: Site) -> None:
    said = site.run("up", code=2, CULTIVAR_BUS__URL="anything")
    assert "The address of the bus cannot be read" in said


def test_of_its_server_the_log_has_only_what_matters(site: Site, servers: None) -> None:
    with site.stack(*FEW, "--bus", "nats") as stack:
        assert stack.stop() == 0
    assert [each for each in site.log.splitlines() if " bus | " in each] == []
    assert site.log.count("bus: ready at nats://127.0.0.1:") == 1


def test_every_line_has_one_time(site: Site) -> None:
    with site.stack("--bus", "local") as stack:
        assert stack.stop() == 0
    time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert all(len(re.findall(time, each)) == 1 for each in site.log.splitlines())
    assert " hub | Stopping: what is in hand is counted first." in site.log


def test_who_says_stop_twice_is_told_that_it_did_not_end_well(site: Site) -> None:
    with site.stack(*FEW, "--bus", "local") as stack:
        os.kill(stack.part("hub")["pid"], signal.SIGSTOP)  # it cannot end by itself
        stack.process.send_signal(signal.SIGINT)
        assert wait_for(lambda: "up | stopping" in site.log)
        assert stack.stop(signal.SIGINT) == 128 + signal.SIGINT
    assert "hub: did not stop, and was killed" in site.log


def test_a_person_is_told_where_everything_is(site: Site) -> None:
    shown = site.folder / "shown"
    with shown.open("w") as file:
        process = site.start_into(file, "up", "--bus", "local", "--http", "127.0.0.1:0")
        try:
            assert wait_for(lambda: "Ctrl-C" in shown.read_text()), site.log
        finally:
            process.terminate()
            _, log = process.communicate(timeout=30)
    assert f"An instance joins with `. {site.home}/up.env`" in shown.read_text()
    assert (site.home / "bus.db").as_uri() in shown.read_text()
    assert " hub       | " in log
    assert "\x1b" not in shown.read_text() + log


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--only", "hab"), 2, "Did you mean 'hub'?"),
        (("--only", "bridge"), 2, "`bridge` cannot be started without a model"),
        (("--nats-server", "nowhere"), 2, "`nowhere` is no program."),
        (("--database-url", "postgresql://me:hunter2@db/hub"), 2, "Set `PGPASSWORD`"),
        (("--crashes", "0"), 2, "crashes"),
        (("--bus", "carrier-pigeon"), 2, "carrier-pigeon"),
        (("--environment",), 6, "No stack runs in"),
    ],
)
def test_what_cannot_be_started_is_said(
    given: tuple[str, ...], code: int, said: str, site: Site
) -> None:
    printed = site.run("up", *given, code=code)
    assert said in printed
    assert "hunter2" not in printed
