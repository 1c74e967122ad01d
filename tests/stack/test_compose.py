"""`compose.yaml`, without Docker: it is whole, and what it runs works as it says, run by hand."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import typer
import yaml

from cultivar.cli.commands import app_for
from cultivar.definitions import builtin_root
from cultivar.stack.nats import find_server
from cultivar.testing.hubs import wait_for
from cultivar.testing.postgres import PostgresServer

ROOT = builtin_root()
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


class _Strict(yaml.SafeLoader):
    """Refuses what is said twice, as Compose does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [each.value for each, _ in node.value if each.tag != "tag:yaml.org,2002:merge"]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    with (ROOT / "compose.yaml").open() as file:
        return cast("dict[str, Any]", yaml.load(file, _Strict))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def ours(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in services.items() if "build" in each}


def test_every_service_is_watched_and_started_again(services: dict[str, dict[str, Any]]) -> None:
    for each in services.values():
        assert each["healthcheck"].keys() == {
            "test",
            "interval",
            "timeout",
            "retries",
            "start_period",
        }
        assert each["restart"] == "unless-stopped"


def test_every_service_can_write_to_its_volumes_alone_and_gain_no_rights(
    services: dict[str, dict[str, Any]],
) -> None:
    for each in services.values():
        assert each["read_only"] is True
        assert each["security_opt"] == ["no-new-privileges:true"]


def test_volumes_and_networks_that_are_used_are_there(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    mounted = [each.split(":")[0] for service in services for each in service.get("volumes", ())]
    named = {each for each in mounted if not each.startswith(".")}
    joined = {each for service in services for each in service["networks"]}
    assert (named, joined) == (set(compose["volumes"]), set(compose["networks"]))
    assert all((ROOT / each).is_file() for each in mounted if each.startswith("."))


def test_services_wait_for_those_that_they_need_to_be_well(
    services: dict[str, dict[str, Any]],
) -> None:
    needs = {name: set(each.get("depends_on", ())) for name, each in services.items()}
    assert needs == {
        "nats": set(),
        "postgres": set(),
        "hub": {"nats", "postgres"},
        "bridge": {"nats"},
    }
    conditions = [each["condition"] for s in services.values() for each in _needed(s)]
    assert set(conditions) == {"service_healthy"}


def _needed(service: dict[str, Any]) -> list[dict[str, str]]:
    return list(service.get("depends_on", {}).values())


def test_ports_are_open_on_the_loopback_unless_the_user_opens_them(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = [port for each in services.values() for port in each.get("ports", ())]
    assert [_filled(port, {}) for port in ports] == ["127.0.0.1:4222:4222", "127.0.0.1:8790:8790"]


def _filled(text: str, values: dict[str, str]) -> str:
    return VARIABLE.sub(lambda found: values.get(found[1]) or found[2] or "", text)


def test_every_variable_is_explained_and_no_secret_is_given(compose: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^#? ?(CULTIVAR_\w+)=(.*)$", example, re.MULTILINE))
    used = {found[1] for found in VARIABLE.finditer(str(compose))}
    passed_on = {
        name
        for service in compose["services"].values()
        for name, value in service["environment"].items()
        if value is None
    }
    assert used | passed_on == set(explained)
    secrets = {name: value for name, value in explained.items() if "PASSWORD" in name}
    assert len(secrets) == 4
    assert {*secrets.values(), explained["CULTIVAR_MODEL__API_KEY"]} == {""}


def test_what_must_be_secret_has_no_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+PASSWORD)(.)", text)) == {
        (name, ":") for name in re.findall(r"\$\{(\w+PASSWORD):\?", text)
    }


def test_the_server_gets_all_that_its_configuration_names(
    services: dict[str, dict[str, Any]],
) -> None:
    lines = (ROOT / "deploy" / "nats.conf").read_text().splitlines()
    text = "\n".join(line.split("#")[0] for line in lines)
    named = set(re.findall(r"\$(CULTIVAR_\w+)", text))
    assert named == set(services["nats"]["environment"])


def test_the_commands_are_commands_of_ours(services: dict[str, dict[str, Any]]) -> None:
    for each in ours(services).values():
        name, *arguments = each["command"]
        group = cast("Any", typer.main.get_command(app_for([name])))
        # It is read as on the command line, and not run.
        assert group.commands[name].make_context(name, arguments).params


def test_the_image_is_made_of_what_is_there_and_holds_no_secret() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--" not in line]
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    wanted = {each for names in copied for each in names}
    assert all((ROOT / each).exists() for each in wanted)
    assert ignored[1] == "*"
    assert {each.removeprefix("!") for each in ignored if each.startswith("!")} == wanted
    assert "USER cultivar" in lines
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_image_has_the_python_that_we_support() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    images = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    assert images == {"python:3.11-slim-bookworm"}


class ByHand:
    """The services as Compose would run them, on this machine."""

    def __init__(self, services: dict[str, dict[str, Any]], folder: Path) -> None:
        self._services, self._folder = services, folder
        self._running = ExitStack()
        self.bus, self.monitoring, self.health = (_free_port() for _ in range(3))
        passwords = {name: f"s{number}" for number, name in enumerate(self._secrets())}
        self._values = {**passwords, "CULTIVAR_MODEL__NAME": "openai/none"}

    def _secrets(self) -> list[str]:
        return sorted({f[1] for f in VARIABLE.finditer(str(self._services)) if "PASS" in f[1]})

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, filled in."""
        given = self._services[name]["environment"]
        filled = {key: _filled(value, self._values) for key, value in given.items() if value}
        url = {"CULTIVAR_BUS__URL": f"nats://127.0.0.1:{self.bus}"}
        return {**os.environ, **filled, **(url if "CULTIVAR_BUS__URL" in filled else {})}

    def start_nats(self) -> None:
        """The server, with the configuration that is mounted; the ports are ours."""
        program, *arguments = self._services["nats"]["command"]
        assert program == "nats-server"
        given = [self._here(each) for each in arguments]
        environment = {**self.environment("nats"), "CULTIVAR_BUS_FOLDER": str(self._folder)}
        place = ["-a", "127.0.0.1", "-p", str(self.bus)]
        self._start([str(find_server(None)), *given, *place], environment)

    def start(self, name: str, database: str) -> None:
        """A service of ours."""
        given = [self._here(each) for each in self._services[name]["command"]]
        given = [database if each.startswith("postgresql://") else each for each in given]
        home = str(self._folder / "home")
        environment = {**self.environment(name), "CULTIVAR_HOME": home}
        self._start([sys.executable, "-m", "cultivar", *given], environment)

    def is_well(self, name: str) -> bool:
        """What its health check says."""
        kind, *test = [self._here(each) for each in self._services[name]["healthcheck"]["test"]]
        assert kind == "CMD"
        if test[0] == "wget":  # of the image; not every machine has it
            return _answers(test[-1])
        command = [sys.executable if each == "python" else each for each in test]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def close(self) -> None:
        """End all."""
        self._running.close()

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        process = subprocess.Popen(
            command, env=environment, cwd=self._folder, stderr=subprocess.DEVNULL
        )
        self._running.callback(process.wait)
        self._running.callback(process.terminate)

    def _here(self, word: str) -> str:
        """What stands for a place in a container, for the same place here."""
        word = word.replace("/etc/nats/nats.conf", str(ROOT / "deploy" / "nats.conf"))
        word = word.replace("0.0.0.0", "127.0.0.1").replace("8790", str(self.health))
        return word.replace("8222", str(self.monitoring)).replace("107E", f"{self.bus:04X}")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=3):
            return True
    except URLError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def by_hand(services: dict[str, dict[str, Any]], tmp_path: Path, servers: None) -> Iterator[ByHand]:
    running = ByHand(services, tmp_path)
    (tmp_path / "home").mkdir()
    yield running
    running.close()


def test_hub_and_bridge_are_well_on_the_server_with_its_permissions(
    by_hand: ByHand, postgres: PostgresServer
) -> None:
    names = ("nats", "hub", "bridge")
    with postgres.database() as database:
        assert not any(map(by_hand.is_well, names))
        by_hand.start_nats()
        assert wait_for(lambda: by_hand.is_well("nats"))
        assert not by_hand.is_well("bridge")
        by_hand.start("bridge", database)
        assert wait_for(lambda: by_hand.is_well("bridge"))
        by_hand.start("hub", database)
        assert wait_for(lambda: by_hand.is_well("hub"))
        by_hand.close()
