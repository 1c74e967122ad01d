"""How an output stands: out of date, edited, moved, left with conflicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cultivar.errors import NotKnownError
from cultivar.generation.templates import TemplateStore
from cultivar.ledger.sql import SqlLedger
from cultivar.model import Answers, Json
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.questions.interview import interview
from cultivar.templating.rendering.render import render
from cultivar.templating.template import Template
from cultivar.testing.generations import attempt_at, generation_of
from cultivar.testing.repositories import git
from cultivar.tree import Tree
from cultivar.upgrade.drift import Examiner, FileDrift, Standing
from cultivar.upgrade.outputs import Output, outputs
from cultivar.upgrade.sources import Sources
from cultivar.upgrade.versions import Versions
from cultivar.upgrades import UpgradeOrder

CONFIG = "name: me\n_subdirectory: files\n_cultivar: {{id: t:one, version: {version}}}\n"
TEXT = "".join(f"line {number}\n" for number in range(20))


@pytest.fixture
def template(tmp_path: Path) -> Callable[..., None]:
    """Writes a version of the template `t:one`."""

    def write(version: str, more: str = "") -> None:
        folder = tmp_path / "templates" / version
        (folder / "files" / "src").mkdir(parents=True)
        (folder / "copier.yml").write_text(CONFIG.format(version=version) + more)
        (folder / "files" / "src" / "a.py.jinja").write_text("# {{ name }}\n" + TEXT)
        (folder / "files" / "b.txt").write_text("b\n" + TEXT)

    return write


@pytest.fixture
def sources(ledger: SqlLedger, tmp_path: Path) -> Sources:
    catalog = Catalog([tmp_path / "templates"], tmp_path / "cache", [])
    store = TemplateStore(ledger.content)
    versions = Versions(catalog=catalog)
    return Sources(ledger=ledger, content=ledger.content, templates=store, versions=versions)


def made(template: Template, given: Mapping[str, Json]) -> tuple[Answers, Tree]:
    """The answers and the tree of a template."""
    answers = interview(template, given)
    return answers, render(template, answers).tree


@pytest.fixture
def output(
    ledger: SqlLedger, sources: Sources, template: Callable[..., None], tmp_path: Path
) -> Output:
    """What version 1.0.0 made, in a repository, and in the ledger."""
    template("1.0.0")
    found = sources.versions.catalog.find("t:one")
    answers, tree = made(found, {})
    folder = tmp_path / "project"
    for path, entry in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(entry.content)
    kept = "_template_id: t:one\n_template_version: 1.0.0\nname: me\n"
    (folder / ".template-answers.yml").write_text(kept)
    git(folder, "init", "-q")
    ledger.content.put(found.tree)
    ledger.record(
        generation_of(
            tree.hash,
            template=found.ref,
            answers=answers,
            attempts=(attempt_at(ledger.content.put(tree)),),
            output=str(folder),
            file_path=str(folder),
        )
    )
    return outputs(folder)[0]


def standing(sources: Sources, output: Output) -> Standing:
    """How `output` stands against the newest release."""
    order = UpgradeOrder(folder=str(output.folder), answers_file=output.answers_file)
    return Examiner(sources=sources, render=made).standing(output, order)


def test_what_is_as_it_was_generated_is_clean(sources: Sources, output: Output) -> None:
    found = standing(sources, output)

    assert found == Standing(output=output, version="1.0.0", newest="1.0.0")
    assert found.clean


def test_a_newer_version_is_told_with_the_questions_that_it_adds(
    sources: Sources, output: Output, template: Callable[..., None]
) -> None:
    template(
        "1.1.0", "port: 80\nwho: {default: x, when: false}\ntoken: {default: '', secret: true}\n"
    )

    found = standing(sources, output)

    assert (found.newest, found.outdated, found.questions) == ("1.1.0", True, ("port",))
    assert not found.clean


def test_edits_deletions_and_moves_are_counted_in_lines(sources: Sources, output: Output) -> None:
    file = output.folder / "src" / "a.py"
    (output.folder / "lib").mkdir()
    file.rename(output.folder / "lib" / "renamed.py")
    (output.folder / "lib" / "renamed.py").write_text("# me\n# new\n" + TEXT)
    (output.folder / "b.txt").unlink()

    assert standing(sources, output).files == (
        FileDrift(path="b.txt", change="deleted", removed=21),
        FileDrift(path="src/a.py", change="moved", moved_to="lib/renamed.py", added=1),
    )

    (output.folder / "b.txt").write_text("B\n" + TEXT.replace("line 7\n", ""))
    edited, _ = standing(sources, output).files
    assert edited == FileDrift(path="b.txt", change="edited", added=1, removed=2)


def test_files_of_the_users_own_and_the_answers_file_are_no_drift(
    sources: Sources, output: Output
) -> None:
    (output.folder / "own.py").write_text(TEXT)
    with (output.folder / output.answers_file).open("a") as file:
        file.write("# noted\n")

    assert standing(sources, outputs(output.folder)[0]).files == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("b.txt", "<<<<<<< yours\nx\n=======\ny\n>>>>>>> theirs\n"),
        ("b.txt.rej", "--- b.txt\n"),
    ],
)
def test_conflicts_that_nobody_has_settled_are_told(
    sources: Sources, output: Output, path: str, content: str
) -> None:
    (output.folder / path).write_text(content)

    assert standing(sources, output).conflicts == ("b.txt",)


def test_an_unmerged_entry_of_the_index_is_a_conflict(sources: Sources, output: Output) -> None:
    folder = output.folder
    blob = git(folder, "hash-object", "-w", "b.txt")
    info = "".join(f"100644 {blob} {stage}\tb.txt\n" for stage in (1, 2, 3))
    (folder / "info").write_text(info)
    git(folder, "config", "alias.stages", "!git update-index --index-info < info")
    git(folder, "stages")
    (folder / "info").unlink()

    assert standing(sources, output).conflicts == ("b.txt",)


def test_half_a_marker_is_no_conflict(sources: Sources, output: Output) -> None:
    (output.folder / "b.txt").write_text("Title\n=======\n>>>>>>> quoted\n")

    assert standing(sources, output).conflicts == ()


def test_what_is_not_known_is_said_and_keeps_the_rest(
    sources: Sources, output: Output, tmp_path: Path
) -> None:
    (tmp_path / "templates").rename(tmp_path / "gone")
    (output.folder / "b.txt").unlink()

    found = standing(sources, output)

    assert [type(each) for each in found.problems] == [NotKnownError]
    assert [each.change for each in found.files] == ["deleted"]
    assert (found.newest, found.clean) == ("", False)


def test_what_the_ledger_does_not_have_is_rendered_again(
    sources: Sources, output: Output, template: Callable[..., None], tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    kept = "_template_id: t:one\n_template_version: 1.0.0\nname: you\n"
    (folder / ".template-answers.yml").write_text(kept)
    (folder / "b.txt").write_text("b\n" + TEXT)
    assert output.folder != folder

    found = standing(sources, outputs(folder)[0])

    assert [each.path for each in found.files] == ["src/a.py"]
