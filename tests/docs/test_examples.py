"""Runs what the documentation shows: its commands, its Python and its files, page by page.

In a page, in order and in one folder:

- a block with `title="PATH"` is a file, and is written;
- in a `console` block, a line that begins with `$ ` is a command, and what follows is its output:
  `…` on a line of its own stands for any lines, and in a line for any text. A command that fails
  is followed by `$ echo $?`;
- any other `python` block is run.

A block beneath `<!-- not run: REASON -->` is only shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?P<shown><!-- not run: [^>]+ -->\n+)?"
    r"^(?P<indent> *)```(?P<kind>[\w-]+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
RUN = {"console", "python"}


@dataclass(frozen=True)
class Block:
    """A block of a page that is to be run or written."""

    kind: str
    title: str
    body: str


@dataclass(frozen=True)
class Example:
    """A command, with what it should print."""

    command: str
    expected: str


class Shell:
    """One shell for a page, so that folders and variables last from block to block."""

    def __init__(self, folder: Path) -> None:
        self._count = 0
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._bash.stdin
        self._bash.stdin.write("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n")

    def run(self, command: str) -> tuple[str, int]:
        """What `command` prints, and its exit code."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._count += 1
        end = f"end of command {self._count}:"
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\n_code=$?\n")
        self._bash.stdin.write(f'printf "\\n{end}%s\\n" $_code\n(exit $_code)\n')
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(end):
                return "".join(lines), int(line.removeprefix(end))
            lines.append(line)
        raise AssertionError(f"The shell ended in {command!r}: {''.join(lines)}")

    def close(self) -> None:
        """End it."""
        self._bash.communicate()


def _environment(folder: Path) -> dict[str, str]:
    commands = str(Path(sys.executable).parent)
    git = {"GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    (folder.parent / "gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    path = f"{commands}:{os.environ['PATH']}:/usr/sbin"
    # Counting the lines that they run would take the pages half as long again.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**ours, **git, "PATH": path, "TERM": "dumb", "COLUMNS": "160"}


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page that count, in their order."""
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        kind, title = found["kind"], found["title"] or ""
        if not found["shown"] and (title or kind in RUN):
            indent = len(found["indent"])
            body = "".join(line[indent:] or "\n" for line in found["body"].splitlines(True))
            yield Block(kind, title, body)


def examples_of(body: str) -> Iterator[Example]:
    """The commands of a `console` block; a line that ends with a backslash goes on."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = re.sub(r"\\\n", "\0", part, count=0).partition("\n")
        yield Example(command.replace("\0", "\\\n"), expected.replace("\0", "\\\n"))


def mismatch(expected: str, printed: str) -> str:
    """Why `printed` is not what is expected; empty if it is. How wide spaces are does not count."""
    want, got = _lines(expected), _lines(printed)
    pattern = "".join(".*" if line == "…" else _pattern(line) for line in want)
    if not want or re.fullmatch(pattern, "".join(f"{line}\n" for line in got), re.DOTALL):
        return ""
    return f"expected:\n{expected}\nprinted:\n{printed}"


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _pattern(line: str) -> str:
    return "[^\n]*".join(map(re.escape, line.split("…"))) + "\n"


def perform(page: Path, folder: Path) -> None:
    """Run a page in `folder`."""
    shell = Shell(folder)
    try:
        for number, block in enumerate(blocks_of(page)):
            if block.title:
                (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.title).write_text(block.body, encoding="utf-8")
            elif block.kind == "python":
                program = folder.parent / f"block_{number}.py"
                program.write_text(block.body, encoding="utf-8")
                _expect(Example(f"python {program}", ""), shell, follows="")
            else:
                _perform_console(list(examples_of(block.body)), shell)
    finally:
        shell.close()


def _perform_console(examples: list[Example], shell: Shell) -> None:
    following = [example.command for example in examples[1:]]
    for example, follows in zip(examples, [*following, ""], strict=True):
        _expect(example, shell, follows=follows)


def _expect(example: Example, shell: Shell, *, follows: str) -> None:
    printed, code = shell.run(example.command)
    assert code == 0 or follows == "echo $?", f"$ {example.command}\n{printed}\nexit code {code}"
    why = mismatch(example.expected, printed)
    assert not why, f"$ {example.command}\n{why}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(blocks_of(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_what_a_page_shows_is_what_happens(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if any("$ nats-server" in block.body for block in blocks_of(page)):
        request.getfixturevalue("servers")
    folder = tmp_path / "work"
    folder.mkdir()
    perform(page, folder)


def test_a_page_that_shows_something_else_is_found_out(tmp_path: Path) -> None:
    page, folder = tmp_path / "page.md", tmp_path / "work"
    folder.mkdir()
    page.write_text("```console\n$ echo one; echo two\none\nthree\n```\n")
    with pytest.raises(AssertionError, match="three"):
        perform(page, folder)


def test_a_command_that_fails_unannounced_is_found_out(tmp_path: Path) -> None:
    page, folder = tmp_path / "page.md", tmp_path / "work"
    folder.mkdir()
    page.write_text("```console\n$ false\n```\n")
    with pytest.raises(AssertionError, match="exit code 1"):
        perform(page, folder)


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("took … s\n", "took 1.2 s\n", True),
        ("took … s\n", "took 1.2 s\nand more\n", False),
        ("a\n…\n", "b\n", False),
    ],
)
def test_the_wildcard_stands_for_lines_or_for_text(expected: str, printed: str, fits: bool) -> None:
    assert (mismatch(expected, printed) == "") is fits
