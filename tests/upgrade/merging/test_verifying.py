from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.verifying import lost_lines, verify

LINES = st.lists(
    st.sampled_from(["import os\n", "x = os.name\n", "<<<<<<< a\n", "=======\n", "(\n", ")\n"]),
    max_size=6,
).map("".join)
NAMES = st.sampled_from(["a.py", "a.json", "a.toml", "a.yaml", "setup.cfg", "Makefile"])


def texts(path: str, *, base: str = "", ours: str = "", theirs: str = "") -> Texts:
    return Texts(path=path, base=base, ours=ours, theirs=theirs)


@settings(deadline=None)
@given(path=NAMES, base=LINES, ours=LINES, theirs=LINES)
def test_each_side_holds_as_it_is(path: str, base: str, ours: str, theirs: str) -> None:
    merged = texts(path, base=base, ours=ours, theirs=theirs)
    assert verify(merged, ours) == ""
    assert verify(merged, theirs) == ""


@pytest.mark.parametrize("marker", ["<<<<<<< ours", "||||||| base", "=======", ">>>>>>> theirs"])
def test_a_marker_that_is_left_is_found(marker: str) -> None:
    assert marker in verify(texts("notes.txt", ours="a\n", theirs="b\n"), f"a\n{marker}\nb\n")


def test_an_underlined_title_of_a_side_is_no_marker() -> None:
    title = "Changes\n=======\n"
    assert verify(texts("notes.rst", ours=title, theirs="b\n"), f"{title}b\n") == ""


@pytest.mark.parametrize(
    ("path", "whole", "broken"),
    [
        ("a.py", "x = 1\n", "x = (\n"),
        ("a.json", "{}", "{"),
        ("a.toml", "a = 1\n", "a = \n"),
        ("a.yml", "a: 1\n", "a: [\n"),
        ("tox.ini", "[a]\nb = 1\n", "[a]\nb = 1\n[a]\nb = 1\n"),
        ("Makefile", "a: $(B)\n", "a: $(B\n"),
        ("notes.md", "`a`\n", "`a\n"),
        ("a.json", '{"a": 1}', '{"a": 1, "a": 2}'),
        ("a.yaml", "a: 1\n", "a: 1\nb: 2\na: 1\n"),
        ("a.yaml", "- a: 1\n", "- {a: 1, a: 1}\n"),
    ],
)
def test_a_merge_may_not_break_what_is_whole_on_both_sides(
    path: str, whole: str, broken: str
) -> None:
    assert verify(texts(path, ours=whole, theirs=whole), broken)
    assert not verify(texts(path, ours=broken, theirs=whole), broken)
    assert not verify(texts(path, ours=whole, theirs=broken), broken)


@pytest.mark.parametrize(
    ("ours", "theirs", "merged", "named"),
    [
        ("import os\nos.sep\n", "1\n", "os.sep\n", "`os`"),
        (
            "import os\ndef f():\n    return os.sep\n",
            "1\n",
            "def f():\n    return os.sep\n",
            "`os`",
        ),
        ("def f(): ...\nf()\n", "1\n", "f()\n", "`f`"),
        ("from a import B\nx: 'B | None'\n", "1\n", "x: 'B | None'\n", "`B`"),
        ("import a.b\na.b.c()\n", "import a.d\n", "import a.d\na.b.c()\n", "`a.b`"),
        ("__all__ = ['f']\ndef f(): ...\n", "1\n", "__all__ = ['f']\n", "`f`"),
        (
            "class A:\n    def f(self): ...\n    def g(self): self.f()\n",
            "1\n",
            "class A:\n    def g(self): self.f()\n",
            "`A.f`",
        ),
        ("import os\n", "import os\n", "import os\nimport os\n", "`os`"),
        ("def f(): ...\n", "def f(): ...\n", "def f(): ...\ndef f(): ...\n", "`f`"),
        ("x = 1\n", "x = 2\n", "x = 1\nx = 2\n", "`x`"),
        ("class A:\n    x = 1\n", "1\n", "class A:\n    x = 1\n    x = 1\n", "`A.x`"),
    ],
)
def test_what_a_module_lost_or_has_twice_is_named(
    ours: str, theirs: str, merged: str, named: str
) -> None:
    assert named in verify(texts("a.py", ours=ours, theirs=theirs), merged)


@pytest.mark.parametrize(
    ("ours", "merged"),
    [
        ("x = undefined\n", "x = undefined\n"),
        ("from a import *\nf()\n", "from a import *\nf()\ng()\n"),
        ("import os\n", "x = len(())\n"),
        ("import os\ndef f(os): return os\n", "def f(os): return os\n"),
        ("def f():\n    global x\n    x = 1\nprint(x)\n", "def f():\n    global x\n    x = 1\nx\n"),
        (
            "__all__ = ['f']\ndef __getattr__(n): ...\n",
            "__all__ = ['f']\ndef __getattr__(n): ...\n",
        ),
        (
            "class A:\n    @property\n    def f(self): ...\n    @f.setter\n    def f(self, v): 0\n",
            "class A:\n    @property\n    def f(self): ...\n    @f.setter\n    def f(self, v): 1\n",
        ),
        (
            "from typing import Literal\nx: Literal['a b']\n",
            "from typing import Literal\nx = 'a b'\n",
        ),
    ],
)
def test_what_was_so_before_or_needs_no_import_is_no_fault(ours: str, merged: str) -> None:
    assert verify(texts("a.py", ours=ours, theirs="1\n"), merged) == ""


def test_a_module_of_a_newer_language_is_not_judged() -> None:
    newer = "type A = int\nmatch = (\n"
    assert verify(texts("a.py", ours=newer, theirs=newer), "x = y\n") == ""


def test_the_lines_that_only_the_person_has_are_counted() -> None:
    merged = texts("a.txt", base="a\n", ours="a\n  b\nb\nc\n", theirs="a\nd\n")
    assert lost_lines(merged, "a\nb\nc\nd\n") == ("b",)
    assert lost_lines(merged, "a\nb\nb\nc\n") == ()
