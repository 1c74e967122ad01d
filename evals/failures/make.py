"""Make `corpus.jsonl`: what the real tools say of the broken code in `broken/*.txt`.

```text
python evals/failures/make.py
```

It needs `elixirc`, `mix`, `node` and `npm` on the PATH; TypeScript is installed into a temporary
folder. A source file is one tool's. In it `@@ KIND` opens a kind of failure, `@ PATH` an instance
of it, `+ PATH` the first or a further file of that instance. Each kind's instances are told by
different code and by different ways to call the tool; half of them, drawn by the kind's name, are
for development, the other half is sealed: nothing is ever tuned on it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
CORPUS = HERE / "corpus.jsonl"
TYPESCRIPT = "typescript@5.6.3"

Part = Literal["development", "sealed"]
"""What an instance may be used for."""

MIX_PROJECT = """defmodule Project.MixProject do
  use Mix.Project
  def project, do: [app: :project, version: "0.1.0", elixir: "~> 1.12"]
end
"""

_PYTEST = "python -m pytest -p no:cacheprovider -p no:xdist -p no:anyio -p no:hypothesispytest"
_RUFF = "ruff check --no-cache --isolated --select E,F,B,UP,SIM --output-format"
_MYPY = "mypy --strict --cache-dir=../cache --config-file= "
_TSC = "tsc --noEmit --strict --target es2020 --lib es2020,dom --moduleResolution node --pretty"
_MIX = "mix compile --warnings-as-errors"
_ELIXIRC = "elixirc --warnings-as-errors -o out"

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "pytest": tuple(
        f"{_PYTEST} {options}"
        for options in ("-q", "", "-q --tb=short", "-v -rA", "-q --tb=line", "-x --tb=native")
    ),
    "ruff": tuple(
        f"{_RUFF}={style} ."
        for style in ("full", "concise", "full", "grouped", "concise", "github")
    ),
    "mypy": tuple(
        f"{_MYPY} {options} ."
        for options in (
            "",
            "--pretty",
            "--show-column-numbers",
            "--no-error-summary",
            "--show-error-context",
            "--pretty --show-column-numbers",
        )
    ),
    "tsc": (f"{_TSC} false FILES", f"{_TSC} true FILES"),
    "elixirc": (f"{_ELIXIRC} FILES", _MIX, f"{_ELIXIRC} FILES"),
}
"""The ways to call each tool, in turn; of `FILES` come all of the instance's files."""

LANGUAGES: Mapping[str, str] = {
    "pytest": "python",
    "ruff": "python",
    "mypy": "python",
    "tsc": "typescript",
    "elixirc": "elixir",
}
CHECKS: Mapping[str, str] = {
    "pytest": "tests",
    "ruff": "lint",
    "mypy": "types",
    "tsc": "types",
    "elixirc": "compile",
}


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Code that one tool should complain of."""

    tool: str
    kind: str
    number: int
    """Its place among the instances of its kind, from 0."""
    files: Mapping[str, str]

    @property
    def id(self) -> str:
        """Like `ruff/unused-import/3`."""
        return f"{self.kind}/{self.number}"

    @property
    def part(self) -> Part:
        """Half of each kind is sealed; which half, its name decides."""
        development = random.Random(self.kind).sample(range(6), 3)
        return "development" if self.number in development else "sealed"

    @property
    def command(self) -> str:
        """How the tool is called for it."""
        ways = COMMANDS[self.tool]
        return ways[self.number % len(ways)].replace("FILES", " ".join(self.files))


def read_broken(path: Path) -> Iterator[Broken]:
    """The instances that the source file at `path` holds."""
    for section in f"\n{path.read_text()}".split("\n@@ ")[1:]:
        kind, _, body = section.partition("\n")
        for number, told in enumerate(f"\n{body}".split("\n@ ")[1:]):
            name = f"{path.stem}/{kind.strip()}"
            yield Broken(tool=path.stem, kind=name, number=number, files=_files(told))


def run(broken: Broken, environment: Mapping[str, str]) -> dict[str, str]:
    """What the tool says of `broken`, as a line of the corpus; nothing, if it passes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        _write(root, broken)
        done = subprocess.run(
            broken.command.split(),
            cwd=root,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        output = _neutral(done.stdout, root).strip() if done.returncode else ""
        return _line(broken, output)


def make(target: Path = CORPUS) -> int:
    """Run all of it and write the corpus; returns how many failures it holds.

    Raises:
        RuntimeError: Some of the code is not broken after all; nothing is written.
    """
    all_broken = [b for path in sorted((HERE / "broken").glob("*.txt")) for b in read_broken(path)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        environment = _environment(Path(folder))
        lines = list(pool.map(partial(run, environment=environment), all_broken))
    if silent := [line["id"] for line in lines if not line["output"]]:
        raise RuntimeError(f"The tools have nothing to say of {', '.join(silent)}.")
    lines.sort(key=lambda line: line["id"])
    target.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return len(lines)


def _files(told: str) -> dict[str, str]:
    """The files of one instance: the first line names it, and its file where no `+` follows."""
    first, _, body = told.partition("\n")
    if not body.startswith("+ "):
        return {first.strip(): f"{body.strip()}\n"}
    files: dict[str, str] = {}
    for piece in f"\n{body}".split("\n+ ")[1:]:
        path, _, text = piece.partition("\n")
        files[path.strip()] = f"{text.strip()}\n"
    return files


def _write(root: Path, broken: Broken) -> None:
    extra = {"mix.exs": MIX_PROJECT} if broken.command == _MIX else {}
    for path, text in {**broken.files, **extra}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _environment(folder: Path) -> dict[str, str]:
    """Variables that let the tools be found, and nothing else that could change what they say."""
    install = ["npm", "install", "--silent", "--prefix", str(folder), TYPESCRIPT]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    places = (str(folder / "node_modules/.bin"), str(Path(sys.executable).parent))
    path = os.pathsep.join((*places, os.environ["PATH"]))
    home = str(folder)
    return {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "COLUMNS": "100", "MIX_HOME": home}


def _neutral(output: str, root: Path) -> str:
    """`output` without the places of this machine."""
    base = Path(sys.base_prefix)
    places = {str(root): "/project", sys.prefix: "/venv", str(base): "/usr"}
    for place in sorted(places, key=len, reverse=True):
        output = output.replace(place, places[place])
    return output.replace(str(root.parent), "/tmp/build")


def _line(broken: Broken, output: str) -> dict[str, str]:
    return {
        "id": broken.id,
        "kind": broken.kind,
        "part": broken.part,
        "tool": broken.tool,
        "language": LANGUAGES[broken.tool],
        "check": CHECKS[broken.tool],
        "output": output,
    }


if __name__ == "__main__":
    if missing := [name for name in ("elixirc", "mix", "node", "npm") if not shutil.which(name)]:
        sys.exit(f"Not on the PATH: {', '.join(missing)}.")
    print(f"{make()} failures in {CORPUS}")
