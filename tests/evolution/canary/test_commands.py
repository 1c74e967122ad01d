"""A canary as a person sees it at the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from cultivar.cli.commands import app_for
from cultivar.testing.artifacts import CALCULATOR, TOOL
from tests.evolution.canary.conftest import Room


def _typed(*given: str) -> Result:
    return CliRunner().invoke(app_for(given), given)


@pytest.fixture(autouse=True)
def _inside(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    world = room.world
    (world.workspace / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    monkeypatch.chdir(world.workspace)
    monkeypatch.setenv("CULTIVAR_HOME", str(world.home))
    monkeypatch.setenv("CULTIVAR_TRUST", json.dumps([str(world.workspace)]))


def test_a_canary_is_begun_shown_and_ended(room: Room) -> None:
    room.proven()
    begun = _typed("approve", "proven", "--real", "--canary", "0.25")
    assert (begun.exit_code, begun.output) == (
        0,
        "Canary: tool:calculator for 25% of the uses: Mend it.\n",
    )
    shown = _typed("experiments", "proven").output
    assert "canary 25 % of the sessions get it." in shown
    assert "Continue testing." in shown
    told = json.loads(_typed("experiments", "proven", "--json").output)["canary"]
    assert (told["state"], told["share"], told["units_after"]) == ("running", 0.25, 0)
    refused = _typed("rollback", "tool:calculator", "--to", "1.0.0")
    assert refused.exit_code != 0
    ended = _typed("rollback", "tool:calculator", "--why", "not today")
    assert ended.exit_code == 0
    assert "Canary ended: tool:calculator: not today" in ended.output
    assert room.world.tool.read_text() == TOOL


def test_a_share_that_is_none_is_refused(room: Room) -> None:
    room.proven()
    assert _typed("approve", "proven", "--real", "--canary", "1.5").exit_code == 2
    assert room.canaries(datetime.now(UTC) + timedelta(hours=1)).running(CALCULATOR) is None
