"""A person at a terminal is asked, and told what the proposed answer goes by."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

PROGRAM = """\
from cultivar.cli.running import ask
from cultivar.model import OpenQuestion

print("answered:", ask(OpenQuestion(
    name="workers",
    type="int",
    help="How many?",
    default=4,
    evidence="learned from 7 instances: \\x1b]0;owned\\x07[bold]all[/bold] use it",
)))
"""


def _read(terminal: int) -> bytes:
    """The next bytes; none when whoever writes has gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_what_the_proposal_goes_by_stands_above_the_question() -> None:
    outer, inner = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=inner, stdout=inner, stderr=inner, close_fds=True
    )
    os.close(inner)
    shown, is_answered = b"", False
    try:
        while part := _read(outer):
            shown += part
            if b"(workers)" in shown and not is_answered:
                is_answered = os.write(outer, b"\r") == 1
        assert asking.wait(60) == 0
    finally:
        asking.kill()
        asking.wait()
        os.close(outer)
    text = shown.decode()
    assert "[bold]all[/bold] use it" in text
    assert "\x1b]0;owned" not in text
    assert text.index("learned from 7 instances") < text.index("How many? (workers)")
    assert "answered: 4" in text
