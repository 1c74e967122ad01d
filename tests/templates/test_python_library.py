"""What `project_template:python-library` renders is a sound project, whatever the answers are.

A covering array takes in every pair of answers; each of its rows is a project that is rendered by
Copier and proved by its own tests, linter, formatter, type checker and build.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import copier
import pytest
import yaml

from cultivar.evals.suites.covering import Factors, Row, covering
from cultivar.model import Answer, Json
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import Rendered, render
from cultivar.tree import read_tree

TEMPLATE: Final = (
    Path(__file__)
    .parents[2]
    .joinpath("templates_data", "code_generation", "projects", "python_library")
)

FACTORS: Final[Mapping[str, tuple[Json, ...]]] = {
    "project_name": ("my-library", "My.Lib_x-2", "x", "P" + "y" * 59),
    "package_name": ("", "prices"),
    "description": ("A Python library", r'Says "hi" to C:\temp & <b>it\'s_ok</b> é 😀: # *, yes'),
    "author_name": ("Its authors", r'Ada "A" O\'Neil, Lovelace \o/'),
    "author_email": ("", "ada+x@mail.example.org"),
    "license": ("MIT", "Apache-2.0", "BSD-3-Clause"),
    "python_min": ("3.11", "3.12", "3.13"),
    "include_cli": (False, True),
    "include_docs": (False, True),
    "ci": ("github", "gitlab", "none"),
    "type_checker": ("mypy", "pyright", "none"),
}
"""What each question is answered with; an empty package name leaves it to the default."""

EVERYTHING: Final[Row] = {
    "project_name": "Price.Tools",
    "package_name": "prices",
    "author_email": "ada@example.org",
    "include_cli": True,
    "include_docs": True,
}
"""All that can be asked for."""


ROWS: Final = covering(Factors(values=FACTORS))


def copy(folder: Path, answers: Row) -> None:
    """Render the template into `folder` with Copier."""
    given = {
        name: value for name, value in answers.items() if (name, value) != ("package_name", "")
    }
    copier.run_copy(str(TEMPLATE), folder, data=given, defaults=True, quiet=True)


def rendered(answers: Row) -> Rendered:
    """The template as Cultivar renders it, with answers to all questions."""
    template = parse_template(read_tree(TEMPLATE), origin="builtin")
    values = {name: choices[0] for name, choices in FACTORS.items()}
    values = {**values, "package_name": "my_library", **answers}
    given = [
        Answer(name=name, value=value, source="user", confidence=1.0)
        for name, value in values.items()
    ]
    return render(template, tuple(given))


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in `folder`; `python` is this environment's."""
    tools = Path(sys.executable).parent
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "RUFF_NO_CACHE": "true",
        "MYPY_CACHE_DIR": os.devnull,
        "NO_MKDOCS_2_WARNING": "1",
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def complaints(folder: Path, *commands: str) -> str:
    """What the commands say that fail in `folder`."""
    done = [run(folder, *command.split()) for command in commands]
    return "".join(f"{folder}\n{each.stdout}{each.stderr}" for each in done if each.returncode)


def in_all(folders: list[Path], *commands: str) -> str:
    """What the commands say that fail in one of `folders`."""
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(complaints, folder, *commands) for folder in folders]
    return "".join(each.result() for each in found)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the rows give, in the order of the rows."""
    folders = [tmp_path_factory.mktemp(f"project{number}") for number in range(len(ROWS))]
    for folder, row in zip(folders, ROWS, strict=True):
        copy(folder, row)
    return folders


def where(projects: list[Path], question: str, value: Json) -> list[Path]:
    """The projects whose question was answered so."""
    return [folder for folder, row in zip(projects, ROWS, strict=True) if row[question] == value]


def test_what_is_rendered_passes_its_own_tests(projects: list[Path]) -> None:
    assert in_all(projects, "python -m pytest -q -p no:cacheprovider") == ""


def test_what_is_rendered_satisfies_ruff(projects: list[Path]) -> None:
    assert in_all(projects, "ruff check .", "ruff format --check .") == ""


def test_what_is_rendered_satisfies_mypy_where_that_was_chosen(projects: list[Path]) -> None:
    chosen = where(projects, "type_checker", "mypy")
    assert in_all(chosen[:3], "python -m mypy") == ""


def test_what_is_rendered_satisfies_pyright_where_that_was_chosen(projects: list[Path]) -> None:
    chosen = where(projects, "type_checker", "pyright")
    assert in_all(chosen[:2], "python -m pyright") == ""


def test_the_documentation_builds_without_a_warning(projects: list[Path]) -> None:
    chosen = where(projects, "include_docs", True)
    assert in_all(chosen[:3], "make docs") == ""
    assert all((folder / "site" / "reference" / "index.html").is_file() for folder in chosen[:3])


def test_settings_say_what_was_answered(projects: list[Path]) -> None:
    for folder, row in zip(projects, ROWS, strict=True):
        settings = tomllib.loads((folder / "pyproject.toml").read_text())
        project, tools = settings["project"], settings["tool"]
        assert project["name"] == row["project_name"]
        assert project["description"] == row["description"]
        assert project["authors"][0]["name"] == row["author_name"]
        assert project["authors"][0].get("email", "") == row["author_email"]
        assert project["requires-python"] == f">={row['python_min']}"
        assert tools["ruff"]["target-version"] == f"py{str(row['python_min']).replace('.', '')}"
        assert ("scripts" in project) == row["include_cli"]
        assert {"mypy", "pyright"} & set(tools) == {str(row["type_checker"])} - {"none"}


def test_documentation_says_what_was_answered(projects: list[Path]) -> None:
    for folder, row in zip(projects, ROWS, strict=True):
        assert (folder / "mkdocs.yml").is_file() == row["include_docs"]
        assert (folder / "docs").is_dir() == row["include_docs"]
        if row["include_docs"]:
            site = yaml.safe_load((folder / "mkdocs.yml").read_text())
            assert site["site_description"] == row["description"]


def test_licences_are_whole_and_say_whose_they_are(projects: list[Path]) -> None:
    opening = {"MIT": "MIT License", "Apache-2.0": "Apache", "BSD-3-Clause": "BSD 3-Clause License"}
    lines = {"MIT": 21, "Apache-2.0": 202, "BSD-3-Clause": 28}
    for folder, row in zip(projects, ROWS, strict=True):
        text = (folder / "LICENSE").read_text()
        licence = str(row["license"])
        assert text.strip().startswith(opening[licence])
        assert len(text.splitlines()) == lines[licence]
        assert f" {row['author_name']}\n" in text


def ci_of(folder: Path) -> tuple[list[str], list[str]] | None:
    """The commands of the project's CI and the versions of Python that it tries."""
    github, gitlab = folder / ".github" / "workflows" / "ci.yml", folder / ".gitlab-ci.yml"
    if github.is_file():
        job = yaml.safe_load(github.read_text())["jobs"]["check"]
        commands = [step["run"] for step in job["steps"] if "run" in step]
        return commands, job["strategy"]["matrix"]["python"]
    if gitlab.is_file():
        job = yaml.safe_load(gitlab.read_text())["check"]
        return job["script"], job["parallel"]["matrix"][0]["PYTHON_VERSION"]
    return None


def test_ci_runs_the_targets_of_the_makefile_on_all_supported_pythons(projects: list[Path]) -> None:
    for folder, row in zip(projects, ROWS, strict=True):
        assert (folder / ".github").exists() == (row["ci"] == "github")
        assert (folder / ".gitlab-ci.yml").exists() == (row["ci"] == "gitlab")
        ci = ci_of(folder)
        if ci is None:
            continue
        targets = re.findall(r"^([a-z]+):", (folder / "Makefile").read_text(), re.MULTILINE)
        classifiers = re.findall(r":: (3\.\d+)", (folder / "pyproject.toml").read_text())
        assert {command.removeprefix("make ") for command in ci[0]} <= set(targets)
        assert ci[1] == classifiers
        assert ci[1][0] == row["python_min"]


def test_each_target_of_the_makefile_says_what_it_does_and_can_be_made(
    projects: list[Path],
) -> None:
    for folder in projects:
        targets = re.findall(r"^([a-z]+):", (folder / "Makefile").read_text(), re.MULTILINE)
        helped = run(folder, "make").stdout.splitlines()
        assert [line.split()[0] for line in helped] == targets
        dry = run(folder, "make", "--dry-run", *targets)
        assert dry.returncode == 0, dry.stderr


def build(folder: Path) -> zipfile.ZipFile:
    """The wheel of the project."""
    done = run(folder, "python", "-m", "build", "--no-isolation", "--outdir", "dist")
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    assert len(list((folder / "dist").glob("*.tar.gz"))) == 1
    return zipfile.ZipFile(wheel)


def test_the_wheel_holds_the_package_and_its_licence_and_nothing_else(tmp_path: Path) -> None:
    copy(tmp_path, {**EVERYTHING, "license": "BSD-3-Clause"})
    with build(tmp_path) as wheel:
        names = [name.replace("price_tools-0.1.0.dist-info", "info") for name in wheel.namelist()]
    assert sorted(names) == [
        "info/METADATA",
        "info/RECORD",
        "info/WHEEL",
        "info/entry_points.txt",
        "info/licenses/LICENSE",
        "prices/__init__.py",
        "prices/__main__.py",
        "prices/cli.py",
        "prices/py.typed",
        "prices/slugs.py",
    ]


def test_the_wheel_says_what_was_answered(tmp_path: Path) -> None:
    row = {**{name: choices[-1] for name, choices in FACTORS.items()}, "author_email": ""}
    copy(tmp_path, row)
    with build(tmp_path) as wheel:
        (path,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
        text = wheel.read(path).decode()
    found = email.message_from_string(text, policy=email.policy.HTTP)
    assert found["Name"] == row["project_name"]
    assert found["License-Expression"] == row["license"]
    assert found["Requires-Python"] == f">={row['python_min']}"
    assert found["Summary"] == row["description"]
    assert found["Author"] == row["author_name"]
    assert found["Author-email"] is None


def test_the_installed_command_line_runs(tmp_path: Path) -> None:
    copy(tmp_path, EVERYTHING)
    with build(tmp_path) as wheel:
        name = str(wheel.filename)
    venv.create(tmp_path / "venv", symlinks=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    installed = run(tmp_path, "uv", "pip", "install", "--offline", "--python", python, name)
    assert installed.returncode == 0, installed.stderr
    done = run(tmp_path, str(tmp_path / "venv" / "bin" / "price.tools"), "Hello,", "World!")
    assert (done.stdout, done.stderr) == ("hello-world\n", "")


@pytest.mark.parametrize("row", ROWS[:4])
def test_cultivar_gives_the_bytes_that_copier_gives(row: Row, tmp_path: Path) -> None:
    named = {**row, "package_name": "prices"}
    copy(tmp_path, named)
    assert dict(rendered(named).tree) == dict(read_tree(tmp_path))


@pytest.mark.parametrize("question", FACTORS)
def test_every_answer_changes_what_is_rendered(question: str) -> None:
    values = [value for value in FACTORS[question] if (question, value) != ("package_name", "")]
    default = [] if question != "package_name" else [rendered({**EVERYTHING, question: "costs"})]
    trees = [rendered({**EVERYTHING, question: value}) for value in values] + default
    assert len({each.tree.hash for each in trees}) == len(trees) >= 2


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("project_name", "-library"),
        ("project_name", "my library"),
        ("project_name", "my-library\n"),
        ("project_name", "l" * 61),
        ("package_name", "My_Library"),
        ("package_name", "3d"),
        ("package_name", "class"),
        ("package_name", "json"),
        ("package_name", "p" * 61),
        ("description", ""),
        ("description", "one line\nand another"),
        ("author_name", " "),
        ("author_name", "Ada\nLovelace"),
        ("author_email", "ada"),
        ("author_email", 'ada@example.org" }]'),
    ],
)
def test_answers_that_would_make_a_broken_project_are_refused(
    question: str, value: Json, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"Validation error for question '{question}'"):
        copy(tmp_path, {**EVERYTHING, question: value})


DEFECTS: Final[Mapping[str, tuple[str, str]]] = {
    "accents stay out with their letters": ('"NFKD"', '"NFC"'),
    "case stays": ("plain.lower()", "plain"),
    "the length is not looked at": ("if len(longer) > max_length:", "if False:"),
    "one letter too few": ("len(longer) > max_length", "len(longer) >= max_length"),
    "later words slip in": ("            break", "            continue"),
    "no room is no matter": ("max_length < 1:", "max_length < 0:"),
    "the first word is not cut": ("words[0][:max_length]", "words[0]"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_rendered_tests_notice_a_defect(defect: str, tmp_path: Path) -> None:
    for path, entry in rendered(EVERYTHING).tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(entry.content)
    module = tmp_path / "src" / "prices" / "slugs.py"
    cut, put = DEFECTS[defect]
    assert cut in module.read_text()
    module.write_text(module.read_text().replace(cut, put))
    done = run(tmp_path, "python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 1, done.stdout
