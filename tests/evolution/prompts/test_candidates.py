"""What a model makes of a failing prompt: what it is shown, and what is refused."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count

import pytest

from cultivar.application.workbench import open_campaign, registry_of
from cultivar.definitions import Agents
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.prompts.proposing import prompt_candidates
from cultivar.evolution.operators.prompts.refusing import why_not
from cultivar.evolution.operators.prompts.study import Study, study_of
from cultivar.evolution.roles import IMPROVER, ImprovementOrder
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Execution, ImproveOrder
from cultivar.record import replace
from cultivar.testing.lifecycles import opportunity_of
from cultivar.tree import Tree, text_entry
from tests.evolution.prompts.conftest import BEFORE, SLOTS, Adviser, Room, greeting_in, open_room


def copied(room: Room, use: Execution, task: str, *, sealed: bool) -> None:
    """Record a use once more with another task, so worded that it is sealed, or is not."""
    worded = ({**use.inputs, "task": f"{task} {number}"} for number in count())
    inputs = next(each for each in worded if is_sealed(each) is sealed)
    made = replace(use, id=f"{task}, copied", inputs=inputs)
    room.cultivar.services.need(ExecutionLog).add_execution(made)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Generator[Room]:
    """A room with uses of the prompt, one of which is sealed."""
    root = tmp_path_factory.mktemp("studied")
    with open_room(greeting_in(root), Adviser()) as room:
        room.use("greet the sea in Greek", "greet the sky")
        worked, failed = room.uses()
        copied(room, failed, "greet the moon and the sun in Greek", sealed=False)
        copied(room, failed, "greet the guests of the villa Rotonda in Greek", sealed=True)
        copied(room, worked, "greet the unmistakable nightingale", sealed=False)
        registry_of(room.cultivar.services).sync([SLOTS])
        open_campaign(room.cultivar.services, "a run", ImproveOrder())
        yield room


def order_of(room: Room) -> ImprovementOrder:
    registry = registry_of(room.cultivar.services)
    opportunity = replace(
        opportunity_of(),
        artifact=SLOTS,
        tree_hash=registry.current(SLOTS).tree_hash,
        examples=tuple(each.id for each in room.uses() if not each.succeeded),
    )
    return ImprovementOrder(run_id="a run", opportunity=opportunity)


def study(room: Room) -> Study:
    return study_of(order_of(room), room.cultivar.services.need(Workbench))


def changed(text: str, search: str, replacement: str) -> Tree:
    assert search in text
    return Tree({"slots.md.jinja": text_entry(text.replace(search, replacement))})


@pytest.mark.parametrize(
    ("search", "replacement", "why"),
    [
        (BEFORE, f"{BEFORE} {{% if %}}", "It is no Jinja"),
        ("{{ task }}", "the task", "says nothing of ['task'] any more"),
        (BEFORE, f"{BEFORE} {{{{ secrets }}}}", "asks for ['secrets'], which nobody gives it"),
        (BEFORE, f"{BEFORE} {{{{ task.no.such }}}}", "does not render with variables"),
        ("<{{ fence }}>\n{{ task }}\n</{{ fence }}>", "{{ task }}", "how data is fenced off"),
        (BEFORE, f"{BEFORE} Greet the unmistakable nightingale.", "knows a case by heart"),
        (BEFORE, f"{BEFORE} Guests of the villa Rotonda.", "knows a sealed case by heart"),
        (BEFORE, f"{BEFORE}\n" + "Be careful.\n" * 80, "lines, and 60 are the most"),
        (BEFORE, BEFORE, "changes nothing"),
    ],
)
def test_what_no_prompt_may_become_is_refused_before_it_costs_anything(
    studied: Room, search: str, replacement: str, why: str
) -> None:
    known = study(studied)
    assert why in why_not(changed(known.prompt.text, search, replacement), known)


def test_an_edit_that_says_more_to_all_is_admitted(studied: Room) -> None:
    known = study(studied)
    assert not why_not(changed(known.prompt.text, BEFORE, f"{BEFORE} Name each path."), known)


def test_another_file_is_refused(studied: Room) -> None:
    known = study(studied)
    more = known.prompt.tree.replace({"more.md.jinja": text_entry("x")})
    assert "more.md.jinja" in why_not(more, known)


def test_a_model_sees_the_traces_and_nothing_that_is_sealed(studied: Room) -> None:
    services = studied.cultivar.services
    made = services.need(Agents).act(IMPROVER, order_of(studied))
    (candidate,) = made.candidates
    assert (candidate.operator, candidate.version) == ("model", "1.0.1")
    assert candidate.edits
    told = studied.model.requests[-1].messages[-1].content
    assert "`bodies.0.path`: Field required" in told
    assert "moon and the sun" in told
    assert "unmistakable nightingale" in told
    assert "Rotonda" not in told


def test_what_was_tried_is_not_made_again(studied: Room) -> None:
    known = study(studied)
    tree = changed(known.prompt.text, BEFORE, f"{BEFORE} Name each path.")
    order = replace(known.order, tried=(tree.hash,))
    proposed = Proposed(operator="model", tree=tree, description="x")
    made = prompt_candidates(order, known.bench, lambda _: iter([proposed]))
    assert (made.candidates, made.refused) == ((), ())


def test_without_anybody_to_ask_it_is_said_that_no_model_is_set(studied: Room) -> None:
    made = prompt_candidates(order_of(studied), study(studied).bench)
    assert [each.reason for each in made.refused] == [
        "Only a model can better a prompt, and no model is set."
    ]
