"""Candidates of tools that are refused before anything of them is run."""

from __future__ import annotations

import pytest

from cultivar.evals.trying.tool_uses import Described
from cultivar.evolution.operators.tools.admitting import weakened, why_not
from cultivar.tool import Case, Characteristics
from cultivar.tree import Entry, Tree, text_entry

SOURCE = """\
# /// script
# dependencies = [
#     "one",
# ]
# ///

from cultivar import Case, Characteristics, tool

CASES = (Case(input={"a": 417}, expected_output=1),)


@tool(Characteristics(idempotent=True), cases=CASES)
def acts(a: int, b: int = 1) -> int:
    return helps(a) / b


def helps(a):
    return a
"""
BEFORE = Tree({"acts.py": text_entry(SOURCE)})

REFUSED = [
    ("expected_output=1", "expected_output=2", "changes its own cases"),
    ("idempotent=True", "idempotent=True, safe_for_shadow_testing=True", "characteristics"),
    ("cases=CASES", "cases=()", "changes its own cases"),
    ("b: int = 1", "b: int = 2", "its parameters"),
    ("def acts(", "def acts(c, ", "its parameters"),
    ("def acts(", "def other(", "no function 'acts'"),
    ("return helps(a) / b", "return (", "does not parse"),
    ("# ]\n", '#     "another",\n# ]\n', "says it needs"),
    ("# ///\n\n", "# ///\n# ///\n\n", "says it needs"),
    ("return helps(a) / b", "return 1 if a == 417 else 2", "by heart"),
    ("    return a\n", "    return a\n\n\nCASES += ()\n", "changes its own cases"),
]


@pytest.mark.parametrize(("old", "new", "why"), REFUSED)
def test_what_a_tool_declares_is_not_a_candidates_to_change(old: str, new: str, why: str) -> None:
    after = Tree({"acts.py": text_entry(SOURCE.replace(old, new))})
    assert why in why_not("acts", BEFORE, after, [{"a": 417}])


@pytest.mark.parametrize(
    "entries",
    [
        {"acts.py": BEFORE["acts.py"], "other.py": text_entry("")},
        {"other.py": BEFORE["acts.py"]},
        {"acts.py": Entry(content=b"acts.py", mode="link")},
        {"acts.py": Entry(content=BEFORE["acts.py"].content, mode="executable")},
        {"acts.py": Entry(content=b"\xff")},
    ],
)
def test_a_candidate_is_one_file_of_the_same_kind(entries: dict[str, Entry]) -> None:
    assert why_not("acts", BEFORE, Tree(entries))


def test_bodies_and_helpers_may_change() -> None:
    changed = SOURCE.replace("return helps(a) / b", "return helps(a) / b if b else 0")
    after = Tree({"acts.py": text_entry(changed.replace("    return a\n", "    return int(a)\n"))})
    assert why_not("acts", BEFORE, after, [{"a": 417}]) == ""


def test_a_version_declares_no_less_where_it_runs() -> None:
    one, other = Case(input={"a": 1}, description="one"), Case(input={"a": 2}, should_raise="E")
    before = Described(cases=(one,))
    assert weakened(before, Described(cases=(other, one))) == ""
    assert "'one'" in weakened(before, Described(cases=(other,)))
    like = Described(characteristics=Characteristics(idempotent=True), cases=(one,))
    assert "like something else" in weakened(before, like)
