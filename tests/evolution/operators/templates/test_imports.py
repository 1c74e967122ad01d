"""Imports that are missing: which names are, what they are, and where the import stands."""

from __future__ import annotations

import ast

import pytest

from cultivar.evolution.operators.templates.remedies import unbound_in, with_import
from cultivar.testing.workrooms import OpenWorkroom

COPIER = """\
name: {type: str, default: counter}
stats: {type: bool, default: false}
_cultivar:
  id: test:service
  version: 1.0.0
  checks: [{name: runs, run: python3 app.py, required: true}]
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("print(json.dumps(x))\nx = 1\n", {"json"}),
        ("def f(a, *b, c=1, **d):\n    return a, b, c, d\n", set[str]()),
        ("import os.path as p\nfrom a import b as c\np, c\n", set[str]()),
        ("from a import *\nanything\n", set[str]()),
        ("try:\n    pass\nexcept OSError as e:\n    print(e, __file__)\n", set[str]()),
        ("[x for x in y if (z := x)]\n", {"y"}),
        ("match 1:\n    case {'a': b, **rest}:\n        b, rest\n", set[str]()),
        ("lambda q: q + r\n", {"r"}),
    ],
)
def test_a_name_is_missing_that_nothing_binds(text: str, names: set[str]) -> None:
    assert unbound_in(ast.parse(text)) == names


@pytest.mark.parametrize(
    ("text", "statement", "wanted"),
    [
        ("import os\nimport sys\n", "import re", "import os\nimport re\nimport sys\n"),
        ("from os import path\n", "import re", "import re\nfrom os import path\n"),
        ("import requests\n", "import re", "import re\n\nimport requests\n"),
        ("import re\n\nx = 1\n", "import requests", "import re\n\nimport requests\n\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', "import re", '"""Doc."""\n\nimport re\n\nx = 1\n'),
        ("x = 1\n", "import re", "import re\n\nx = 1\n"),
        (
            "from __future__ import annotations\n\nimport os\n",
            "import abc",
            "from __future__ import annotations\n\nimport abc\nimport os\n",
        ),
    ],
)
def test_an_import_stands_where_those_that_sort_have_it(
    text: str, statement: str, wanted: str
) -> None:
    assert with_import(text, ast.parse(text), statement) == wanted


def test_what_another_file_imports_a_name_from_is_imported_from_there(
    workroom: OpenWorkroom,
) -> None:
    app = "import other\n{% if stats %}\nprint(parse('1'), other)\n{% endif %}\n"
    files = {
        "copier.yml": COPIER,
        "app.py.jinja": app,
        "other.py": "from json import loads as parse\n\nparse('1')\n",
    }
    room = workroom(files)
    for name in ("one", "two", "three"):
        room.use(10, name=name)
        room.use(10, name=name, stats=True)
    first = room.candidates().candidates[0]
    assert first.operator == "import"
    assert "from json import loads as parse\n" in room.text(first, "app.py.jinja")
    assert room.tried(first, stats=True).verdict == "passed"


def test_a_name_that_nobody_imports_is_not_guessed(workroom: OpenWorkroom) -> None:
    app = "{% if stats %}\nprint(parse_of_nobody('1'))\n{% endif %}\n"
    room = workroom({"copier.yml": COPIER, "app.py.jinja": app})
    for name in ("one", "two", "three"):
        room.use(10, name=name)
        room.use(10, name=name, stats=True)
    assert [
        each.operator for each in room.candidates().candidates if each.operator == "import"
    ] == []
