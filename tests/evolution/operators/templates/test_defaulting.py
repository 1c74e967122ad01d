"""Bad combinations of answers: which are mended by another default, and which are left alone."""

from __future__ import annotations

from cultivar.testing.workrooms import OpenWorkroom

COPIER = """\
# What is asked
store:  # where it is kept
  type: str
  choices: [memory, disk]
  default: memory
mode:
  type: str
  choices: [thread, async]
  default: thread  # the usual one
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: python3 app.py, required: true}]
"""
APP = """\
STORE = "{{ store }}"
MODE = "{{ mode }}"
if (STORE, MODE) == ("disk", "thread"):
    raise RuntimeError("disk takes async")
"""


def test_a_default_that_goes_badly_with_another_answer_is_another_one_with_it(
    workroom: OpenWorkroom,
) -> None:
    room = workroom({"copier.yml": COPIER, "app.py.jinja": APP})
    room.use(30)
    room.use(15, mode="async")
    room.use(30, store="disk", mode="async")
    room.use(40, store="disk")
    made = room.candidates()
    first = made.candidates[0]
    assert (first.operator, first.version, made.refused) == ("default", "1.0.1", ())
    text = room.text(first, "copier.yml")
    assert "default: \"{% if store == 'disk' %}async{% else %}thread{% endif %}\"" in text
    assert "# What is asked" in text
    assert "# the usual one" in text
    assert room.tried(first, store="disk").verdict == "passed"
    assert room.tried(first).verdict == "passed"


def test_no_default_changes_what_is_asked_for(workroom: OpenWorkroom) -> None:
    room = workroom({"copier.yml": COPIER, "app.py.jinja": APP})
    for mode in ("thread", "async"):
        room.use(20, store="memory", mode=mode)
    room.use(30, store="disk", mode="async")
    room.use(40, store="disk", mode="thread")
    made = room.candidates()
    assert [each.operator for each in made.candidates] == ["validator"]


def test_a_template_that_runs_code_of_its_own_is_left_to_people(workroom: OpenWorkroom) -> None:
    room = workroom({"copier.yml": f'_tasks: ["true"]\n{COPIER}', "app.py.jinja": APP})
    room.use(30, store="disk")
    made = room.candidates()
    assert made.candidates == ()
    assert "code of its own (tasks)" in made.refused[0].reason


def test_a_default_that_hardly_anybody_changes_is_suspected_with_what_was_asked_for(
    workroom: OpenWorkroom,
) -> None:
    room = workroom({"copier.yml": COPIER, "app.py.jinja": APP})
    room.use(40)
    room.use(10, mode="async")
    room.use(30, store="disk")
    room.use(1, store="disk", mode="async")
    (first, *_) = room.candidates().candidates
    assert first.description == (
        "The default of `mode` is 'async' where `store == 'disk'`; 'thread' fails."
    )
    assert room.tried(first, store="disk").verdict == "passed"


def test_a_default_that_worked_beside_the_same_answer_is_not_suspected(
    workroom: OpenWorkroom,
) -> None:
    app = 'if "{{ store }}" == "disk" and {{ number }} % 2:\n    raise RuntimeError("odd")\n'
    copier = COPIER.replace("_cultivar", "number: 1\n_cultivar")
    room = workroom({"copier.yml": copier, "app.py.jinja": app})
    room.use(40)
    for number in (1, 3, 5, 7, 9):
        room.use(4, store="disk", number=number)
    for number in (2, 4, 6, 8):
        room.use(1, store="disk", number=number)
    assert [each for each in room.candidates().candidates if "`mode`" in each.description] == []
