"""What a user's words become before a command sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from cultivar.cli.options import Group, command
from cultivar.record import Record


class Words(Record):
    """One option of each kind."""

    name: Annotated[str, typer.Argument()]
    file: Annotated[Path | None, typer.Option()] = None
    each: Annotated[list[str] | None, typer.Option()] = None
    limit: Annotated[int, typer.Option(min=1, max=9)] = 3
    loud: Annotated[bool, typer.Option("--loud")] = False


def run(*given: str) -> tuple[Result, list[Words]]:
    app = typer.Typer(cls=Group, rich_markup_mode=None, add_completion=False)
    seen: list[Words] = []
    app.callback()(lambda: None)
    command(app, "take", Words)(seen.append)
    return CliRunner().invoke(app, ["take", *given]), seen


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a"], Words(name="a")),
        (["a", "--file", "b/c"], Words(name="a", file=Path("b/c"))),
        (["a", "--each", "b", "--each", "c"], Words(name="a", each=["b", "c"])),
        (["a", "--limit", "5", "--loud"], Words(name="a", limit=5, loud=True)),
    ],
)
def test_words_become_the_fields_of_the_options(given: list[str], expected: Words) -> None:
    assert run(*given)[1] == [expected]


@pytest.mark.parametrize("given", [[], ["a", "--limit", "10"], ["a", "--limit", "x"]])
def test_words_that_are_missing_or_wrong_are_refused(given: list[str]) -> None:
    result, seen = run(*given)
    assert (result.exit_code, seen) == (2, [])


def test_help_is_shown() -> None:
    assert "--limit" in run("--help")[0].output


def test_texts_and_paths_are_read_without_pydantic() -> None:
    script = (
        "import sys\nfrom test_options import run\n"
        "assert run('a', '--file', 'b', '--each', 'c', '--loud')[1]\n"
        "print('pydantic' in sys.modules)"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
