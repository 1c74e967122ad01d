"""Supervises a part on a machine that runs out of open files for a while: `starve.py NOTES`."""

import resource
import sys
from pathlib import Path

from cultivar.stack.log import Line, Log
from cultivar.stack.parts import Part, RestartPolicy
from cultivar.stack.readiness import SaysSo
from cultivar.stack.supervisor import Started, Supervisor

notes = Path(sys.argv[1])
command = (sys.executable, str(Path(__file__).with_name("part.py")), str(notes), "one", "faint")
policy = RestartPolicy(pause=0.2)
one = Part(name="one", command=command, ready=SaysSo(key="here"), restart=policy)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
times: list[tuple[Started, ...]] = []


def show(line: Line) -> None:
    """Lift the limit once it was felt."""
    if "Too many open files" in line.text:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def tell(started: tuple[Started, ...]) -> None:
    """The first time, let nothing more be opened; the second time, end."""
    times.append(started)
    if len(times) == 2:
        supervisor.stop()
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))


supervisor = Supervisor([one], Log(notes.with_name("log"), show), tell)
supervisor.run()
