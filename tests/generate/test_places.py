from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cultivar import Cultivar, load_settings
from cultivar.errors import StoreUnavailableError
from cultivar.testing.postgres import TEMPLATE, PostgresServer


def test_the_same_run_works_with_everything_in_postgresql(
    workspace: Path, postgres: PostgresServer
) -> None:
    with postgres.database(TEMPLATE) as url:
        settings = load_settings(workspace, database_url=url)
        with Cultivar(settings) as cultivar:
            made = cultivar.generate("greet", template="test:greeting", interactive=True)
            assert made.question is not None
        with Cultivar(settings) as cultivar:
            done = cultivar.resume(made.run_id, ask=lambda question: question.default)
            assert cultivar.generation(done.generation_id).success is True
    assert not list(workspace.parent.rglob("checkpoints.db"))


GENERATES = """
import sys
from cultivar import Cultivar
with Cultivar() as cultivar:
    for number in range(3):
        cultivar.generate(
            "greet", template="test:greeting", output=f"out/{sys.argv[1]}/{number}",
            answers={"name": f"{sys.argv[1]}-{number}"},
        )
"""


def test_four_processes_that_generate_at_once_lose_nothing_and_find_everything(
    workspace: Path, template: Path
) -> None:
    source = template / "files" / "greet.py.jinja"
    source.write_text('print(greeting, "{{ name }}")\n')
    running = [
        subprocess.Popen([sys.executable, "-c", GENERATES, str(number)]) for number in range(4)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    with Cultivar() as cultivar:
        found = cultivar.history()
        patterns = {p.id: p.seen for each in found for p in cultivar.patterns_of(each)[1]}
    assert len(found) == 12
    assert list(patterns.values()) == [12]


def test_a_home_that_cannot_be_written_is_said(workspace: Path) -> None:
    (workspace / "file").write_text("")
    settings = load_settings(workspace, home=workspace / "file" / "home")
    with Cultivar(settings) as cultivar, pytest.raises(StoreUnavailableError):
        cultivar.history()
