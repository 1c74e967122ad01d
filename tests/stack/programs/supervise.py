"""Supervises two parts, one of which has a child, until it is killed: `supervise.py NOTES`."""

import sys
from pathlib import Path

from cultivar.stack.log import Log
from cultivar.stack.parts import Part
from cultivar.stack.readiness import SaysSo
from cultivar.stack.supervisor import Supervisor

PART = str(Path(__file__).with_name("part.py"))
notes = Path(sys.argv[1])


def part(name: str, *behaviours: str) -> Part:
    """A part for tests."""
    command = (sys.executable, PART, str(notes), name, *behaviours)
    return Part(name=name, command=command, ready=SaysSo(key="here"))


log = Log(notes.with_name("log"), show=lambda _: None)
supervisor = Supervisor(
    [part("one"), part("two", "deaf")],
    log,
    lambda started: print(*(each.pid for each in started), flush=True),
)
supervisor.run()
