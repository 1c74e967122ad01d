from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.errors import NotKnownError, UnavailableError, UsageError, WriteError
from cultivar.settings import BusSettings, ModelSettings, Secret, Settings
from cultivar.stack.kinds import StackOptions
from cultivar.stack.nats import find_server
from cultivar.stack.plan import NAMES, Plan, plan
from cultivar.stack.session import session

NOWHERE = "/nowhere"
"""A `PATH` in which there is no `nats-server`."""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A program that could be a server; a plan starts nothing."""
    program = tmp_path / "programs" / "nats-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def port() -> Iterator[int]:
    """A port that is not free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def settings(home: Path, **given: object) -> Settings:
    return Settings(home=home, **given)  # type: ignore[arg-type]


def names(planned: Plan) -> list[str]:
    return [each.name for each in planned.parts]


def test_a_server_that_is_found_is_started_for_this_machine_alone(
    server: Path, tmp_path: Path
) -> None:
    planned = plan(settings(tmp_path), StackOptions(path=str(server.parent)))
    bus = planned.parts[0]
    assert bus.command == (str(server), "-c", str(tmp_path / "bus" / "nats.conf"))
    assert 'listen: "127.0.0.1:' in (tmp_path / "bus" / "nats.conf").read_text()


def test_what_opens_the_server_can_be_read_by_its_owner_alone(server: Path, tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir(mode=0o755)
    plan(settings(tmp_path), StackOptions(path=str(server.parent)))
    modes = {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "bus").iterdir()}
    assert modes == {"nats.conf": 0o600, "port": 0o600, "key.nk": 0o600, "ports": 0o700}
    assert (tmp_path / "bus").stat().st_mode & 0o777 == 0o700


def test_a_server_gets_no_key_from_the_environment(
    server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    planned = plan(settings(tmp_path), StackOptions(nats_server=server))
    assert "OPENAI_API_KEY" not in planned.parts[0].environment
    assert "OPENAI_API_KEY" in planned.parts[1].environment


def test_the_next_time_the_address_is_the_same(server: Path, tmp_path: Path) -> None:
    options = StackOptions(nats_server=server)
    first, second = (plan(settings(tmp_path), options) for _ in range(2))
    assert first.joining == second.joining


@pytest.mark.parametrize("garbage", ["", "S", "SU" * 29, "no key", "\0"])
def test_a_key_that_cannot_be_read_is_made_anew(server: Path, tmp_path: Path, garbage: str) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus" / "key.nk").write_text(garbage)
    plan(settings(tmp_path), StackOptions(nats_server=server))
    assert (tmp_path / "bus" / "key.nk").read_text().startswith("SU")


def test_a_port_that_is_not_free_is_left_to_who_has_it(
    server: Path, tmp_path: Path, port: int
) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus" / "port").write_text(str(port))
    planned = plan(settings(tmp_path), StackOptions(nats_server=server))
    assert not planned.joining["CULTIVAR_BUS__URL"].endswith(f":{port}")
    with pytest.raises(UsageError, match=f"{port} on 127.0.0.1 is not free"):
        plan(settings(tmp_path), StackOptions(nats_server=server, bus_port=port))


def test_without_a_server_the_bus_is_a_file_and_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    planned = plan(settings(tmp_path), StackOptions(path=NOWHERE))
    assert planned.parts[0].command == ()
    assert planned.joining["CULTIVAR_BUS__URL"] == (tmp_path / "bus.db").as_uri()
    assert "apt install nats-server" in planned.notes[0]


def test_a_server_that_was_asked_for_and_is_not_here_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="brew install nats-server"):
        plan(settings(tmp_path), StackOptions(bus="nats", path=NOWHERE))
    with pytest.raises(UsageError, match="is no program"):
        plan(settings(tmp_path), StackOptions(nats_server=tmp_path))


def test_a_file_that_was_asked_for_comes_before_what_is_set(server: Path, tmp_path: Path) -> None:
    bus = BusSettings(url="nats://far:4222")
    options = StackOptions(bus="local", path=str(server.parent))
    planned = plan(settings(tmp_path, bus=bus), options)
    assert planned.joining["CULTIVAR_BUS__URL"].startswith("file:///")
    assert planned.parts[1].environment["CULTIVAR_BUS__URL"].startswith("file:///")


def test_a_bus_that_is_set_is_used_as_it_is(server: Path, tmp_path: Path) -> None:
    bus = BusSettings(url="nats://far:4222", token=Secret("their token"))
    planned = plan(settings(tmp_path, bus=bus), StackOptions(path=str(server.parent)))
    assert planned.parts[0].command == ()
    assert "their token" not in str(planned.joining)
    assert not (tmp_path / "bus").exists()


def test_a_file_that_is_set_is_used_as_it_is(server: Path, tmp_path: Path) -> None:
    url = (tmp_path / "shared" / "bus.db").as_uri()
    options = StackOptions(path=str(server.parent))
    planned = plan(settings(tmp_path, bus=BusSettings(url=url)), options)
    assert planned.joining["CULTIVAR_BUS__URL"] == url


def test_who_has_joined_a_stack_of_before_starts_it_again(server: Path, tmp_path: Path) -> None:
    options = StackOptions(nats_server=server)
    joining = plan(settings(tmp_path), options).joining
    key = Path(joining["CULTIVAR_BUS__NKEY_SEED_FILE"])
    bus = BusSettings(url=joining["CULTIVAR_BUS__URL"], nkey_seed_file=key)
    again = plan(settings(tmp_path, bus=bus), options)
    assert again.parts[0].command
    assert again.joining == joining


def test_an_instance_without_a_name_gets_one(tmp_path: Path) -> None:
    options = StackOptions(bus="local")
    assert plan(settings(tmp_path), options).joining["CULTIVAR_INSTANCE_ID"]
    named = plan(settings(tmp_path, instance_id="ada"), options)
    assert "CULTIVAR_INSTANCE_ID" not in named.joining


def test_a_name_that_only_this_shell_has_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTIVAR_INSTANCE_ID", "ada")
    named = plan(settings(tmp_path, instance_id="ada"), StackOptions(bus="local"))
    assert named.joining["CULTIVAR_INSTANCE_ID"] == "ada"


def test_a_bus_that_is_set_is_joined_by_its_address(tmp_path: Path) -> None:
    url = "nats://127.0.0.1:14922"
    planned = plan(settings(tmp_path, bus=BusSettings(url=url)), StackOptions())
    assert planned.joining["CULTIVAR_BUS__URL"] == url
    assert any("--without hub" in note for note in planned.notes)


def test_the_name_of_a_folder_is_run_by_no_shell_that_joins(tmp_path: Path) -> None:
    home = tmp_path / f"x\ntouch {tmp_path / 'run'}\n#"
    home.mkdir(parents=True)
    with session(home) as ours:
        ours.tell({}, {})
        subprocess.run(["sh", "-c", ours.environment.read_text()], check=True)
    assert not (tmp_path / "run").exists()


def test_a_server_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nats-server").write_text("#!/bin/sh\n")
    (tmp_path / "nats-server").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", ":/nowhere", "/nowhere:"):
        assert find_server(None, path) != tmp_path / "nats-server"
        assert find_server(None, path) != Path("nats-server")


@pytest.mark.parametrize("own", ["", "blue"])
def test_who_has_a_name_keeps_it_when_joining(own: str, tmp_path: Path) -> None:
    with session(tmp_path) as ours:
        ours.tell({}, {"CULTIVAR_INSTANCE_ID": "the host's name"})
        script = f"set -eu; . {ours.environment}; printenv CULTIVAR_INSTANCE_ID"
        named = {"CULTIVAR_INSTANCE_ID": own} if own else {}
        printed = subprocess.check_output(
            ["sh", "-c", script], env={"PATH": os.environ["PATH"], **named}, text=True
        )
    assert printed.strip() == (own or "the host's name")


@pytest.mark.parametrize("model", ["builtin", "none", "bridge", "bridge:large"])
def test_without_a_model_of_its_own_there_is_no_bridge(model: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path, model=ModelSettings(name=model))
    planned = plan(chosen, StackOptions(bus="local"))
    assert names(planned) == ["bus", "hub", "publisher"]
    assert model in planned.notes[-1]
    with pytest.raises(UsageError, match=model):
        plan(chosen, StackOptions(bus="local", only=("bridge",)))


def test_a_publisher_needs_a_bus_and_a_name(tmp_path: Path) -> None:
    bus = BusSettings(url="nats://far:4222")
    unnamed = plan(settings(tmp_path, bus=bus), StackOptions())
    assert names(unnamed) == ["bus", "hub"]
    assert "`instance_id` is not set" in unnamed.notes[-1]
    named = plan(settings(tmp_path, bus=bus, instance_id="ada"), StackOptions())
    assert names(named) == ["bus", "hub", "publisher"]
    assert names(plan(settings(tmp_path), StackOptions(without=("bus",)))) == ["hub"]


def test_with_a_model_there_is_a_bridge(tmp_path: Path) -> None:
    chosen = settings(tmp_path, model=ModelSettings(name="openai/large"))
    planned = plan(chosen, StackOptions(bus="local"))
    assert names(planned) == ["bus", "hub", "bridge", "publisher"]
    assert planned.parts[2].needs == ("bus",)


def test_parts_can_be_named_and_left_out(tmp_path: Path) -> None:
    chosen = settings(tmp_path, model=ModelSettings(name="openai/large"))
    only = StackOptions(bus="local", only=("bridge", "bus"))
    assert names(plan(chosen, only)) == ["bus", "bridge"]
    assert names(plan(chosen, StackOptions(without=("bus", "publisher")))) == ["hub", "bridge"]


@pytest.mark.parametrize("options", [StackOptions(only=("hab",)), StackOptions(without=("hab",))])
def test_a_part_that_is_not_known_is_an_error(options: StackOptions, tmp_path: Path) -> None:
    with pytest.raises(NotKnownError, match="Did you mean 'hub'"):
        plan(settings(tmp_path), options)


def test_to_leave_everything_out_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Nothing is left"):
        plan(settings(tmp_path), StackOptions(without=NAMES))


def test_a_home_that_cannot_be_written_is_an_error(server: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(WriteError, match="Not a directory"):
        plan(settings(tmp_path / "home"), StackOptions(nats_server=server))


def test_parts_of_python_take_no_module_from_the_current_folder(tmp_path: Path) -> None:
    planned = plan(settings(tmp_path), StackOptions(bus="local"))
    assert planned.parts[1].command[1:4] == ("-P", "-m", "cultivar")
    assert planned.parts[1].environment.items() >= {"PATH": os.environ["PATH"]}.items()
