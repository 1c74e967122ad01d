"""Cases of earlier campaigns count as long as nobody has replaced what they tell of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cultivar.application.workbench import registry_of
from cultivar.evals.trying.base import Subject
from cultivar.evolution.campaigns.cases import template_cases
from cultivar.evolution.campaigns.keeping import MOST_KEPT, still_meant
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Artifact, ArtifactVersion, Kind, TrialCase
from cultivar.testing.toolrooms import BUGGY, RATIO, Workspace
from cultivar.testing.workrooms import SERVICE, open_workroom

WIDE = f"""\
one: {{type: int, choices: {[*range(300)]}, default: 1}}
other: {{type: int, choices: {[*range(300)]}, default: 1}}
fast: {{type: bool, default: false}}
_cultivar: {{id: test:service, version: 1.0.0}}
"""


def version(tree: str, made_by: str, parent: str = "", kind: Kind = "tool") -> ArtifactVersion:
    artifact = Artifact(kind=kind, name="x")
    now = datetime.now(UTC)
    return ArtifactVersion(
        artifact=artifact, tree_hash=tree, version=tree, parent=parent, made_by=made_by, made_at=now
    )


def case(name: str, tree: str) -> TrialCase:
    return TrialCase(id=name, origin="regression", recorded_from=tree)


MINE = version("mine", "person")
MENDED = version("mended", "guard", parent="mine")
EDITED = version("edited", "person", parent="mended")
AGAIN = version("again", "guard", parent="edited")
ALL = (AGAIN, EDITED, MENDED, MINE)
KEPT = tuple(case(f"of {each.tree_hash}", each.tree_hash) for each in reversed(ALL))


def names(current: ArtifactVersion) -> list[str]:
    return [each.id for each in still_meant(KEPT, ALL, current)]


def test_what_was_mended_once_counts_for_what_was_made_of_it() -> None:
    assert names(MENDED) == ["of mine", "of mended"]


def test_what_a_person_has_replaced_does_not_count() -> None:
    assert names(EDITED) == ["of edited"]
    assert names(AGAIN) == ["of edited", "of again"]


def test_where_a_person_went_back_what_came_after_does_not_count() -> None:
    assert names(MINE) == ["of mine"]


def test_inputs_of_templates_stay_since_these_say_themselves_what_must_hold() -> None:
    current = version("edited", "person", parent="mended", kind="template")
    assert still_meant(KEPT, (current,), current) == KEPT


def test_of_very_many_cases_the_newest_count() -> None:
    many = [case(f"{at}", "mine") for at in range(MOST_KEPT + 50)]
    assert still_meant(many, ALL, MINE) == tuple(many[50:])


def test_a_tool_that_a_person_edited_is_tried_on_nothing_that_was_recorded_before(
    workspace: Workspace,
) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        cultivar.improve()
        workspace.file.write_text(f"{BUGGY}\n\nMINE = True\n", encoding="utf-8")
        workspace.used(cultivar, 24, failing=12)
        done, store = cultivar.improve(), cultivar.services.need(ExperimentStore)
        current = registry_of(cultivar.services).current(RATIO).tree_hash
        kept = {each.id: each.recorded_from for each in store.cases(RATIO)}
        tried = [each.case_id for made in done.experiments for each in store.results(made.id)]
    assert {kept[each] for each in tried} == {current}


def test_questions_with_very_many_choices_do_not_stop_what_covers_the_others(
    tmp_path: Path,
) -> None:
    room = open_workroom(tmp_path / "workspace", {"copier.yml": WIDE, "app.py.jinja": "print()\n"})
    try:
        room.study({})
        bench, subject = room.bench, Subject(artifact=SERVICE, tree=room.tree)
        template = bench.place.template(subject)
        found = template_cases(template, bench.ledger, bench.place.workshop)
    finally:
        room.cultivar.close()
    covered = [each.inputs for each in found if each.slice == "covering"]
    assert {bool(each["fast"]) for each in covered} == {True, False}
    assert all("one" in each or "other" in each for each in covered)
