"""What people wrote into suites is what candidates are tried on, of whatever kind they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.workbench import open_campaign, registry_of
from cultivar.evals.trying.base import Subject
from cultivar.evolution.campaigns.suite_cases import MOST, SuiteCases
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Artifact, ImproveOrder, TrialCase
from cultivar.testing.toolrooms import RATIO, Workspace, toolroom_in
from cultivar.testing.workrooms import SERVICE, open_workroom
from tests.evolution.prompts.conftest import SLOTS, Room

NINE = """\
tool: ratio
cases:
  - name: nine
    inputs: {a: 9, b: 3}
    assertions: [{equals: 3.0}]
"""
COPIER = """\
size: {type: int, default: 1}
loud: {type: bool, default: false}
_cultivar: {id: "test:service", version: 1.0.0}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return toolroom_in(tmp_path / "workspace", tmp_path / "cache")


def suites_of(cultivar: Cultivar) -> SuiteCases:
    registry_of(cultivar.services).sync()
    open_campaign(cultivar.services, "a run", ImproveOrder())
    return cultivar.services.need(Workbench).suites


def cases_of(cultivar: Cultivar, artifact: Artifact) -> tuple[TrialCase, ...]:
    suites = suites_of(cultivar)
    found = cultivar.services.need(Workbench).disk.at(artifact)
    assert found is not None
    return suites.of(Subject(artifact=artifact, tree=found.tree, trusted=True))


def write(root: Path, name: str, text: str) -> Path:
    file = root / "evals" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_candidate_that_breaks_what_a_suite_holds_is_not_released(workspace: Workspace) -> None:
    write(
        workspace.root,
        "ratio.yaml",
        "tool: ratio\ncases:\n  - inputs: {a: 5, b: 0}\n"
        "    assertions: [{raises: ZeroDivisionError}]\n",
    )
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        done = cultivar.improve(artifacts=[RATIO])
    assert done.experiments
    assert {each.status for each in done.experiments} <= {"rejected", "refused"}


def test_candidates_are_tried_on_suites_and_a_broken_one_is_told_and_ends_nothing(
    workspace: Workspace,
) -> None:
    write(workspace.root, "deep/ratio.yaml", NINE)
    broken = write(workspace.root, "broken.yaml", "tool: ratio\ncases: 3\n")
    write(workspace.root, "unreadable.yml", "tool: ratio\ncases: [\n")
    write(workspace.root, "other.yaml", "- a list of something else\n")
    write(workspace.root, "data.yaml", "cases: [1, 2]\n")
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        done = cultivar.improve(artifacts=[RATIO])
        store, better = cultivar.services.need(ExperimentStore), done.experiments[0]
        (nine,) = [each for each in store.cases(RATIO, ["suite"]) if each.name == "nine"]
        assert nine.id in {each.case_id for each in store.results(better.id)}
    assert better.verdict is not None
    assert better.verdict.decision == "release"
    assert len(done.troubles) == 2
    assert str(broken) in done.troubles[0]
    assert "line 2" in done.troubles[0]


def test_a_suite_elsewhere_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(NINE)
    (workspace.root / "evals").mkdir()
    (workspace.root / "evals" / "link.yaml").symlink_to(outside)
    with workspace.opened() as cultivar:
        assert cases_of(cultivar, RATIO) == ()


@pytest.mark.parametrize("reference", ["test:service", "../templates_data/service"])
def test_a_template_is_named_by_its_id_or_its_folder(tmp_path: Path, reference: str) -> None:
    room = open_workroom(tmp_path, {"copier.yml": COPIER, "a.txt.jinja": "{{ size }}"})
    write(
        tmp_path,
        "service.yaml",
        f"template: {reference}\ncases:\n  - matrix: {{size: [1, 2], loud: [true, false]}}\n"
        "    assertions: [{contains: '1', path: a.txt}]\n    checks: false\n",
    )
    with room.cultivar as cultivar:
        found = cases_of(cultivar, SERVICE)
    assert len(found) == 4
    assert {each.origin for each in found} == {"suite"}


def test_a_suite_that_asks_what_no_template_asks_is_told(tmp_path: Path) -> None:
    room = open_workroom(tmp_path, {"copier.yml": COPIER, "a.txt.jinja": "{{ size }}"})
    write(tmp_path, "s.yaml", "template: test:service\ncases: [{answers: {colour: red}}]\n")
    with room.cultivar as cultivar:
        assert cases_of(cultivar, SERVICE) == ()
        suites = cultivar.services.need(Workbench).suites
    assert "`colour` is no question" in suites.troubles[0]


def test_replies_to_a_prompt_are_tried_more_than_once(room: Room) -> None:
    write(
        room.root,
        "slots.yaml",
        "prompt: generator/slots\ncases:\n  - inputs: {task: greet}\n"
        "    assertions: [{contains: hello}]\n",
    )
    (case,) = cases_of(room.cultivar, SLOTS)
    assert (case.repeats, case.inputs) == (3, {"task": "greet"})


def test_of_very_many_cases_the_first_are_taken_and_that_is_said(workspace: Workspace) -> None:
    values = list(range(MOST + 1))
    write(
        workspace.root,
        "many.yaml",
        f"tool: ratio\ncases:\n  - matrix: {{a: {values}}}\n    inputs: {{b: 1}}\n"
        "    assertions: [{regex: '.'}]\n",
    )
    with workspace.opened() as cultivar:
        assert len(cases_of(cultivar, RATIO)) == MOST
        assert "201 cases" in cultivar.services.need(Workbench).suites.troubles[0]
