"""A use of a prompt is repeated as it was, but for what the prompt says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cultivar.application.evaluating import place_of
from cultivar.definitions import Definitions
from cultivar.errors import BudgetSpentError
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.conversations import ASKED
from cultivar.evals.trying.place import try_case
from cultivar.evolution.campaigns.prompt_cases import prompt_cases
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Execution, TrialCase
from cultivar.llm.base import Provider
from cultivar.record import replace
from cultivar.settings import BudgetSettings
from cultivar.tree import Tree, text_entry
from tests.evolution.prompts.conftest import AFTER, BEFORE, SLOTS, Adviser, Room, open_room


def cases_of(room: Room) -> tuple[TrialCase, ...]:
    (use, *_) = room.uses()
    log = room.cultivar.services.need(ExecutionLog)
    return prompt_cases(SLOTS, use.tree_hash, log)


def version(room: Room, replacement: str = BEFORE) -> Subject:
    text = Definitions().prompts("generator")["slots"].text.replace(BEFORE, replacement)
    return Subject(artifact=SLOTS, tree=Tree({"slots.md.jinja": text_entry(text)}))


def test_a_use_that_failed_is_repeated_turn_by_turn(room: Room) -> None:
    room.use("greet the moon in Greek")
    used = room.model.requests[-2]
    (case,) = cases_of(room)
    result = try_case(version(room), case, 0, place_of(room.cultivar.services))
    again = room.model.requests[-2]
    assert again.messages == used.messages
    assert (again.schema_name, again.schema) == (used.schema_name, used.schema)
    assert (result.verdict, result.money) == ("failed", 0.002)
    assert "bodies.0" in result.output


def test_what_mends_it_passes_and_what_worked_still_does(room: Room) -> None:
    room.use("greet the moon in Greek", "greet the sun")
    place = place_of(room.cultivar.services)
    results = [try_case(version(room, AFTER), each, 0, place) for each in cases_of(room)]
    assert [each.verdict for each in results] == ["passed", "passed"]
    assert len(room.uses()) == 2


def test_failures_come_first_and_each_once_tried_more_than_once(room: Room) -> None:
    room.use("greet the sun", "greet the sun", "greet the moon in Greek")
    cases = cases_of(room)
    assert [each.slice.partition(" ")[0] for each in cases] == ["failed", "worked"]
    assert {each.origin for each in cases} <= {"failure", "regression", "sealed"}
    assert {each.repeats for each in cases} == {3}


@pytest.mark.parametrize("value", ["<secret>", {"__cut__": "abc"}, {"__python__": "object"}])
def test_what_was_masked_or_cut_is_not_repeated_as_if_it_were_real(
    room: Room, value: object
) -> None:
    room.use("greet the sun")
    (use,) = room.uses()
    log = room.cultivar.services.need(ExecutionLog)
    spoilt: Execution = replace(use, id="spoilt", inputs={**use.inputs, "task": value})
    log.add_execution(spoilt)
    (case,) = cases_of(room)
    assert case.inputs["task"] == "greet the sun"


@pytest.mark.parametrize(
    "made_up",
    [
        {"turns": [{"role": "root"}]},
        {"schema": {"type": "nonsense"}},
        {"schema": "none"},
        {"turns": "all"},
    ],
)
def test_a_conversation_that_somebody_made_up_is_not_repeated(
    room: Room, made_up: dict[str, object]
) -> None:
    room.use("greet the sun")
    (use,) = room.uses()
    asked = use.inputs[ASKED]
    assert isinstance(asked, dict)
    log = room.cultivar.services.need(ExecutionLog)
    inputs = {**use.inputs, ASKED: {**asked, **made_up}}
    log.add_execution(replace(use, id="made up", inputs=inputs))
    assert len(cases_of(room)) == 1


def test_a_version_that_does_not_render_fails_and_costs_nothing(room: Room) -> None:
    room.use("greet the sun")
    asked = len(room.model.requests)
    (case,) = cases_of(room)
    place = place_of(room.cultivar.services)
    result = try_case(version(room, "{{ task.no.such }}"), case, 0, place)
    assert (result.verdict, result.money, len(room.model.requests)) == ("failed", 0.0, asked)


@contextmanager
def poor_place(root: Path) -> Generator[Place]:
    """A place whose budget is one question a trial."""
    with open_room(root, Adviser(), budget=BudgetSettings(calls=1)) as room:
        assert room.cultivar.services.given(Provider) is room.model
        yield place_of(room.cultivar.services)


def test_a_trial_is_held_to_the_budget(root: Path) -> None:
    with open_room(root, Adviser()) as room:
        room.use("greet the moon in Greek")
        (case,) = cases_of(room)
        subject = version(room)
    with poor_place(root) as place, pytest.raises(BudgetSpentError):
        try_case(subject, case, 0, place)


def test_without_a_model_a_trial_says_nothing_of_the_version(root: Path) -> None:
    with open_room(root, Adviser()) as room:
        room.use("greet the sun")
        (case,) = cases_of(room)
        subject = version(room)
    with open_room(root, None) as room:
        result = try_case(subject, case, 0, place_of(room.cultivar.services))
    assert result.verdict == "not_verified"
    assert "none is configured" in result.output
