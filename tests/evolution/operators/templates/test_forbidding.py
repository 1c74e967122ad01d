"""Combinations that are asked for and never work: a validator says so, and what to choose."""

from __future__ import annotations

import itertools

from cultivar.testing.workrooms import OpenWorkroom, Workroom

COPIER = """\
store:
  type: str
  choices: [memory, disk]
  default: memory
mode:
  type: str
  choices: [thread, async]
  default: async
size:
  type: int
  choices: [1, 2, 3, 4]
  default: 1
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: python3 app.py, required: true}]
"""
APP = """\
if ("{{ store }}", "{{ mode }}") == ("disk", "thread"):
    raise RuntimeError("disk takes async")
"""
SAID = "`mode` thread does not work with `store` disk"


def used_room(workroom: OpenWorkroom, app: str = APP) -> Workroom:
    """A template of which many users asked for what does not go together."""
    room = workroom({"copier.yml": COPIER, "app.py.jinja": app})
    kinds = itertools.product(("memory", "disk"), ("thread", "async"), range(1, 5))
    for store, mode, size in kinds:
        bad = (store, mode) == ("disk", "thread")
        room.use(8 if bad else 4, store=store, mode=mode, size=size)
    return room


def test_what_never_works_is_refused_with_a_word_on_what_does(workroom: OpenWorkroom) -> None:
    room = used_room(workroom)
    (better,) = [each for each in room.improved().experiments if each.status == "waiting"]
    assert better.candidate.operator == "validator"
    assert better.candidate.description == f"{SAID}, and who asks for it is told so."
    assert better.verdict is not None
    assert (better.verdict.wins, better.verdict.losses) == (0, 0)
    assert (better.verdict.before, better.verdict.after) == (1.0, 1.0)
    assert better.verdict.numbers["refused"] >= 4
    refused = room.tried(better.candidate, store="disk", mode="thread", size=1)
    assert (refused.verdict, refused.refused) == ("failed", True)
    assert f"{SAID}; choose async." in refused.output
    assert room.tried(better.candidate, store="disk", size=1).verdict == "passed"
    assert room.tried(better.candidate, store="memory", mode="thread").verdict == "passed"


def test_what_worked_once_is_not_refused(workroom: OpenWorkroom) -> None:
    app = APP.replace(":\n", " and {{ size }} != 4:\n", 1)
    room = used_room(workroom, app)
    assert [each.operator for each in room.candidates().candidates] == []


def test_what_a_default_leads_to_is_not_refused(workroom: OpenWorkroom) -> None:
    room = workroom(
        {"copier.yml": COPIER.replace("default: async", "default: thread"), "app.py.jinja": APP}
    )
    for size in range(1, 5):
        room.use(8, store="disk", size=size)
        room.use(8, store="disk", mode="async", size=size)
        room.use(8, mode="async", size=size)
    made = room.candidates().candidates
    assert made
    assert {each.operator for each in made} <= {"default", "merge"}
