"""What ails checks: a package that is out of reach, and steps that only take time."""

from __future__ import annotations

import pytest

from cultivar.evolution.operators.templates.commands import lost, needed, steps_of
from cultivar.evolution.operators.templates.configuring import with_command, with_requirement
from cultivar.templating.reading.loading import parse_template
from cultivar.testing.workrooms import OpenWorkroom
from cultivar.tree import Tree, text_entry

COPIER = """\
name: {{type: str, default: counter}}
_cultivar:
  id: test:service
  version: 1.0.0
  checks:
    - name: runs  # by hand, too
      run: {run}
      timeout: {timeout}
      required: true
"""


def test_a_check_that_idles_and_does_all_twice_does_it_once(workroom: OpenWorkroom) -> None:
    run = "sleep 20 && python3 app.py && python3 app.py"
    room = workroom({"copier.yml": COPIER.format(run=run, timeout=2), "app.py": "print(1)\n"})
    room.use(15)
    room.use(15, name="other")
    made = room.candidates()
    first = made.candidates[0]
    assert (first.operator, made.refused) == ("fewer-steps", ())
    assert '- name: runs  # by hand, too\n      run: "python3 app.py"\n' in room.text(
        first, "copier.yml"
    )
    assert room.tried(first).verdict == "passed"


def test_a_check_gets_a_package_that_the_project_says_it_needs(workroom: OpenWorkroom) -> None:
    files = {
        "copier.yml": COPIER.format(run="python3 app.py", timeout=20),
        "app.py": "import yaml_of_nobody\n",
        "requirements.txt": "yaml-of-nobody>=2  # what it is made of\n",
    }
    room = workroom(files)
    room.use(15)
    room.use(15, name="other")
    first = room.candidates().candidates[0]
    assert first.operator == "requirement"
    assert 'requires: ["yaml-of-nobody>=2"]' in room.text(first, "copier.yml")
    assert parse_template(room.bench.content.tree(first.tree_hash), origin="x").requires == (
        "yaml-of-nobody>=2",
    )


def test_a_package_that_nobody_names_is_not_guessed(workroom: OpenWorkroom) -> None:
    room = workroom(
        {
            "copier.yml": COPIER.format(run="python3 app.py", timeout=20),
            "app.py": "import yaml_of_nobody\n",
            "requirements.txt": "yaml-of-nobody @ https://example.com/evil.whl\n",
        }
    )
    room.use(15)
    room.use(15, name="other")
    assert room.candidates().candidates == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("requires: [a]", 'requires: ["b", a]'),
        ("requires: []", 'requires: ["b"]'),
        ("requires:\n    - a  # why\n", 'requires:\n    - "b"\n    - a  # why\n'),
        ("version: 1.0.0", 'requires: ["b"]\n  version: 1.0.0'),
    ],
)
def test_a_requirement_comes_to_those_that_are_there(before: str, after: str) -> None:
    tree = Tree({"copier.yml": text_entry(f"_cultivar:\n  {before}")})
    made = with_requirement(tree, "b")
    assert made is not None
    assert made.text("copier.yml") == f"_cultivar:\n  {after}"


def test_a_command_of_many_lines_becomes_one() -> None:
    text = "_cultivar:\n  checks:\n    - name: x\n      run: |\n        a\n      required: true\n"
    made = with_command(Tree({"copier.yml": text_entry(text)}), "x", "b")
    assert made is not None
    (check,) = parse_template(made, origin="x").checks
    assert (check.run, check.required) == ("b", True)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("a && a", ("a",)),
        ("sleep 1 && a && sleep 2 && a", ("a",)),
        ("a && b && a", ("a", "b", "a")),
        ("a || sleep 1 && a", ("a || sleep 1 && a",)),
        ("a; a", ("a; a",)),
        ("echo 'a && a'", ("echo 'a && a'",)),
    ],
)
def test_only_what_says_nothing_more_may_go(command: str, wanted: tuple[str, ...]) -> None:
    assert needed(steps_of(command)) == wanted
    assert lost(command, " && ".join(wanted)) == ""


def test_a_step_that_says_something_must_stay() -> None:
    assert lost("a && b", "a") == "b"
    assert lost("a && b", "b && a") == "b"
