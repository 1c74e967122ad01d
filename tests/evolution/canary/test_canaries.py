"""The life of a canary, from a person's word to a release to all, or to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cultivar.errors import ChangedError, UsageError
from cultivar.evolution.releasing.quarantine import rests_until
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.releasing.uses import Uses
from cultivar.evolution.releasing.watcher import Watcher
from cultivar.lifecycle import CANARY, Release
from cultivar.record import replace
from cultivar.testing.artifacts import CALCULATOR, MENDED, SLOTS, TEMPLATE, TOOL
from cultivar.tree import text_entry
from tests.evolution.canary.conftest import BEGAN, Room

LATER = timedelta(hours=3)


def _looked(room: Room, after: timedelta = LATER) -> tuple[Release, ...]:
    return room.canaries(BEGAN + after).look_after()


def test_a_canary_changes_nothing_on_the_disk(room: Room) -> None:
    canary = room.started(0.1)
    assert (canary.status, canary.share, canary.before) == (
        "canary",
        0.1,
        room.registry.current(CALCULATOR).tree_hash,
    )
    assert room.world.tool.read_text() == TOOL
    pointer = room.ledger.artifacts.pointer(CALCULATOR, CANARY)
    assert pointer is not None
    assert (pointer.tree_hash, pointer.share) == (canary.after, 0.1)
    experiment = room.ledger.experiments.experiment("proven")
    assert (experiment.status, experiment.decided_by) == ("canary", "ada")
    assert "10 % of the sessions get it" in experiment.reason


def test_where_the_settings_say_a_share_each_release_begins_as_a_canary(room: Room) -> None:
    made = room.canaries(share=0.2).release(room.proven(), by="gate")
    assert (made.status, made.share) == ("canary", 0.2)


@pytest.mark.parametrize("share", [None, 1.0])
def test_without_a_share_it_is_released_to_all_at_once(room: Room, share: float | None) -> None:
    made = room.canaries().release(room.proven(), by="ada", share=share)
    assert made.status == "watching"
    assert room.world.tool.read_text() == MENDED


def test_a_canary_that_does_well_is_given_to_all(room: Room) -> None:
    canary = room.started()
    whole = room.used(canary, 300, old=0.5, new=1.0)
    (made,) = room.canaries(whole).look_after()
    assert (made.status, made.share, made.experiment) == ("watching", 1.0, "proven")
    assert room.world.tool.read_text() == MENDED
    assert room.status() == "released"
    ended = room.ledger.experiments.releases(CALCULATOR)[-1]
    assert (ended.id, ended.status) == (canary.id, "kept")
    assert ended.reason.startswith("As good in use, or better: 100%")
    assert room.ledger.artifacts.pointer(CALCULATOR, CANARY) is None
    assert room.canaries(whole).look_after() == ()


def test_a_canary_that_does_worse_is_stopped_and_the_artifact_rests(room: Room) -> None:
    canary = room.started()
    whole = room.used(canary, 300, old=0.95, new=0.5)
    (made,) = room.canaries(whole).look_after()
    assert (made.id, made.status) == (canary.id, "rolled_back")
    assert made.reason.startswith("Worse in use")
    assert room.world.tool.read_text() == TOOL
    assert room.status() == "rolled_back"
    assert room.ledger.artifacts.pointer(CALCULATOR, CANARY) is None
    until = rests_until(room.ledger.experiments.releases(CALCULATOR))
    assert until is not None
    assert until > whole


def test_a_canary_of_which_nothing_is_clear_goes_on(room: Room) -> None:
    room.used(room.started(), 20, old=0.9, new=0.9)
    assert _looked(room) == ()
    assert room.status() == "canary"


def test_a_canary_that_nobody_used_is_stopped_and_may_be_tried_again(room: Room) -> None:
    room.started()
    (made,) = _looked(room, timedelta(days=1))
    assert (made.status, made.reason) == (
        "rolled_back",
        "Nobody used it: not once in 24 hours.",
    )
    assert room.status() == "stopped"
    again = room.canaries().release(
        room.ledger.experiments.experiment("proven"), by="ada", share=0.5
    )
    assert again.status == "canary"


def test_uses_that_are_lost_stop_a_canary_however_good_it_looks(room: Room) -> None:
    whole = room.used(room.started(), 300, old=0.5, new=1.0, lost=0.6)
    (made,) = room.canaries(whole).look_after()
    assert made.status == "rolled_back"
    assert "its numbers cannot be trusted" in made.reason
    assert room.status() == "stopped"
    assert room.world.tool.read_text() == TOOL


def test_what_a_person_changed_meanwhile_ends_a_canary(room: Room) -> None:
    room.started()
    room.world.write(room.world.tool, TOOL + "\n# mine\n")
    room.registry.sync()
    (made,) = _looked(room)
    assert "not used any more" in made.reason
    assert room.status() == "stopped"
    assert room.world.tool.read_text().endswith("# mine\n")


def test_a_person_may_end_a_canary_by_a_rollback(room: Room) -> None:
    canary = room.started()
    made = room.canaries().take_back(CALCULATOR, by="ada", reason="not today")
    assert (made.id, made.status, made.reason) == (canary.id, "rolled_back", "not today")
    assert room.world.tool.read_text() == TOOL
    assert room.status() == "rolled_back"
    assert room.ledger.artifacts.pointer(CALCULATOR, CANARY) is None


def test_a_person_may_end_a_canary_by_rejecting_it(room: Room) -> None:
    room.started()
    experiment = room.ledger.experiments.experiment("proven")
    left = room.canaries().reject(experiment, by="ada", reason="no")
    assert (left.status, left.reason, left.decided_by) == ("rejected", "no", "ada")
    assert room.canaries().running(CALCULATOR) is None


def test_a_person_may_give_a_canary_to_all_before_it_has_shown_anything(room: Room) -> None:
    room.started()
    experiment = room.ledger.experiments.experiment("proven")
    made = room.canaries().release(experiment, by="ada", share=1.0)
    assert made.status == "watching"
    assert room.world.tool.read_text() == MENDED
    assert room.canaries().running(CALCULATOR) is None


def test_who_approves_a_canary_twice_has_one(room: Room) -> None:
    canary = room.started()
    experiment = room.ledger.experiments.experiment("proven")
    assert room.canaries().release(experiment, by="ada", share=0.5) == canary
    assert room.canaries(share=0.3).release(experiment, by="gate") == canary


def test_the_share_of_a_canary_that_runs_stays_as_it_is(room: Room) -> None:
    room.started(0.1)
    experiment = room.ledger.experiments.experiment("proven")
    with pytest.raises(UsageError, match="10 % of its uses"):
        room.canaries().release(experiment, by="ada", share=0.5)


def test_while_a_canary_runs_nothing_else_of_the_artifact_is_released(room: Room) -> None:
    room.started()
    other = room.proven(name="another")
    for share in (0.1, 1.0):
        with pytest.raises(UsageError, match="A canary of tool:calculator runs"):
            room.canaries().release(other, by="ada", share=share)
    with pytest.raises(UsageError, match="cultivar rollback tool:calculator"):
        room.canaries().take_back(CALCULATOR, "1.0.0", by="ada")


def test_another_artifact_is_released_as_before(room: Room) -> None:
    room.started()
    made = room.canaries().release(room.proven(TEMPLATE, "template"), by="ada")
    assert made.status == "watching"


def test_a_version_that_does_not_work_never_begins(room: Room) -> None:
    current = room.registry.current(CALCULATOR)
    experiment = room.proven()
    broken = room.registry.tree(current).replace({"calculator.py": text_entry("import gone\n")})
    room.ledger.content.put(broken)
    candidate = replace(experiment.candidate, tree_hash=broken.hash)
    experiment = replace(experiment, candidate=candidate)
    made = room.canaries().release(experiment, by="ada", share=0.5)
    assert (made.status, room.status()) == ("rolled_back", "rolled_back")
    assert "gone" in made.reason
    assert room.ledger.artifacts.pointer(CALCULATOR, CANARY) is None


def test_a_file_that_a_person_is_at_work_on_gets_no_canary(room: Room) -> None:
    experiment = room.proven()
    room.world.write(room.world.tool, TOOL + "\n# mine\n")
    with pytest.raises(ChangedError):
        room.canaries().release(experiment, by="ada", share=0.5)
    assert room.ledger.experiments.releases(CALCULATOR) == ()


def test_a_person_at_work_keeps_a_good_canary_from_all_until_they_are_done(room: Room) -> None:
    whole = room.used(room.started(), 300, old=0.5, new=1.0)
    room.world.write(room.world.tool, TOOL + "\n# mine\n")
    assert room.canaries(whole).look_after() == ()
    assert room.status() == "canary"
    room.world.write(room.world.tool, TOOL)
    (made,) = room.canaries(whole).look_after()
    assert made.status == "watching"


def test_there_is_no_canary_of_a_prompt(room: Room) -> None:
    prompt = room.proven(SLOTS)
    with pytest.raises(UsageError, match="no canary of a prompt"):
        room.canaries().release(prompt, by="ada", share=0.5)
    assert room.canaries(share=0.5).release(prompt, by="gate").status == "watching"


@pytest.mark.parametrize("share", [-0.1, 0.0, 1.5, float("nan")])
def test_what_is_no_share_is_said_to_be_so(room: Room, share: float) -> None:
    with pytest.raises(UsageError, match="share"):
        room.canaries().release(room.proven(), by="ada", share=share)


def test_what_a_canary_did_says_nothing_of_how_all_do(room: Room) -> None:
    canary = room.started()
    (made,) = room.canaries(room.used(canary, 300, old=0.5, new=1.0)).look_after()
    releases = Releases(registry=room.registry, experiments=room.ledger.experiments)
    uses = Uses(ledger=room.ledger, log=room.ledger.executions)
    watcher = Watcher(releases=releases, uses=uses.of)
    assert watcher.look_after() == ()
    assert watcher.standing(made).uses == 0


@pytest.mark.parametrize(("share", "status"), [(1.0, "watching"), (0.5, "canary")])
def test_what_was_made_from_the_same_version_waits_no_longer(
    room: Room, share: float, status: str
) -> None:
    room.proven(name="other")
    assert room.canaries().release(room.proven(), by="ada", share=share).status == status
    left = room.ledger.experiments.experiment("other")
    assert (left.status, left.reason) == ("stopped", "Another version of it was released.")


def test_how_a_canary_does_is_told_while_it_runs_and_after(room: Room) -> None:
    canary = room.started()
    experiment = room.ledger.experiments.experiment("proven")
    whole = room.used(canary, 300, old=0.5, new=1.0)
    during = room.canaries(whole).report(experiment)
    assert during is not None
    assert (during.recommendation, during.after) == ("deploy", 1.0)
    assert 0.4 < during.before < 0.6
    room.canaries(whole).look_after()
    assert room.canaries(whole + LATER).report(experiment) == during


def test_what_was_never_a_canary_has_no_report(room: Room) -> None:
    experiment = room.proven()
    assert room.canaries().report(experiment) is None
    room.canaries().release(experiment, by="ada")
    assert room.canaries().report(experiment) is None
