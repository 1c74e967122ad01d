"""The command: it says where it listens, and stops without losing what is in hand."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
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


def test_it_keeps_generations_for_as_long_as_it_is_told(
    places: Places, store: HubStore, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*arguments(places, tmp_path), "--keep-days", "30"],
        cwd=tmp_path,
        env={"CULTIVAR_HOME": str(tmp_path), "PATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def age() -> int:
        store.retention.refresh()
        return (datetime.now(UTC) - store.retention.forgotten_before).days

    try:
        assert wait_for(lambda: age() == 30)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("days", ["-1", "36501"])
def test_days_that_make_no_sense_are_refused(tmp_path: Path, days: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), "hub", "--keep-days", days],
        cwd=tmp_path,
        env={"CULTIVAR_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "`--keep-days` takes a number of days up to 36500" in ended.stderr
