from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.code.resolving import resolve
from cultivar.upgrade.merging.verifying import lost_lines, verify

STATEMENTS = st.sampled_from(
    [
        '"""A module."""\n',
        "from __future__ import annotations\n",
        "import os\n",
        "import sys\n",
        "from a import b\n",
        "from a import b, c\n",
        "\n# a comment\nx = 1\n",
        "x = 2  # two\n",
        "\n\ndef f():\n    return 1\n",
        "\n\ndef f(a):\n    return a\n    # the end\n",
        "\n\n@deco\ndef g():\n    pass\n\n",
        "\n\nclass A:\n    def f(self):\n        return 1\n",
        "\n\nclass A:\n    y = 1\n\n    def f(self):\n        return 2\n\n    # last\n",
        "if TYPE_CHECKING:\n    import re\n",
        "if TYPE_CHECKING:\n    import re\n    import io\n",
        "f(); g()\n",
        "print(x)\n",
    ]
)
MODULES = st.lists(STATEMENTS, max_size=6).map("".join)
law = settings(deadline=None)
TEXTS = st.text("ab \n", max_size=30)


def texts(base: str, ours: str, theirs: str, path: str = "a.py") -> Texts:
    return Texts(path=path, base=base, ours=ours, theirs=theirs)


def merged(base: str, ours: str, theirs: str, path: str = "a.py") -> str | None:
    resolution = resolve(texts(base, ours, theirs, path))
    return resolution.text if resolution else None


@law
@given(base=MODULES, side=MODULES)
def test_a_module_that_one_side_changed_is_that_sides(base: str, side: str) -> None:
    assert merged(base, side, base) == side
    assert merged(base, base, side) == side
    assert merged(base, side, side) == side


@law
@given(base=TEXTS, side=TEXTS, path=st.sampled_from(["a.md", "Makefile", "a.py"]))
def test_a_text_that_one_side_changed_is_that_sides(base: str, side: str, path: str) -> None:
    assert merged(base, side, base, path) == side
    assert merged(base, base, side, path) == side
    assert merged(base, side, side, path) == side


@law
@given(base=MODULES, ours=MODULES, theirs=MODULES)
def test_what_holds_parses_and_has_every_line_of_the_persons(
    base: str, ours: str, theirs: str
) -> None:
    result = merged(base, ours, theirs)
    if result is not None and not verify(texts(base, ours, theirs), result):
        ast.parse(result)
        # names of one `from` may share a line
        lost = [
            line for line in lost_lines(texts(base, ours, theirs), result) if line[:5] != "from "
        ]
        assert not lost


@law
@given(
    names=st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=2, max_size=8),
    data=st.data(),
)
def test_edits_of_different_functions_are_both_made(names: list[str], data: st.DataObject) -> None:
    def module(edits: set[str]) -> str:
        bodies = {name: f"{name}{name}" if name in edits else name for name in names}
        return "".join(f"def {name}(): return '{body}'\n" for name, body in bodies.items())

    by_us = data.draw(st.sets(st.sampled_from(names)))
    by_them = data.draw(st.sets(st.sampled_from(names))) - by_us
    assert merged(module(set()), module(by_us), module(by_them)) == module(by_us | by_them)


@law
@given(
    ours=st.sets(st.sampled_from("abcd")),
    theirs=st.sets(st.sampled_from("efgh")),
    end=st.booleans(),
)
def test_functions_that_both_added_at_one_place_are_both_there(
    ours: set[str], theirs: set[str], end: bool
) -> None:
    def module(names: set[str]) -> str:
        added = "".join(f"\n\ndef {name}():\n    pass\n" for name in sorted(names))
        return f"import os\n{added}" + ("" if end else "\n\nprint(os)\n")

    assert merged(module(set()), module(ours), module(theirs)) == module(ours | theirs)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        pytest.param(
            "from a import b\n",
            "from a import b, d\n",
            "from a import b, c\n",
            "from a import b, c, d\n",
            id="names of one import",
        ),
        pytest.param(
            "from a import (\n    b,\n)\n",
            "from a import (\n    b,\n    d,\n)\n",
            "from a import (\n    b,\n    c,  # see\n)\n",
            None,
            id="a comment beside a name",
        ),
        pytest.param(
            "from a import (\n    b,\n)\n",
            "from a import (\n    b,\n    d,\n)\n",
            "from a import (\n    b,\n    c,\n)\n",
            "from a import (\n    b,\n    c,\n    d,\n)\n",
            id="names below one another",
        ),
        pytest.param(
            "from a import b\n",
            "from a import b, " + "x" * 70 + "\n",
            "from a import b, c\n",
            "from a import (\n    b,\n    c,\n    " + "x" * 70 + ",\n)\n",
            id="a line that gets too long is broken up",
        ),
        pytest.param(
            "from a import b, c\n",
            "from a import b, c, d\n",
            "from a import b\n",
            None,
            id="names came and went",
        ),
        pytest.param(
            "from typing import List, Optional\nx = 1\n",
            "from typing import Optional\nx = 1\n",
            "x = 1\n",
            "x = 1\n",
            id="one dropped more names than the other",
        ),
        pytest.param(
            "import a\n",
            "import a\nimport os\nfrom re import sub\n",
            "import a\nimport pathlib\n",
            "import a\nimport os\nimport pathlib\nfrom re import sub\n",
            id="imports go where they belong",
        ),
        pytest.param(
            "x = 1\n",
            "import b\n\nx = 1\n",
            "import os\n\nx = 1\n",
            "import os\n\nimport b\n\nx = 1\n",
            id="imports of two sections",
        ),
        pytest.param(
            "import os\n\n\ndef f():\n    return os\n",
            "import os\nimport re\n\n\ndef f():\n    return os\n\n\ndef g():\n    return os, re\n",
            "",
            "import os\nimport re\n\n\ndef g():\n    return os, re\n",
            id="an import stays while it is needed",
        ),
        pytest.param(
            "import os\n\n\ndef f():\n    return os\n",
            "import os\n\n\ndef f():\n    return os.sep\n",
            "",
            None,
            id="changed here and deleted there",
        ),
        pytest.param(
            "class A:\n    def f(self):\n        return 1\n",
            "class A:\n    def f(self):\n        return 2\n\n    def g(self):\n        return 1\n",
            "class A:\n    def f(self):\n        return 1\n\n    def h(self):\n        return 1\n",
            "class A:\n    def f(self):\n        return 2\n\n    def g(self):\n        return 1\n\n"
            "    def h(self):\n        return 1\n",
            id="methods of one class",
        ),
        pytest.param(
            "x = 1\n",
            "import os\nx = os\n",
            '"""Doc."""\n\nx = 1\n',
            '"""Doc."""\n\nimport os\nx = os\n',
            id="a docstring comes first",
        ),
        pytest.param(
            "import a\n\n\ndef f(): 1\n",
            "import a\n",
            "import a\n\nx = 1\n\n\ndef f(): 1\n",
            "import a\n\nx = 1\n",
            id="deleted below what was added",
        ),
        pytest.param(
            "import a\nrun(a)\n",
            "import a\n",
            "import a\nrun(a, 1)\n",
            None,
            id="a call changed and deleted",
        ),
        pytest.param(
            "# License\n\nimport a\nx = 1\n",
            "# License\n\nimport a\nx = 2\n",
            "# License\n\nx = 1\n",
            "# License\n\nx = 2\n",
            id="the head of the file stays",
        ),
        pytest.param(
            "import b\n\nfrom own import a\n",
            "import b\n\nfrom own import a\nfrom own.x import c\n",
            "import b\nimport z\n\nfrom own import a\nfrom own.y import d\n",
            "import b\nimport z\n\nfrom own import a\nfrom own.x import c\nfrom own.y import d\n",
            id="own packages are a section",
        ),
        pytest.param(
            "from a import ZZ, Aa, b\n",
            "from a import YY, ZZ, Aa, b\n",
            "from a import ZZ, Aa, Bb, b\n",
            "from a import YY, ZZ, Aa, Bb, b\n",
            id="constants first",
        ),
        pytest.param(
            "from a import D, b\n",
            "from a import AB, D, b\n",
            "from a import D, EF, b\n",
            "from a import AB, D, EF, b\n",
            id="names in the order of their characters",
        ),
        pytest.param(
            "from a import d, Ab, c\n",
            "from a import d, Ab, c, b\n",
            "from a import a, d, Ab, c\n",
            "from a import d, Ab, c, b, a\n",
            id="names in no order",
        ),
        pytest.param(
            "from a import (b,\n  c)\n",
            "from a import (b,\n  c, d)\n",
            "from a import (b,\n  c, e)\n",
            None,
            id="names in a rare form",
        ),
        pytest.param(
            "from . import a\nfrom .b import c\n",
            "import os\n\nfrom . import a\nfrom .b import c, d\n",
            "from . import a\nfrom .b import c, e\n",
            "import os\n\nfrom . import a\nfrom .b import c, d, e\n",
            id="imports of the package itself",
        ),
        pytest.param(
            "import f\nimport a\nimport b\nimport c\nimport d\n",
            "import a\nimport b\nimport f\nimport c\nimport d\n",
            "import a\nimport b\nimport c\nimport d\nimport f\n",
            None,
            id="moved to two places",
        ),
        pytest.param(
            "import a.b\nimport d\n",
            "import a.b\nimport b\nimport d\n",
            "import a.b\nimport c\nimport d\n",
            "import a.b\nimport b\nimport c\nimport d\n",
            id="packages in their order",
        ),
        pytest.param(
            "def f(): 1\ndef g(): 1\n",
            "def g(): 1\nx = 1\ndef f(): 1\n",
            "def g(): 1\ny = 1\ndef f(): 1\n",
            None,
            id="moved beside something new",
        ),
        pytest.param(
            "def f(): 1\ndef g(): 1\n",
            "def g(): 1\ndef f(): 1\ndef k(): 1\n",
            "def h(): 1\ndef g(): 1\ndef f(): 1\n",
            None,
            id="moved, and something new beside it",
        ),
        pytest.param(
            "x = 1\nclass A: y = 1\n",
            "x = 1\nclass A: y = 2\n",
            "x = 1\nclass A: y = 3\n",
            None,
            id="a class on one line",
        ),
        pytest.param(
            "class A:\n    a(); b()\n",
            "class A:\n    a(); b(); c()\n",
            "class A:\n    a(); b(); d()\n",
            None,
            id="statements on one line",
        ),
        pytest.param(
            "import a\n\f\nx = 1\n",
            "import a\nimport c\n\f\nx = 1\n",
            "import a\nimport b\n\f\nx = 1\n",
            None,
            id="a form feed",
        ),
        pytest.param(
            "if a:\n    x = 1\nelse:\n    x = 2\n",
            "if a:\n    x = 3\nelse:\n    x = 2\n",
            "if a:\n    x = 4\nelse:\n    x = 2\n",
            None,
            id="an if with an else",
        ),
        pytest.param(
            "import a\n",
            "import a\n\n\ndef f():\n    pass",
            "import a\n\n\ndef g():\n    pass\n",
            None,
            id="a last line without a line feed",
        ),
        pytest.param("x = 1\n", "x = 1\ny = 1\n", "x = 1\nz = 1\n", None, id="both add statements"),
        pytest.param("x = 1\n", "x = 2\n", "x = 3\n", None, id="one value, two opinions"),
        pytest.param(
            "def f(): 1\n", "def f(): 2\n", "def f(): 3\n", None, id="one body, two opinions"
        ),
        pytest.param(
            "x = 1\n",
            "x = 1\ndef f(): 2\n",
            "x = 1\ndef f(): 3\n",
            None,
            id="one name, two functions",
        ),
        pytest.param("", "import b\n", "import c\n", None, id="two modules of one name"),
        pytest.param(
            "import a\n", "import a\nx", "import b\nimport a\n", "import b\nimport a\nx", id="end"
        ),
    ],
)
def test_a_module_is_merged_by_its_statements(
    base: str, ours: str, theirs: str, result: str | None
) -> None:
    assert merged(base, ours, theirs) == result


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        pytest.param(
            "run a --x\nrun b --x\n",
            "run a --y\nrun b --x\n",
            "run a --x\nrun b --z\n",
            "run a --y\nrun b --z\n",
            id="lines that touch",
        ),
        pytest.param(
            "run a --x\n",
            "run a --x\nrun b\n",
            "run a --z\n",
            "run a --z\nrun b\n",
            id="a line below a renewed one",
        ),
        pytest.param(
            "run a --x\n",
            "run b\nrun a --x\n",
            "run a --z\n",
            "run b\nrun a --z\n",
            id="a line above a renewed one",
        ),
        pytest.param(
            "the cat sat\n", "the cat sat down\n", "a cat sat down\n", None, id="words of one line"
        ),
        pytest.param(
            "the cat sat\n", "a cat sat down\nb\n", "a cat sat\n", "a cat sat down\nb\n", id="more"
        ),
        pytest.param(
            "f\na\nb\nc\nd\n",
            "a\nb\nf\nc\nd\n",
            "a\nb\nc\nd\nf\n",
            None,
            id="moved to two places",
        ),
        pytest.param("a\n", "a\nb\n", "a\nc\n", None, id="both add"),
        pytest.param("a\nb\n", "a\nb\nc\n", "a\n", None, id="added below what was deleted"),
        pytest.param("a\nb\n", "a\nc\n", "x\nb\ny\n", None, id="replaced and added"),
        pytest.param("a\n", "a", "a\nb\n", None, id="the last line has no line feed"),
    ],
)
def test_a_text_is_merged_by_its_lines(
    base: str, ours: str, theirs: str, result: str | None
) -> None:
    assert merged(base, ours, theirs, "run.sh") == result


def test_a_module_that_does_not_parse_is_merged_by_its_lines() -> None:
    base, ours = "print 'a b c'\nprint 'd e f'\n", "print 'a b c'\nprint 'd e g'\n"
    theirs = "print 'a b h'\nprint 'd e f'\n"
    assert merged(base, ours, theirs) == "print 'a b h'\nprint 'd e g'\n"


def test_data_with_keys_is_left_to_those_who_know_keys() -> None:
    assert merged("a: 1\nb: 1\n", "a: 2\nb: 1\n", "a: 1\nb: 2\n", "a.yaml") is None
