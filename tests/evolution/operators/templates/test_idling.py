"""Scripts of a check that only wait: the line goes from the template, where trials allow it."""

from __future__ import annotations

import pytest

from cultivar.evolution.operators.templates.idling import Idle
from cultivar.testing.workrooms import OpenWorkroom
from cultivar.tree import Tree, text_entry

COPIER = """\
server: false
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: sh check.sh, timeout: 1, required: true}]
"""
CHECK = """\
set -e
{% if server %}
sleep 20 # until it is up
{% endif %}
test -s app.py
"""


def test_a_wait_under_one_option_goes_from_the_script_of_the_check(workroom: OpenWorkroom) -> None:
    room = workroom({"copier.yml": COPIER, "check.sh.jinja": CHECK, "app.py": "print(1)\n"})
    room.use(10)
    room.use(10, server=False)
    room.use(15, server=True)
    first = room.candidates().candidates[0]
    assert first.operator == "no-wait"
    assert first.description == (
        "The template has no `sleep 20` in what its check 'runs' runs, which took too long."
    )
    text = room.text(first, "check.sh.jinja")
    assert "sleep" not in text
    assert text.endswith("test -s app.py\n")
    assert room.tried(first, server=True).verdict == "passed"


def test_a_wait_for_something_that_comes_is_no_candidate_that_passes(
    workroom: OpenWorkroom,
) -> None:
    slowly = "(sleep 0.2; echo > there) &\nsleep 20\ntest -e there\n"
    room = workroom({"copier.yml": COPIER, "check.sh.jinja": slowly})
    room.use(15)
    room.use(15, server=True)
    made = room.candidates().candidates
    assert {each.operator for each in made} == {"no-wait"}
    assert room.tried(made[0]).verdict == "failed"


@pytest.mark.parametrize(
    ("command", "path", "text", "left"),
    [
        ("sh check.sh", "check.sh", "a\nsleep 2m\nb\n", "a\nb\n"),
        ("bash ./check.sh -v", "check.sh", "  sleep 0.5 # wait\nb\n", "b\n"),
        ("set -e; ./ci/check.sh", "ci/check.sh", "sleep 1\nb\n", "b\n"),
        ("make check", "Makefile", "check:\n\t@sleep 1\n\tb\n", "check:\n\tb\n"),
    ],
)
def test_lines_that_only_wait_are_found_in_what_a_command_names(
    command: str, path: str, text: str, left: str
) -> None:
    made = Idle(command=command).left_out(Tree({path: text_entry(text)}))
    assert made is not None
    assert made.text(path) == left


@pytest.mark.parametrize(
    ("command", "path", "text"),
    [
        ("sh check.sh", "other.sh", "sleep 1\n"),
        ("sh check.sh", "check.sh", "sleep 1 && test -e x\n"),
        ("sh check.sh", "check.sh", "echo sleep 1\n"),
        ("sh check.sh", "check.sh", "# sleep 1\n"),
        ("cmake .", "Makefile", "check:\n\tsleep 1\n"),
    ],
)
def test_all_else_stays(command: str, path: str, text: str) -> None:
    assert Idle(command=command).left_out(Tree({path: text_entry(text)})) is None
