"""The whole life of a prompt: used, found failing, mended, proven, released, used, taken back."""

from __future__ import annotations

from pathlib import Path

from cultivar.ledger.improvements import ExperimentStore
from tests.evolution.prompts.conftest import AFTER, SLOTS, SYSTEM, Adviser, Room, open_room

PLAIN = tuple(f"greet the guests of house {number}" for number in range(14))
GREEK = tuple(f"greet the guests of house {number} in Greek" for number in range(14))


def test_a_prompt_that_fails_is_found_mended_proven_released_used_and_taken_back(
    room: Room,
) -> None:
    room.use(*PLAIN, *GREEK)
    done = room.cultivar.improve(artifacts=[SLOTS], real=True, automatic=True)
    (opportunity,) = done.opportunities
    assert (opportunity.kind, opportunity.measured) == ("failing", 0.5)
    better = done.experiments[0]
    assert better.verdict is not None
    assert (better.verdict.decision, better.verdict.losses) == ("release", 0)
    assert (better.status, better.strategy) == ("waiting", "SYNTHETIC")
    assert better.money > 0
    assert len(room.uses()) == 28  # a trial is no use
    assert not room.file.exists()  # it is for a person to say, however automatic all is

    release = room.cultivar.approve(better.id, by="ada", real=True)
    assert release.status == "watching"
    assert AFTER in room.file.read_text()
    room.use(*(f"{task} again" for task in GREEK[:3]))
    assert {(each.tree_hash, each.error) for each in room.uses()[:3]} == {(release.after, "")}
    assert not room.cultivar.improve(artifacts=[SYSTEM]).opportunities  # it was not to blame

    room.cultivar.rollback(SLOTS, by="ada")
    assert not room.file.exists()  # ours is used again
    room.use("greet somebody else in Greek")
    assert room.uses()[0].error == "ReplyError"


def test_a_candidate_that_is_no_better_is_rejected_and_nothing_is_paid_twice(root: Path) -> None:
    model = Adviser()
    model.edits = [{**model.edits[0], "replace": f"{model.edits[0]['search']} Be kind."}]
    with open_room(root, model, improve={"trials": 120}) as room:
        room.use(*PLAIN[:8], *GREEK)
        done = room.cultivar.improve(artifacts=[SLOTS])
        (worse,) = done.experiments
        assert worse.status == "rejected"
        asked = len(model.requests)
        store = room.cultivar.services.need(ExperimentStore)
        again = room.cultivar.improve(artifacts=[SLOTS])
        assert not [each for each in again.experiments if each.status != "refused"]
        assert len(store.results(worse.id)) > 0
        assert len(model.requests) <= asked + 1


def test_without_a_model_it_is_said_that_none_is_set(root: Path) -> None:
    with open_room(root, Adviser()) as room:
        room.use(*PLAIN[:10], *GREEK)
    with open_room(root, None) as room:
        (refused,) = room.cultivar.improve(artifacts=[SLOTS]).experiments
    assert (refused.status, refused.reason) == (
        "refused",
        "Only a model can better a prompt, and no model is set.",
    )


def test_a_model_that_is_down_in_the_trials_is_no_failure_of_the_candidate(root: Path) -> None:
    model = Adviser()
    with open_room(root, model) as room:
        room.use(*PLAIN[:10], *GREEK)
        model.down_for = "trial"
        (stopped,) = room.cultivar.improve(artifacts=[SLOTS]).experiments
    assert stopped.status == "stopped"
    assert stopped.verdict is not None
    assert "did not answer" in stopped.verdict.reasons[-1]
