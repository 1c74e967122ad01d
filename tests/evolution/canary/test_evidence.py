"""What counts as evidence of a canary: sessions that got what they were to get."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.evidence import COUNTED, Unit
from cultivar.lifecycle import Execution, Release
from tests.evolution.canary.conftest import BEGAN, Room

SOON = BEGAN + timedelta(minutes=2)


@pytest.fixture
def canary(room: Room) -> Release:
    return room.started()


def _session(canary: Release, *, due: bool) -> str:
    names = (f"session {number}" for number in range(100))
    artifact, share, salt = canary.artifact, canary.share, canary.after
    return next(each for each in names if receives(artifact, each, share, salt) is due)


def _use(room: Room, session: str, tree_hash: str, at: datetime, error: str = "") -> None:
    (canary,) = room.ledger.experiments.releases()
    room.ledger.executions.add_execution(
        Execution(
            id=f"{uuid4()}.{session}",
            artifact=canary.artifact,
            tree_hash=tree_hash,
            inputs={},
            error=error,
            executed_at=at,
        )
    )


def _units(room: Room, canary: Release, after: timedelta) -> tuple[Unit, ...]:
    return room.canaries().uses.units(canary, BEGAN + after)


def test_a_session_is_one_unit_of_which_the_first_uses_count(room: Room, canary: Release) -> None:
    session = _session(canary, due=True)
    for number in range(COUNTED + 20):
        error = "" if number in range(4, COUNTED) else "ValueError"
        _use(room, session, canary.after, SOON + timedelta(seconds=number), error)
    (unit,) = _units(room, canary, timedelta(minutes=10))
    assert (unit.id, unit.canary, unit.success) == (session, True, (COUNTED - 4) / COUNTED)
    assert unit.whole == SOON + timedelta(seconds=COUNTED - 1)


def test_a_short_session_is_whole_an_hour_after_its_first_use(room: Room, canary: Release) -> None:
    _use(room, _session(canary, due=False), canary.before, SOON)
    (unit,) = _units(room, canary, timedelta(minutes=30))
    assert unit.whole is None
    (unit,) = _units(room, canary, timedelta(hours=2))
    assert unit.whole == SOON + timedelta(hours=1)


@pytest.mark.parametrize("due", [True, False])
def test_a_session_that_was_at_work_before_it_began_counts_on_no_side(
    room: Room, canary: Release, *, due: bool
) -> None:
    session = _session(canary, due=due)
    _use(room, session, canary.before, BEGAN - timedelta(hours=2))
    _use(room, session, canary.after if due else canary.before, SOON)
    assert _units(room, canary, timedelta(hours=2)) == ()


@pytest.mark.parametrize("due", [True, False])
def test_a_session_that_used_another_version_than_its_own_is_missed(
    room: Room, canary: Release, *, due: bool
) -> None:
    _use(room, _session(canary, due=due), canary.before if due else canary.after, SOON)
    assert _units(room, canary, timedelta(hours=2)) == ()
