"""A part for tests: it notes what it does, says when it is ready, and behaves as it is told.

`part.py NOTES NAME [BEHAVIOUR …]`; a behaviour is one of

- `slow`: it takes a moment to be ready; `mute`: it never says that it is;
- `crash`: it ends once it is ready; `faint`: it does so at its first start only;
- `shy`: at its second start it never says that it is ready;
- `refuse`: it ends at once, as a command ends that cannot do what was asked;
- `deaf`: it does not end when it is told to; `parent`: it starts a deaf process of its own.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

notes, name, *behaviours = sys.argv[1:]


def note(what: str) -> None:
    """Add a line to the notes."""
    with Path(notes).open("a", encoding="utf-8") as file:
        file.write(f"{name} {what}\n")


def end(number: int, frame: object) -> None:
    """End as one should."""
    note("ends")
    sys.exit(0)


def start_child() -> None:
    """Start a process that nobody but its group's end ends."""
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"
    note(f"child {subprocess.Popen([sys.executable, '-c', program]).pid}")


signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in behaviours else end)
note("starts")
print(f"{name} speaks", file=sys.stderr, flush=True)
if "refuse" in behaviours:
    sys.exit(2)
if "parent" in behaviours:
    start_child()
if "slow" in behaviours:
    time.sleep(0.3)
note("is ready")
starts = Path(notes).read_text(encoding="utf-8").count(f"{name} starts")
if "mute" not in behaviours and not ("shy" in behaviours and starts == 2):
    print(json.dumps({"here": name}, indent=2), flush=True)
if "crash" in behaviours or ("faint" in behaviours and starts == 1):
    time.sleep(0.3)
    sys.exit(1)
while True:
    time.sleep(60)
