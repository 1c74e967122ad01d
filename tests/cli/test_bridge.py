"""`cultivar bridge`, and `cultivar generate` where there is no key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cultivar.testing.bridges import KEY, MODEL, Bridges
from cultivar.testing.nats import NatsServer, nats_server
from cultivar.testing.openai_server import Hang, OpenAIServer, ReceivedRequest, Say

COPIER = """\
_subdirectory: files
_cultivar:
  id: test:greeting
  version: 1.0.0
  description: A greeting
name: {type: str, default: world, help: Whom to greet}
"""
GREETING = """\
def greet() -> str:
    {# slot: body | greet politely #}
    return "hello {{ name }}"
    {# endslot #}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    files = tmp_path / "workspace" / "templates_data" / "greeting" / "files"
    files.mkdir(parents=True)
    (files.parent / "copier.yml").write_text(COPIER)
    (files / "greet.py.jinja").write_text(GREETING)
    root = tmp_path / "workspace"
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    return root


def answer(request: ReceivedRequest) -> Say:
    """The slot's body to whoever asks for one; to who asks for answers, the name."""
    asked = json.dumps(request.body["messages"])
    if "slots" in asked:
        slot = {"path": "greet.py", "slot": "body", "body": 'return "good evening, Ada"'}
        return Say(json.dumps({"bodies": [slot]}))
    named = {"question": "name", "value": "Ada", "quote": "Ada"}
    return Say(json.dumps({"answers": [named]}))


@pytest.fixture
def service() -> Iterator[OpenAIServer]:
    with OpenAIServer(otherwise=answer) as running:
        yield running


@pytest.fixture
def server(servers: None) -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def generate(at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`cultivar generate`, as somebody has it who has no key."""
    given = ("generate", "greet Ada", "--template", "test:greeting", "--output", "out")
    return cultivar(*given, at=at, **{"CULTIVAR_MODEL__NAME": "bridge", **environment})


def cultivar(*given: str, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    without = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    without["CULTIVAR_HOME"] = str(at / "home")
    return subprocess.run(
        [sys.executable, "-m", "cultivar", *given],
        cwd=at,
        env={**without, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_who_has_no_key_generates_with_the_model_of_a_bridge_elsewhere(
    workspace: Path, tmp_path: Path, service: OpenAIServer, server: NatsServer, opened: ExitStack
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Bridges(elsewhere, service, opened, server.url).process()
    here = {"CULTIVAR_BUS__URL": server.url, "CULTIVAR_INSTANCE_ID": "one"}
    done = generate(workspace, **here)
    assert done.returncode == 0, done.stderr
    assert "good evening, Ada" in (workspace / "out" / "greet.py").read_text()
    assert KEY not in done.stdout + done.stderr
    assert {each.headers["Authorization"] for each in service.requests} == {f"Bearer {KEY}"}
    history = json.loads(cultivar("history", "--json", at=workspace).stdout)
    assert history[0]["usage"]["money"] > 0


def test_on_one_machine_no_server_is_needed(
    workspace: Path, service: OpenAIServer, opened: ExitStack
) -> None:
    Bridges(workspace / "home", service, opened).process()
    done = generate(workspace)
    assert done.returncode == 0, done.stderr
    assert "good evening, Ada" in (workspace / "out" / "greet.py").read_text()


def test_without_a_bridge_generate_exits_with_6_and_can_be_resumed(workspace: Path) -> None:
    done = generate(workspace)
    assert done.returncode == 6
    assert "No bridge answers" in done.stderr
    assert "cultivar bridge" in done.stderr
    assert "cultivar resume" in done.stderr


def test_a_spent_budget_exits_with_5(
    workspace: Path, service: OpenAIServer, opened: ExitStack
) -> None:
    Bridges(workspace / "home", service, opened).process(CULTIVAR_BRIDGE__CALLS="0")
    done = generate(workspace)
    assert done.returncode == 5
    assert "free again at" in done.stderr


def test_a_slow_provider_exits_with_6_and_says_what_bounds_it(
    workspace: Path, opened: ExitStack
) -> None:
    with OpenAIServer(otherwise=Hang()) as hanging:
        Bridges(workspace / "home", hanging, opened).process()
        done = generate(workspace, CULTIVAR_MODEL__TIMEOUT="1", CULTIVAR_MODEL__RETRIES="1")
    assert done.returncode == 6
    assert "did not answer in 2 attempts" in done.stderr
    assert "`model.timeout`" in done.stderr


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_bridge_ends_well_when_it_is_told_to(
    ending: signal.Signals, tmp_path: Path, service: OpenAIServer, opened: ExitStack
) -> None:
    process = Bridges(tmp_path, service, opened).process()
    process.send_signal(ending)
    assert process.wait(20) == 0


def test_a_bridge_without_a_model_says_what_to_set(tmp_path: Path) -> None:
    done = cultivar("bridge", at=tmp_path)
    assert done.returncode == 2
    assert "`model.name`" in done.stderr


def test_a_bridge_without_its_bus_says_so(tmp_path: Path) -> None:
    given = ("bridge", "--bus-url", "nats://127.0.0.1:1")
    done = cultivar(*given, at=tmp_path, CULTIVAR_MODEL__NAME=MODEL)
    assert done.returncode == 6
    assert "127.0.0.1:1" in done.stderr
