"""`learn`: what was found out here is told to the others, as processes of their own do it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cultivar.bus.local import LocalBus
from cultivar.testing.buses import Basket

COPIER = """\
loud: {type: bool, default: false}
_cultivar: {id: "test:greeting", version: 1.0.0, description: A greeting}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace" / "templates_data" / "greeting"
    folder.mkdir(parents=True)
    (folder / "copier.yml").write_text(COPIER)
    (folder / "greeting.txt.jinja").write_text("hello\n")
    (tmp_path / "workspace" / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    return tmp_path / "workspace"


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "CULTIVAR_BUS__URL": url, "CULTIVAR_INSTANCE_ID": "ours"}


def command(*given: str) -> Sequence[str]:
    return [sys.executable, "-m", "cultivar", *given]


def run(*given: str, at: Path, url: str = "") -> tuple[int, str]:
    """How the command ends, and all that it says."""
    done = subprocess.run(
        command(*given),
        cwd=at,
        env=environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def generate(at: Path, url: str, output: str = "out") -> None:
    code, said = run(
        "generate", "greet", "--template", "test:greeting", "--output", output, at=at, url=url
    )
    assert code in (0, 1), said


def test_without_a_bus_it_says_what_to_set(workspace: Path) -> None:
    code, said = run("learn", at=workspace)
    assert (code, "`bus.url`" in said) == (2, True)


def test_what_the_bus_does_not_take_keeps_waiting(workspace: Path) -> None:
    url = f"file://{workspace / 'cultivar.yaml'}/bus.db"
    generate(workspace, url)
    code, said = run("learn", "--json", at=workspace, url=url)
    left: dict[str, Any] = json.loads(said[said.index("{") :])
    assert (code, left["waiting"], left["parked"]) == (6, 1, [])
    assert "does not work" in left["trouble"]


def test_a_bus_that_is_down_is_told_of_once_in_a_run(workspace: Path) -> None:
    given = ("generate", "greet", "--template", "test:greeting", "--output", "out")
    code, said = run(*given, at=workspace, url="nats://127.0.0.1:1")
    assert (code, said.count("does not answer")) == (0, 1)


def test_what_waited_is_told(workspace: Path, tmp_path: Path) -> None:
    generate(workspace, f"file://{workspace / 'cultivar.yaml'}/bus.db")
    code, said = run("learn", at=workspace, url=f"file://{tmp_path / 'bus.db'}")
    assert (code, said) == (0, "All that was generated here is told.\n")
    basket = Basket()
    with closing(LocalBus(tmp_path / "bus.db")) as bus:
        bus.consume("GENERATIONS", "test", basket)
        assert basket.holds(1)


def test_it_goes_on_until_it_is_stopped(workspace: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'bus.db'}"
    following = subprocess.Popen(
        command("learn", "--follow"),
        cwd=workspace,
        env=environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert following.stdout is not None
        said = following.stdout.readline() + following.stdout.readline()
        assert "as it comes" in said
        generate(workspace, f"file://{workspace / 'cultivar.yaml'}/bus.db")
        basket = Basket()
        with closing(LocalBus(tmp_path / "bus.db")) as bus:
            bus.consume("GENERATIONS", "test", basket)
            assert basket.holds(1)
        following.send_signal(signal.SIGTERM)
        assert following.wait(20) == 0
    finally:
        following.kill()
        following.communicate()
