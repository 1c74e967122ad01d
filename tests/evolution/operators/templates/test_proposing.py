"""What is proposed for a template: how much, in which order, and never twice."""

from __future__ import annotations

from cultivar.evolution.operators.templates.proposing import template_candidates
from cultivar.record import replace
from cultivar.testing.workrooms import OpenWorkroom, Workroom

COPIER = """\
name: {type: str, default: counter}
retries: 0  # none
_cultivar:
  id: test:service
  version: 2.3.4  # by hand
  checks: [{name: runs, run: python3 app.py, required: true}]
"""
APP = 'NAME = "{{ name }}"\nprint(1 / {{ retries }})\n'


def failing_room(workroom: OpenWorkroom) -> Workroom:
    """A template whose default fails, and whose other answers work."""
    room = workroom({"copier.yml": COPIER, "app.py.jinja": APP})
    for name in ("one", "two", "three", "four"):
        room.use(12, name=name)
        room.use(4, name=name, retries=3)
        room.use(3, name=name, retries=5)
    return room


def test_a_default_that_fails_becomes_what_worked_most_often(workroom: OpenWorkroom) -> None:
    room = failing_room(workroom)
    made = room.candidates().candidates
    assert [each.version for each in made] == ["2.3.5", "2.3.5"]
    assert "retries:\n  type: int\n  default: 3  # none\n" in room.text(made[0], "copier.yml")
    assert "version: 2.3.5  # by hand" in room.text(made[0], "copier.yml")
    assert "default: 5" in room.text(made[1], "copier.yml")
    assert room.tried(made[0], name="one").verdict == "passed"
    assert made[0].parent == room.tree.hash


def test_no_more_is_made_than_was_asked_for(workroom: OpenWorkroom) -> None:
    room = failing_room(workroom)
    order = replace(room.order(), most=1)
    assert len(template_candidates(order, room.bench).candidates) == 1


def test_what_was_tried_is_not_made_again(workroom: OpenWorkroom) -> None:
    room = failing_room(workroom)
    order = room.order()
    first, second = (each.tree_hash for each in template_candidates(order, room.bench).candidates)
    again = template_candidates(replace(order, tried=(first,)), room.bench)
    assert [each.tree_hash for each in again.candidates] == [second]
    assert again.refused == ()


def test_the_same_history_makes_the_same_candidates(workroom: OpenWorkroom) -> None:
    room = failing_room(workroom)
    order = room.order()
    made = [template_candidates(order, room.bench) for _ in range(2)]
    assert made[0] == made[1]
