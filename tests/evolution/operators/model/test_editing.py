"""What a model proposes: edits that are tried like all others, and replies that are refused."""

from __future__ import annotations

import pytest

from cultivar.lifecycle import KNOWN_FIX
from cultivar.llm.scripted import Line, ScriptedModel
from cultivar.model import Edit, Fix, Json
from cultivar.testing.workrooms import OpenWorkroom, Workroom

COPIER = """\
size: {type: int, default: 1}
title: {type: str, default: plain}
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: python3 test_app.py, required: true}]
"""
APP = """\
def share(size):
    return 10 // (size - {{ size }} % 2)
"""
TESTS = """\
from app import share

assert share(2) == 5
"""
MENDED = {"path": "app.py.jinja", "search": "(size - {{ size }} % 2)", "replace": "size"}


def reply(*edits: Json) -> dict[str, Json]:
    return {"cause": "It takes an odd size away.", "change": "divides by the size", "edits": edits}


def failing_room(
    workroom: OpenWorkroom, model: ScriptedModel | None = None, **files: str
) -> Workroom:
    """A template that fails with every odd size, which no operator knows how to mend."""
    own = {"copier.yml": COPIER, "app.py.jinja": APP, "test_app.py": TESTS}
    room = workroom({**own, **files}, model)
    for size in (1, 3, 5, 7, 9):
        room.use(8, size=size, title="the ledger of lost umbrellas")
    for size in (2, 4, 6, 8):
        room.use(6, size=size)
    return room


def test_what_a_model_mends_is_a_candidate(workroom: OpenWorkroom) -> None:
    model = ScriptedModel(reply(MENDED))
    room = failing_room(workroom, model)
    made = room.candidates()
    (candidate,) = made.candidates
    assert (candidate.operator, candidate.description) == ("model", "Divides by the size.")
    assert (candidate.version, made.refused) == ("1.0.1", ())
    assert room.tried(candidate, size=3).verdict == "passed"
    assert room.tried(candidate, size=4).verdict == "passed"
    told = model.requests[0].messages[1].content
    assert "AssertionError" in told
    assert "assert share(2) == 5" in told
    assert "return 10 // (size - {{ size }} % 2)" in told


def test_a_model_is_not_told_of_what_is_sealed(workroom: OpenWorkroom) -> None:
    model = ScriptedModel(reply())
    room = failing_room(workroom, model)
    assert room.candidates().candidates == ()
    told = " ".join(each.content for each in model.requests[0].messages)
    sealed = [each for each in room.sealed() if "title" in each]
    assert sealed
    assert not any(f'"size": {each["size"]},' in told for each in sealed)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (reply({**MENDED, "path": "test_app.py"}), "none of its files"),
        (reply({**MENDED, "path": "no.py"}), "none of its files"),
        (reply({**MENDED, "path": "../../etc/passwd"}), "none of its files"),
        (reply({**MENDED, "search": "not there"}), "do not apply"),
        (reply({**MENDED, "search": "size"}), "do not apply"),
        (reply(*[MENDED] * 13), "too much for one"),
        (reply({**MENDED, "replace": "x" * 20_000}), "too much for one"),
        (reply({**MENDED, "replace": "{% if %}"}), "does not render"),
        (reply({**MENDED, "replace": "len('the ledger of lost umbrellas')"}), "by heart"),
        (
            reply(
                {"path": "copier.yml", "search": "test_app.py", "replace": "test_app.py || true"}
            ),
            "weakens the check 'runs'",
        ),
        (
            reply(
                {"path": "copier.yml", "search": "size: {", "replace": "_exclude: [t*]\nsize: {"}
            ),
            "makes 'test_app.py' no more",
        ),
    ],
)
def test_what_a_model_may_not_do_is_refused_and_counted(
    line: Line, why: str, workroom: OpenWorkroom
) -> None:
    made = failing_room(workroom, ScriptedModel(line)).candidates()
    assert made.candidates == ()
    assert [each.operator for each in made.refused] == ["model"]
    assert why in made.refused[0].reason


def test_a_reply_that_is_malformed_twice_is_refused(workroom: OpenWorkroom) -> None:
    made = failing_room(workroom, ScriptedModel("no", "{}")).candidates()
    assert made.candidates == ()
    assert "malformed" in made.refused[0].reason


def test_a_fault_that_no_operator_knows_is_mended_by_a_model_and_proven(
    workroom: OpenWorkroom,
) -> None:
    room = failing_room(workroom, ScriptedModel(reply(MENDED)))
    better = [each for each in room.improved().experiments if each.status == "waiting"]
    assert [each.candidate.operator for each in better] == ["model"]
    assert better[0].verdict is not None
    assert better[0].verdict.after == 1.0


SCRIPT = {
    "check.sh": "set -e\npython3 test_app.py\n",
    "copier.yml": COPIER.replace("run: python3 test_app.py", "run: sh check.sh"),
}


def test_a_model_does_not_edit_what_its_check_runs(workroom: OpenWorkroom) -> None:
    cheat = {"path": "check.sh", "search": "test_app.py", "replace": "--version"}
    made = failing_room(workroom, ScriptedModel(reply(cheat)), **SCRIPT).candidates()
    assert made.candidates == ()
    assert "edits 'check.sh', by which the check 'runs' goes" in made.refused[0].reason


def test_what_a_check_runs_is_not_edited_by_way_of_what_makes_it(workroom: OpenWorkroom) -> None:
    part = {"steps.txt": SCRIPT["check.sh"], "check.sh.jinja": "{% include 'steps.txt' %}"}
    cheat = {"path": "steps.txt", "search": "test_app.py", "replace": "--version"}
    files = {"copier.yml": SCRIPT["copier.yml"], **part}
    made = failing_room(workroom, ScriptedModel(reply(cheat)), **files).candidates()
    assert made.candidates == ()
    assert "edits 'check.sh', by which the check 'runs' goes" in made.refused[0].reason


def test_what_a_model_wrote_waits_for_a_person_however_automatic_all_is(
    workroom: OpenWorkroom,
) -> None:
    room = failing_room(workroom, ScriptedModel(reply(MENDED)))
    done = room.cultivar.improve(real=True, automatic=True)
    assert [each.status for each in done.experiments] == ["waiting"]
    assert (done.releases, room.tree.text("app.py.jinja")) == ((), APP)
    room.cultivar.approve(done.experiments[0].id, by="ada", real=True)
    assert "return 10 // size" in room.tree.text("app.py.jinja")


def test_a_fix_that_was_learned_from_a_model_s_draft_waits_for_a_person(
    workroom: OpenWorkroom,
) -> None:
    room = failing_room(workroom)
    head = "def share(size):\n"
    edit = Edit(path="app.py", search=head, replace=f"{head}    return 10 // size\n")
    room.learn(Fix(id="learned", description="no odd size is taken away", edits=(edit,)))
    done = room.cultivar.improve(real=True, automatic=True)
    found = {(each.candidate.operator, each.status) for each in done.experiments}
    assert (KNOWN_FIX, "waiting") in found
    assert (done.releases, room.tree.text("app.py.jinja")) == ((), APP)
