"""A template with two faults: each is found, mended and proven, one on top of the other."""

from __future__ import annotations

from cultivar.testing.workrooms import OpenWorkroom

COPIER = """\
# What is asked
store:
  type: str
  choices: [memory, disk]
  default: memory
mode:
  type: str
  choices: [thread, async]
  default: thread
stats: false  # numbers at the end
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
{% if stats %}
print(json.dumps({"store": STORE}))
{% endif %}
"""


def test_two_faults_are_mended_without_a_model(workroom: OpenWorkroom) -> None:
    room = workroom({"copier.yml": COPIER, "app.py.jinja": APP})
    for mode in ("thread", "async"):
        room.use(16, store="memory", mode=mode)
        room.use(5, store="memory", mode=mode, stats=True)
        room.use(12, store="disk", mode="async")
    room.use(14, store="disk")
    room.use(6, store="disk", mode="async", stats=True)
    better = [each for each in room.improved().experiments if each.status == "waiting"]
    assert [each.candidate.operator for each in better] == ["import", "default"]
    last = better[-1]
    assert last.candidate.parent == better[0].candidate.tree_hash
    assert room.tried(last.candidate, store="disk").verdict == "passed"
    assert room.tried(last.candidate, stats=True).verdict == "passed"
    assert room.tree.text("copier.yml") == COPIER


TWICE = """\
name: {type: str, default: counter}
_cultivar:
  id: test:service
  version: 1.0.0
  checks:
    - {name: runs, run: python3 app.py, required: true}
    - {name: kind, run: "! grep rude app.py", fix: "sed -i s/rude/kind/ app.py", required: true}
"""


def test_what_a_check_names_as_its_fix_is_made_in_the_template(workroom: OpenWorkroom) -> None:
    app = 'NAME = "{{ name }} is rude to {{ name }}"\n'
    room = workroom({"copier.yml": TWICE, "app.py.jinja": app})
    for name in ("one", "two", "three"):
        room.use(10, name=name)
    first = room.candidates().candidates[0]
    assert first.operator == "check-fix"
    assert room.text(first, "app.py.jinja") == app.replace("rude", "kind")
    assert room.tried(first, name="rudolf").verdict == "passed"


def test_uses_that_fail_for_two_reasons_at_once_take_both_changes(workroom: OpenWorkroom) -> None:
    app = 'print(json.dumps("{{ name }}"))\nTONE = "rude"\n'
    room = workroom({"copier.yml": TWICE, "app.py.jinja": app})
    for name in ("one", "two", "three", "four", "five"):
        room.use(6, name=name)
    tried = room.improved().experiments
    better = [each for each in tried if each.status == "waiting"]
    assert [each.candidate.operator for each in better] == ["merge"]
    assert {"import", "check-fix"} <= {each.candidate.operator for each in tried}
    assert room.tried(better[0].candidate, name="any").verdict == "passed"
