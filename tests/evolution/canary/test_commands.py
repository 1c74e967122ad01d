"""A canary as a person sees it at the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from cultivar.cli.commands import app_for
from cultivar.errors import UsageError
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
    assert "--real --canary 1` gives it to all" in " ".join(shown.split())
    assert "A session counts when it has ten uses, or an hour after its first one." in shown
    told = json.loads(_typed("experiments", "proven", "--json").output)["canary"]
    assert (told["state"], told["share"], told["units_after"]) == ("running", 0.25, 0)
    refused = _typed("rollback", "tool:calculator", "--to", "1.0.0")
    assert refused.exit_code != 0
    ended = _typed("rollback", "tool:calculator", "--why", "not today")
    assert ended.exit_code == 0
    assert "Canary ended: tool:calculator: not today" in ended.output
    assert room.world.tool.read_text() == TOOL
    over = _typed("experiments", "proven").output
    assert "rolled back not today" in over
    assert "Continue testing." not in over


def test_a_release_is_told_to_be_watched(room: Room) -> None:
    room.proven()
    assert _typed("approve", "proven", "--real").exit_code == 0
    assert "Watched: Still looked after: 0% of 0 uses" in _typed("experiments", "proven").output
    assert "released, watched" in " ".join(_typed("experiments").output.split())
    told = json.loads(_typed("experiments", "proven", "--json").output)
    assert told["watch"]["status"] == "watching"


def test_a_share_that_is_none_is_refused(room: Room) -> None:
    room.proven()
    assert _typed("approve", "proven", "--real", "--canary", "1.5").exit_code == 2
    none = _typed("approve", "proven", "--real", "--canary", "0")
    assert isinstance(none.exception, UsageError)
    assert "1 gives it to all" in str(none.exception)
    assert room.canaries(datetime.now(UTC) + timedelta(hours=1)).running(CALCULATOR) is None
