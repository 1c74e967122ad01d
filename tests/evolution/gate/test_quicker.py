"""What is slow and never fails is made quicker, proven to be, and released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.testing.workrooms import SERVICE, Workroom, open_workroom

COPIER = """\
store: {type: str, choices: [memory, disk], default: memory}
stats: false
name: {type: str, default: service}
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: sleep 0.3 && python3 app.py, required: true}]
"""
APP = 'print("{{ name }} keeps it in {{ store }}{% if stats %}, and counts{% endif %}")\n'


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Workroom]:
    files = {"copier.yml": COPIER, "app.py.jinja": APP}
    opened = open_workroom(tmp_path / "workspace", files)
    for name in ("ada", "grace"):
        opened.use(12, took=0.1, name=name)
    for name in ("ada", "grace", "mary", "joan"):
        opened.use(6, name=name)
    yield opened
    opened.cultivar.close()


def test_a_check_that_idles_is_found_and_a_quicker_one_is_proven(room: Workroom) -> None:
    done = room.cultivar.improve()
    assert [each.kind for each in done.opportunities] == ["slow"]
    (made,) = done.experiments
    assert (made.status, made.candidate.operator) == ("waiting", "fewer-steps")
    verdict = made.verdict
    assert verdict is not None
    assert (verdict.before, verdict.after, verdict.losses) == (1, 1, 0)
    assert verdict.numbers["time_after"] < 0.9 * verdict.numbers["time_before"]
    assert verdict.sentence.startswith("Quicker: ")
    assert verdict.sentence.endswith(", and nothing else changed.")
    assert room.tree.text("copier.yml") == COPIER


def test_it_is_released_by_itself_where_that_is_switched_on(room: Workroom) -> None:
    done = room.cultivar.improve(artifacts=[SERVICE], real=True, automatic=True)
    assert [each.status for each in done.releases] == ["watching"]
    assert [each.decided_by for each in done.experiments] == ["gate"]
    assert 'run: "python3 app.py"' in room.tree.text("copier.yml")
