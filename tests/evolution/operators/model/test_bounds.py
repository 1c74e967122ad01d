"""What a model may not change, though others may: what decides about it, and what is fetched."""

from __future__ import annotations

import pytest

from cultivar.evolution.operators.model.bounds import marks_itself, out_of_bounds
from cultivar.model import Check
from cultivar.templating.reading.loading import parse_template
from cultivar.tree import Tree, text_entry

COPIER = """\
name: {{type: str, default: counter}}
_cultivar:
  id: test:service
  version: 1.0.0
  requires: [pytest]
  checks: [{{name: runs, run: {run}, required: true}}]
"""
FILES = {
    "Makefile": "check:\n\tsh ci/all.sh\n",
    "app.py.jinja": "NAME = '{{ name }}'\n",
    "checking/__main__.py": "import app\n",
    "ci/all.sh.jinja": "python3 app.py\n",
    "mix.exs": "[]\n",
    "package.json": "{}\n",
    "tox.ini": "[tox]\n",
    "{% if name %}look.sh{% endif %}.jinja": "python3 app.py\n",
}


def reason(run: str, path: str, old: str = "\n", new: str = "\n\n") -> str:
    """Why a model may not make something else of a file, where this is the check's command."""
    entries = {"copier.yml": COPIER.format(run=run), **FILES}
    before = Tree({at: text_entry(text) for at, text in entries.items()})
    after = before.replace({path: text_entry(before.text(path).replace(old, new))})
    return out_of_bounds(*(parse_template(tree, origin="here") for tree in (before, after)))


@pytest.mark.parametrize(
    ("run", "path"),
    [
        ("make check", "Makefile"),
        ("make check", "ci/all.sh.jinja"),
        ("sh ci/all.sh", "ci/all.sh.jinja"),
        ("cd ci && ./all.sh", "ci/all.sh.jinja"),
        ("sh look.sh", "{% if name %}look.sh{% endif %}.jinja"),
        ("python3 app.py", "app.py.jinja"),
        ("python3 -m app", "app.py.jinja"),
        ("python3 -m checking", "checking/__main__.py"),
        ("npm test", "package.json"),
        ("tox -q", "tox.ini"),
        ("tox --conf=tox.ini", "tox.ini"),
        ("mix test", "mix.exs"),
    ],
)
def test_what_a_check_goes_by_is_not_a_model_s_to_edit(run: str, path: str) -> None:
    assert f"edits {path!r}, by which the check 'runs' goes" in reason(run, path)


@pytest.mark.parametrize("run", ["python3 -m pytest -q", "ruff check .", "make check", "npm test"])
def test_other_files_are(run: str) -> None:
    assert reason(run, "app.py.jinja") == ""


def test_a_package_more_is_not_a_model_s_to_ask_for() -> None:
    assert "'other' fetched" in reason("pytest", "copier.yml", "[pytest]", "[pytest, other]")


def test_what_a_check_goes_by_is_found_in_what_is_made() -> None:
    check = Check(name="runs", run="sh check.sh")
    before = Tree({"check.sh": text_entry("set -e\n")})
    after = Tree({"check.sh": text_entry("")})
    assert "'check.sh'" in marks_itself([check], before, after)
    assert marks_itself([check], before, before) == ""
