"""The command: it says where it listens, and stops without losing what is in hand."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from msgspec import json

from cultivar.bus.base import Bus
from cultivar.learning.hub.store import HubStore
from cultivar.testing.hubs import Places, counted, messages, told, wait_for

PROGRAM = Path(__file__).parent / "programs" / "command.py"


def arguments(places: Places, home: Path) -> list[str]:
    here = ["--http", "127.0.0.1:0", "--json", "--database-url", places.database]
    nats = ["--bus-url", places.address] if places.address.startswith("nats:") else []
    return [sys.executable, str(PROGRAM), "hub", *here, *nats]


def test_it_serves_until_it_is_interrupted(
    places: Places, bus: Bus, store: HubStore, tmp_path: Path
) -> None:
    bus.publish_all(messages([told(n) for n in range(500)]))
    process = subprocess.Popen(
        arguments(places, tmp_path),
        cwd=tmp_path,
        env={"CULTIVAR_HOME": str(tmp_path), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = "".join(process.stdout.readline() for _ in range(3))
        with urllib.request.urlopen(json.decode(said)["http"] + "/health", timeout=10) as answer:
            assert json.decode(answer.read())["status"] == "ok"
        assert wait_for(lambda: counted(store) == 500)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
