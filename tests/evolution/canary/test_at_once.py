"""What two persons say at once about one artifact: the first one's word counts, alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from cultivar.errors import UsageError
from cultivar.lifecycle import Artifact, Experiment, Release
from cultivar.record import replace
from cultivar.testing.artifacts import CALCULATOR, MENDED, TOOL
from cultivar.tree import Tree
from tests.evolution.canary.conftest import Room

OVERLAP = 0.3
"""Seconds that the first one's smoke test takes, or until the second one is done."""

Word = Callable[[Room, Experiment], object]


def _approve(room: Room, seen: Experiment, share: float | None = None) -> Release:
    return room.canaries().release(seen, by="ada", share=share)


def _canary(room: Room, seen: Experiment) -> Release:
    return _approve(room, seen, 0.5)


def _reject(room: Room, seen: Experiment) -> Experiment:
    return room.canaries().reject(seen, by="bob", reason="no")


def _roll_back(room: Room, _: Experiment) -> Release:
    return room.canaries().take_back(CALCULATOR, by="bob", reason="no")


def _look(room: Room, _: Experiment) -> object:
    return room.canaries().look_after()


def _both(room: Room, first: Word, second: Word) -> object:
    """What the second one comes to, who begins while the first one's smoke test runs."""
    begun, done, seen = Event(), Event(), room.proven()

    def verify(_: Artifact, __: Tree, ___: Tree | None = None, **____: bool) -> str:
        begun.set()
        done.wait(OVERLAP)
        return ""

    with ThreadPoolExecutor(1) as other:
        works = other.submit(first, replace(room, verify=verify), seen)
        assert begun.wait(30)
        try:
            return second(room, seen)
        finally:
            done.set()
            works.result()


@pytest.mark.parametrize("second", [_approve, _canary, _reject])
def test_after_a_release_that_was_under_way_every_other_word_is_refused(
    room: Room, second: Word
) -> None:
    with pytest.raises(UsageError, match="is released already"):
        _both(room, _approve, second)
    assert (room.status(), room.world.tool.read_text()) == ("released", MENDED)
    assert [each.status for each in room.ledger.experiments.releases()] == ["watching"]


@pytest.mark.parametrize("second", [_approve, _canary, _reject])
def test_a_canary_that_was_begun_meanwhile_is_for_who_knows_of_it(room: Room, second: Word) -> None:
    with pytest.raises(UsageError, match="became canary meanwhile"):
        _both(room, _canary, second)
    assert (room.status(), room.world.tool.read_text()) == ("canary", TOOL)


@pytest.mark.parametrize("second", [_approve, _canary])
def test_what_was_rejected_meanwhile_is_not_released(room: Room, second: Word) -> None:
    seen = room.proven()
    _reject(room, seen)
    with pytest.raises(UsageError, match="is rejected already"):
        second(room, seen)
    assert (room.status(), room.world.tool.read_text()) == ("rejected", TOOL)


@pytest.mark.parametrize("first", [_approve, _canary])
def test_a_rollback_takes_back_only_what_was_there_when_it_was_said(
    room: Room, first: Word
) -> None:
    with pytest.raises(UsageError, match="which version of tool:calculator is used"):
        _both(room, first, _roll_back)
    assert room.status() in {"released", "canary"}


def test_a_look_leaves_alone_what_is_being_decided(room: Room) -> None:
    assert _both(room, _approve, _look) == ()
    assert room.status() == "released"


def test_a_release_that_was_killed_before_it_was_noted_is_not_rejected(room: Room) -> None:
    seen = room.proven()
    room.registry.release(seen.candidate, experiment=seen.id)
    with pytest.raises(UsageError, match="cultivar rollback tool:calculator"):
        _reject(room, seen)
    assert _approve(room, seen).status == "watching"
    assert room.status() == "released"
