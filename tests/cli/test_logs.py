"""The log of commands that run on: every line with its time, once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cultivar.cli.logs import serve

LINE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ (?!20\d\d-)\S.*")

ANSWERS = ("The hub runs", "All that was generated")
"""How that begins which is written on standard output."""


def log_of(
    command: tuple[str, ...], first: str, at: Path, number: signal.Signals, **variables: str
) -> list[str]:
    """What a command writes from its start until a signal ends it, without what it answers.

    Args:
        command: The command.
        first: What it writes when it runs.
        at: Where it runs.
        number: Ends it.
        variables: Of its environment.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "cultivar", *command],
        cwd=at,
        env={**os.environ, "CULTIVAR_HOME": str(at / "home"), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        said = [process.stdout.readline()]
        while first not in said[-1]:
            assert said[-1], said
            said.append(process.stdout.readline())
        process.send_signal(number)
        said += process.communicate(timeout=30)[0].splitlines()
        assert process.returncode == 0, said
        return [each.strip() for each in said if not each.startswith(ANSWERS)]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hub_s_lines_have_their_time(number: signal.Signals, tmp_path: Path) -> None:
    said = log_of(("hub", "--http", "127.0.0.1:0"), "The hub runs", tmp_path, number)
    assert [LINE.fullmatch(each) is not None for each in said] == [True]
    assert said[0].endswith("Z Stopping: what is in hand is counted first.")


def test_warnings_have_their_time_too(tmp_path: Path) -> None:
    down = {"CULTIVAR_BUS__URL": "nats://127.0.0.1:1", "CULTIVAR_INSTANCE_ID": "ours"}
    command = ("learn", "--follow")
    said = log_of(command, "as it comes", tmp_path, signal.SIGTERM, **down)
    assert all(map(LINE.fullmatch, said))
    assert "Stopping: what is left is told the next time." in said[-1]


def test_who_gives_lines_their_time_gets_them_without(tmp_path: Path) -> None:
    given = ("hub", "--http", "127.0.0.1:0")
    timed = {"CULTIVAR_TIMED": "1"}
    said = log_of(given, "The hub runs", tmp_path, signal.SIGINT, **timed)
    assert said == ["Stopping: what is in hand is counted first."]


def test_a_signal_that_comes_while_it_is_said_ends_it_too(caplog: pytest.LogCaptureFixture) -> None:
    def tell() -> None:
        signal.raise_signal(signal.SIGINT)

    with caplog.at_level("INFO"):
        serve(tell, "Stopping.")
    assert caplog.messages == ["Stopping."]
