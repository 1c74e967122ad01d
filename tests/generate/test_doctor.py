"""What the doctor says of bus, bridge, settings and files, in a workspace as its user has it."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar, load_settings
from cultivar.doctor import Finding
from cultivar.settings import BusSettings, LearningSettings, ModelSettings, Settings
from cultivar.testing.bridges import Bridges
from cultivar.testing.openai_server import OpenAIServer

FEW = LearningSettings(hub_timeout=0.3)
"""Nobody is waited for long."""


def settings(home: Path, **given: Any) -> Settings:
    return load_settings(home=home, learning=FEW, **given)


def said_of(part: str, chosen: Settings) -> list[Finding]:
    """What the doctor says of a part."""
    with Cultivar(chosen) as cultivar:
        return [each for each in cultivar.doctor() if each.part == part]


def test_a_missing_name_is_said_once(workspace: Path, tmp_path: Path) -> None:
    bus = BusSettings(url=f"file://{tmp_path}/bus.db")
    with Cultivar(settings(tmp_path / "home", bus=bus)) as cultivar:
        bad = [each for each in cultivar.doctor() if each.state == "bad"]
    assert [(each.part, "`instance_id` is not" in each.what) for each in bad] == [
        ("settings", True)
    ]


def test_a_bridge_that_is_needed_and_is_not_there_is_bad(workspace: Path, tmp_path: Path) -> None:
    (found,) = said_of("bridge", settings(tmp_path, model=ModelSettings(name="bridge")))
    assert (found.state, "cultivar bridge" in found.remedy) == ("bad", True)


def test_a_bridge_that_nobody_needs_is_only_looked_for(workspace: Path, tmp_path: Path) -> None:
    assert said_of("bridge", settings(tmp_path)) == []
    bus = BusSettings(url=f"file://{tmp_path}/bus.db")
    (found,) = said_of("bridge", settings(tmp_path, bus=bus, instance_id="one"))
    assert (found.state, found.what) == ("good", "none answers; `model.name` asks for none")


def test_a_bridge_that_is_there_is_found_and_asks_no_model(workspace: Path, tmp_path: Path) -> None:
    with OpenAIServer() as service, ExitStack() as opened:
        Bridges(tmp_path, service, opened).bridge()
        (found,) = said_of("bridge", settings(tmp_path, model=ModelSettings(name="bridge:any")))
        assert (found.state, found.what) == ("good", "one answers")
        assert service.requests == ()


@pytest.mark.parametrize(("programs", "what"), [(["docker"], "docker"), ([], "not installed")])
def test_it_says_whether_there_are_containers(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: list[str], what: str
) -> None:
    for each in programs:
        (tmp_path / each).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / each).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = said_of("docker", settings(tmp_path / "home"))
    assert (found.state, what in found.what) == ("good", True)


def test_databases_that_others_can_read_are_said(workspace: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    chosen = settings(home)
    assert said_of("files", chosen) == []
    (home / "ledger.db").chmod(0o644)
    (found,) = said_of("files", chosen)
    assert (found.state, "other users can read ledger.db" in found.what) == ("fair", True)
    subprocess.run(found.remedy.split("`")[1], shell=True, check=True)
    assert said_of("files", chosen) == []


def test_nobody_can_read_what_is_in_a_folder_of_one_s_own(workspace: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with Cultivar(settings(home)) as cultivar:
        cultivar.history()
    (home / "ledger.db").chmod(0o644)
    assert said_of("files", settings(home)) == []
