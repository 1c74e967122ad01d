"""Makes the pictures of the documentation by running the commands that they show.

Run it from anywhere: `python docs/pictures/make.py`.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import sys
import tempfile
from pathlib import Path
from subprocess import Popen

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURES = {
    "generate.svg": [
        'cultivar generate "An async TTL cache with a circuit breaker and metrics,'
        ' entries expire after 5 minutes" --output out',
        "ls -A out",
    ],
    "why.svg": [
        "cultivar init",
        'cultivar generate "A greeting for 4 people" --output out',
        "cultivar why out/greeting.py",
    ],
}
WIDTH = 100
FLAW = Path(__file__).with_name("greeting")
"""A template with a small flaw, which its check's own fix mends."""


def make(name: str, commands: list[str]) -> None:
    """Run `commands` in an empty folder, and draw what a terminal would show."""
    shown = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "work"
        work.mkdir()
        for command in commands:
            shown.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            printed = run(command, work).replace(str(work), "/home/ada")
            shown.print(Text.from_ansi(printed))
    svg = shown.export_svg(title="cultivar", theme=MONOKAI, unique_id=name.partition(".")[0])
    target = Path(__file__).with_name(name)
    target.write_text(without_remote_fonts(svg), encoding="utf-8")
    print(f"{target} ({len(svg)} characters)")


def run(command: str, work: Path) -> str:
    """What `command` writes to a terminal."""
    outer, inner = pty.openpty()
    program, *words = shlex.split(command)
    beside = Path(sys.executable).parent / program
    process = Popen(
        [str(beside) if beside.exists() else program, *words],
        cwd=work,
        env=environment(work),
        stdout=inner,
    )
    os.close(inner)
    printed = b""
    while part := read(outer):
        printed += part
    process.wait()
    os.close(outer)
    return printed.decode().replace("\r\n", "\n").rstrip()


def read(terminal: int) -> bytes:
    """The next bytes; none when whoever writes has gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def environment(work: Path) -> dict[str, str]:
    """A terminal of a known width, and nothing that the user has set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CULTIVAR_")}
    places = {
        "XDG_DATA_HOME": str(work.parent / "data"),
        "XDG_CONFIG_HOME": str(work.parent / "configuration"),
    }
    look = {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    paths = {"CULTIVAR_TEMPLATE_PATHS": f'["{FLAW.parent}"]'}
    return {**kept, **places, **look, **paths}


def without_remote_fonts(svg: str) -> str:
    """The picture without the fonts that it would load from elsewhere."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    for picture, shown_commands in PICTURES.items():
        make(picture, shown_commands)
