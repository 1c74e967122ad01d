"""What was generated where: by answers files, and by the ledger where they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.errors import NotKnownError, TemplateError, UsageError
from cultivar.ledger.sql import SqlLedger
from cultivar.testing.generations import TEMPLATE, attempt_at, generation_of
from cultivar.testing.repositories import git
from cultivar.tree import Tree, text_entry
from cultivar.upgrade.finding import Finder, generation_at, known_path, outputs, survey

OURS = f"_template_id: {TEMPLATE.id}\n_template_version: 1.0.0\nname: cache\n"
COPIERS = "_commit: v1.2.0\n_src_path: gh:acme/python\nname: cache\n"


@pytest.fixture
def finder(ledger: SqlLedger) -> Finder:
    return Finder(ledger=ledger, content=ledger.content)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty repository."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def write_all(folder: Path, files: dict[str, str]) -> Path:
    """Write files by their paths."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def found_in(folder: Path) -> list[tuple[str, str, str]]:
    """Of each output its answers file, its template and its version."""
    return [(each.answers_file, each.template_id, each.version) for each in outputs(folder)]


def record(ledger: SqlLedger, folder: Path, tree: Tree, single: str = "") -> None:
    """Let the ledger know that `tree` was generated in `folder`."""
    attempt = attempt_at(ledger.content.put(tree))
    path = str(folder / single) if single else str(folder)
    made = generation_of(tree.hash, attempts=(attempt,), output=str(folder), file_path=path)
    ledger.record(made)


@pytest.mark.parametrize(
    "name",
    [
        ".copier-answers.yml",
        ".copier-answers.yaml",
        ".copier-answers.docs.yml",
        ".config/.copier-answers.yml",
        ".github/template.yaml",
        "own-name.yml",
    ],
)
def test_a_project_of_copiers_is_found_by_any_name_of_its_answers_file(
    project: Path, name: str
) -> None:
    write_all(project, {name: COPIERS})

    assert found_in(project) == [(name, "python", "v1.2.0")]


def test_several_outputs_in_one_folder_are_all_found(project: Path) -> None:
    write_all(
        project,
        {
            ".copier-answers.docs.yml": COPIERS.replace("python", "docs"),
            ".template-answers.yml": OURS,
            "cache.py.template-answers.yml": OURS,
            "other.yml": "name: no answers\n",
        },
    )

    assert [each.template_id for each in outputs(project)] == ["docs", TEMPLATE.id, TEMPLATE.id]
    assert [each.file for each in outputs(project)] == ["", "", "cache.py"]


def test_outputs_below_are_found_but_not_those_that_git_ignores(project: Path) -> None:
    write_all(
        project,
        {
            ".gitignore": "ignored/\n",
            "services/a/.copier-answers.yml": COPIERS,
            "services/a/src/cache.py.template-answers.yml": OURS,
            "ignored/.copier-answers.yml": COPIERS,
            "node_modules/x/.copier-answers.yml": COPIERS,
        },
    )

    found = survey(project).outputs

    assert outputs(project) == ()
    assert [each.path.relative_to(project).as_posix() for each in found] == [
        "services/a",
        "services/a/src/cache.py",
    ]


def test_outputs_below_are_found_without_git(tmp_path: Path) -> None:
    write_all(
        tmp_path,
        {"a/b/.template-answers.yml": OURS, "node_modules/.template-answers.yml": OURS},
    )

    assert [each.folder for each in survey(tmp_path).outputs] == [tmp_path / "a" / "b"]


def test_one_broken_answers_file_keeps_no_other_away(project: Path) -> None:
    write_all(project, {"a/.template-answers.yml": OURS, "b/.template-answers.yml": "a: b: c\n"})

    found = survey(project)

    assert [each.folder.name for each in found.outputs] == ["a"]
    assert "line 1" in str(found.broken[0])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("name: x\n_commit: [1\n", 3),
        ("name: x\n<<<<<<< ours\n_commit: 1\n", 3),
        ("- a\n- b\n", 1),
        ("name: x\n_src_path: [a]\n", 2),
    ],
)
def test_an_answers_file_that_was_broken_by_hand_is_refused_by_line(
    project: Path, content: str, line: int
) -> None:
    write_all(project, {".copier-answers.yml": content})

    with pytest.raises(TemplateError) as caught:
        outputs(project)

    assert (caught.value.line, caught.value.file) == (line, str(project / ".copier-answers.yml"))


def test_a_version_without_quotes_is_read_as_it_is_written(project: Path) -> None:
    write_all(project, {".copier-answers.yml": "_commit: 1.10  # by hand\n_src_path: gh:a/b\n"})

    assert outputs(project)[0].version == "1.10"


def test_a_generated_file_belongs_to_the_nearest_output_above_it(
    finder: Finder, project: Path
) -> None:
    write_all(
        project,
        {
            ".copier-answers.yml": COPIERS,
            "services/a/.copier-answers.yml": COPIERS,
            "services/a/src/cache.py": "",
        },
    )

    found = finder.output_of(project / "services" / "a" / "src" / "cache.py")

    assert found.folder == project / "services" / "a"


def test_a_single_file_belongs_to_the_answers_file_beside_it(finder: Finder, project: Path) -> None:
    write_all(
        project,
        {".copier-answers.yml": COPIERS, "a.py": "", "a.py.template-answers.yml": OURS},
    )

    found = finder.output_of(project / "a.py")

    assert (found.answers_file, found.file) == ("a.py.template-answers.yml", "a.py")


def test_a_single_file_of_a_folder_below_has_the_folder_that_the_ledger_knows(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(project, {"src/a.py": "", "src/a.py.template-answers.yml": OURS})
    record(ledger, project, Tree({"src/a.py": text_entry("")}), "src/a.py")

    found = finder.output_of(project / "src" / "a.py")

    assert (found.folder, found.answers_file) == (project, "src/a.py.template-answers.yml")


def test_a_folder_inside_of_an_output_belongs_to_it(finder: Finder, project: Path) -> None:
    write_all(project, {".copier-answers.yml": COPIERS, "src/deep/a.py": ""})

    assert finder.output_of(project / "src" / "deep").folder == project


def test_an_output_above_the_repository_is_no_matter_of_it(finder: Finder, project: Path) -> None:
    write_all(project.parent, {".copier-answers.yml": COPIERS})

    with pytest.raises(NotKnownError):
        finder.output_of(project)


def test_what_lost_its_answers_file_is_found_in_the_ledger(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(project, {"src/cache.py": ""})
    record(ledger, project, Tree({"src/cache.py": text_entry(""), "README.md": text_entry("")}))

    for place in (project, project / "src" / "cache.py"):
        found = finder.output_of(place)
        assert (found.folder, found.answers_file) == (project, ".template-answers.yml")
        assert (found.template_id, found.version) == (TEMPLATE.id, TEMPLATE.version)
        assert found.kept.answers == {"use_cache": True}


def test_a_file_that_no_template_made_is_told_with_the_nearest(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(project, {".template-answers.yml": OURS, "src/cachw.py": ""})
    record(ledger, project, Tree({"src/cache.py": text_entry(""), "README.md": text_entry("")}))

    with pytest.raises(NotKnownError, match=r"made by quality_template:python-prod") as caught:
        finder.output_of(project / "src" / "cachw.py")

    assert caught.value.nearest == ("src/cache.py",)


def test_a_generated_file_that_was_moved_still_belongs_to_its_output(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(project, {".template-answers.yml": OURS, "lib/cache.py": ""})
    record(ledger, project, Tree({"src/cache.py": text_entry(""), "README.md": text_entry("")}))

    assert finder.output_of(project / "lib" / "cache.py").folder == project


def test_where_nothing_was_generated_the_nearest_output_is_named(
    finder: Finder, ledger: SqlLedger, project: Path, tmp_path: Path
) -> None:
    record(ledger, tmp_path / "projekt", Tree({"a": text_entry(""), "b": text_entry("")}))

    with pytest.raises(NotKnownError, match=f"`{tmp_path}/projekt`, made by quality_template"):
        finder.output_of(project)


def test_where_nothing_was_ever_generated_that_is_said(finder: Finder, project: Path) -> None:
    with pytest.raises(NotKnownError, match="Nothing was generated here yet"):
        finder.output_of(project)


def test_two_outputs_in_one_folder_are_told_apart_by_the_answers_file(
    finder: Finder, project: Path
) -> None:
    write_all(
        project,
        {".copier-answers.a.yml": COPIERS, ".copier-answers.b.yml": COPIERS, "x.py": ""},
    )

    for place in (project, project / "x.py"):
        with pytest.raises(UsageError, match=r"answers\.a\.yml.* and .*answers\.b\.yml") as caught:
            finder.output_of(place)
        assert f"--file {project}/.copier-answers.a.yml" in caught.value.remedy

    assert finder.output_of(project / ".copier-answers.b.yml").answers_file.endswith("b.yml")


def test_of_two_outputs_in_one_folder_the_ledger_knows_whose_a_file_is(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(
        project,
        {".copier-answers.yml": COPIERS, ".template-answers.yml": OURS, "src/cache.py": ""},
    )
    record(ledger, project, Tree({"src/cache.py": text_entry(""), "README.md": text_entry("")}))

    found = finder.output_of(project / "src" / "cache.py")

    assert found.template_id == TEMPLATE.id


@pytest.mark.parametrize("template", ["gh:acme/python", "https://github.com/acme/python.git"])
def test_of_two_outputs_in_one_folder_the_template_says_which(
    finder: Finder, project: Path, template: str
) -> None:
    write_all(project, {".copier-answers.yml": COPIERS, ".template-answers.yml": OURS})

    assert finder.output_of(project, template).answers_file == ".copier-answers.yml"


def test_the_only_output_of_a_template_below_is_found_by_its_id(
    finder: Finder, project: Path
) -> None:
    write_all(
        project,
        {".copier-answers.yml": COPIERS, "src/a.py": "", "src/a.py.template-answers.yml": OURS},
    )

    assert finder.output_of(project, TEMPLATE.id).file == "a.py"
    assert [each.file for each in finder.all_in(project, TEMPLATE.id).outputs] == ["a.py"]


def test_an_output_is_chosen_by_the_folder_of_its_template(
    finder: Finder, project: Path, tmp_path: Path
) -> None:
    copiers = COPIERS.replace("gh:acme/python", str(tmp_path / "python"))
    write_all(project, {".copier-answers.yml": copiers, ".template-answers.yml": OURS})

    template = f"{tmp_path}/x/../python"
    assert finder.output_of(project, template).answers_file == ".copier-answers.yml"


def test_a_single_file_and_a_folder_of_one_template_are_told_apart(
    finder: Finder, ledger: SqlLedger, project: Path
) -> None:
    write_all(project, {".template-answers.yml": OURS, "a.py.template-answers.yml": OURS})
    record(ledger, project, Tree({"a.py": text_entry("1")}), "a.py")
    record(ledger, project, Tree({"b.py": text_entry(""), "c.py": text_entry("")}))
    record(ledger, project, Tree({"a.py": text_entry("2")}), "a.py")

    made = {each.file: generation_at(ledger, each) for each in outputs(project)}

    assert {
        name: each and list(ledger.content.tree(each.tree_hash)) for name, each in made.items()
    } == {
        "": ["b.py", "c.py"],
        "a.py": ["a.py"],
    }


def test_a_template_that_made_nothing_here_is_told_with_what_is_here(
    finder: Finder, project: Path
) -> None:
    write_all(project, {".copier-answers.yml": COPIERS})

    with pytest.raises(NotKnownError, match=r"made by gh:acme/python v1\.2\.0"):
        finder.output_of(project, "t:other")


def test_an_address_that_climbs_fits_nothing(finder: Finder, project: Path) -> None:
    write_all(project, {".copier-answers.yml": "_src_path: https://x.example/../y\n_commit: a\n"})

    with pytest.raises(NotKnownError):
        finder.output_of(project, "t:other")


def test_a_path_that_the_template_made_is_known(project: Path) -> None:
    write_all(project, {".copier-answers.yml": COPIERS})
    (output,) = outputs(project)

    assert known_path("src/a.py", ["src/a.py"], output) == "src/a.py"
    with pytest.raises(NotKnownError) as caught:
        known_path("a.py", ["src/a.py"], output)
    assert caught.value.nearest == ("src/a.py",)
