"""What versions are called, and how a template is given its number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from cultivar.errors import TemplateError
from cultivar.evolution.artifacts.numbers import next_version, numbered, raised, version_in
from cultivar.testing.artifacts import CALCULATOR, TEMPLATE
from cultivar.tree import Tree, text_entry

PARTS = st.lists(st.integers(min_value=0, max_value=99), min_size=1, max_size=4)
ENDS = st.sampled_from(["", "", "a1", "rc2", ".post3", ".dev4", "+local"])


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Any version."""
    return ".".join(map(str, draw(PARTS))) + draw(ENDS)


def template(text: str, **more: str) -> Tree:
    return Tree({"copier.yml": text_entry(text), **{k: text_entry(v) for k, v in more.items()}})


@given(known=st.lists(numbers(), max_size=5))
def test_the_next_number_is_newer_than_all_that_are_known(known: list[str]) -> None:
    assert all(Version(next_version(known)) > Version(each) for each in known)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], "0.0.1"),
        (["1.0.0"], "1.0.1"),
        (["1.2", "1.0.9"], "1.2.1"),
        (["2.0.0rc1"], "2.0.0rc2"),
        (["1!1.0.0"], "1!1.0.1"),
        (["no number", "39b7505"], "0.0.1"),
    ],
)
def test_the_next_number_is_the_next_patch(known: list[str], expected: str) -> None:
    assert next_version(known) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("_cultivar:\n  version: 1.0.0  # ours\n", "_cultivar:\n  version: 1.0.1  # ours\n"),
        ("_cultivar:\n    version: '1.0.0'\n", "_cultivar:\n    version: '1.0.1'\n"),
        ('_cultivar: {id: "a:b", version: "1.0.0"}', '_cultivar: {id: "a:b", version: "1.0.1"}'),
        ("# first\n_cultivar:\n  id: a:b\n", "# first\n_cultivar:\n  version: 1.0.1\n  id: a:b\n"),
        ("_cultivar: {id: a}\n", "_cultivar: {version: 1.0.1, id: a}\n"),
        ("name: x", "name: x\n_cultivar:\n  version: 1.0.1\n"),
        ("", "_cultivar:\n  version: 1.0.1\n"),
        ("_cultivar: {}\nname: é\n", "_cultivar:\n  version: 1.0.1\nname: é\n"),
        ("name: é😀\n_cultivar:\n  version: 1.0.0\n", "name: é😀\n_cultivar:\n  version: 1.0.1\n"),
        ("_cultivar:\r\n  version: 1.0.0\r\n", "_cultivar:\r\n  version: 1.0.1\r\n"),
        ("a: 1\n---\n_cultivar:\n  version: 1.0.0\n", "a: 1\n---\n_cultivar:\n  version: 1.0.1\n"),
    ],
)
def test_only_the_number_changes(before: str, after: str) -> None:
    made = raised(template(before), "1.0.1")
    assert made.text("copier.yml") == after
    assert version_in(made) == "1.0.1"


def test_a_number_in_an_included_file_changes_there() -> None:
    tree = template("!include ours.yml\n", **{"ours.yml": "_cultivar:\n  version: 1.0.0\n"})
    made = raised(tree, "1.0.1")
    assert made.text("ours.yml") == "_cultivar:\n  version: 1.0.1\n"
    assert made["copier.yml"] == tree["copier.yml"]


@pytest.mark.parametrize(
    "text",
    ["name: [\n", "_cultivar: text\n", "a: &x {version: 1.0.0}\n_cultivar: *x\nb: {default: *x}\n"],
)
def test_a_number_that_cannot_be_told_apart_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        raised(template(text), "1.0.1")


def test_the_number_of_a_tool_is_in_the_record_alone() -> None:
    tree = Tree({"calculator.py": text_entry("version = 1\n")})
    assert numbered(CALCULATOR, tree, ["1.0.0"]) == (tree, "1.0.1")


def test_a_template_has_its_number_in_its_file() -> None:
    tree, number = numbered(
        TEMPLATE, template("_cultivar:\n  version: 1.0.0\n"), ["1.0.0", "1.4.0"]
    )
    assert (number, version_in(tree)) == ("1.4.1", "1.4.1")
