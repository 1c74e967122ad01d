"""Which versions `eval` finds: by version, tag, folder, alias and hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cultivar.application.evaluating import EvalOrder, evaluate
from cultivar.application.subjects import Subjects
from cultivar.errors import NotKnownError, UsageError
from cultivar.evals.suites.reading import read_suite
from cultivar.evals.suites.suite import Suite
from cultivar.evals.trying.base import Subject
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ArtifactStore, Pointer
from cultivar.lifecycle import CANARY, Artifact, ArtifactVersion
from cultivar.record import replace
from cultivar.testing.greeters import GREETER, greeter, settings_in
from cultivar.testing.repositories import git
from cultivar.tree import Tree, text_entry
from cultivar.wiring import Services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = replace(settings_in(tmp_path), template_paths=(Path("templates"),))
    made = Services(settings, {})
    yield made
    made.close()


def write(folder: Path, tree: Tree) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path, entry in tree.items():
        (folder / path).write_bytes(entry.content)
    return folder


def suite_of(folder: Path, what: str) -> Suite:
    folder.mkdir(parents=True, exist_ok=True)
    said = "contains: hello" if what.startswith("template") else "contains: x"
    (folder / "suite.yaml").write_text(f"{what}\ncases: [{{assertions: [{said}]}}]\n")
    return read_suite(folder / "suite.yaml")


def kept(services: Services, subject: Subject, version: str) -> str:
    """Keep a version in the ledger; its tree's hash."""
    services.need(ContentStore).put(subject.tree)
    services.need(ArtifactStore).keep(
        ArtifactVersion(
            artifact=subject.artifact,
            tree_hash=subject.tree_hash,
            version=version,
            made_by="model",
            made_at=datetime.now(UTC),
        )
    )
    return subject.tree_hash


def test_the_current_version_is_called_by_its_number(services: Services, tmp_path: Path) -> None:
    write(tmp_path / "templates" / "greeter", greeter(version="1.2.0").tree)
    found = Subjects(services).found(suite_of(tmp_path, "template: test:greeter"), ("",))
    assert list(found) == ["1.2.0"]
    assert found["1.2.0"].artifact == GREETER


def test_a_folder_is_found_from_where_the_suite_is(services: Services, tmp_path: Path) -> None:
    write(tmp_path / "suites" / "mine", greeter().tree)
    suite = suite_of(tmp_path / "suites", "template: ./mine")
    (subject,) = Subjects(services).found(suite, ("",)).values()
    assert subject.tree_hash == greeter().tree_hash
    assert not subject.trusted


def test_tags_and_commits_of_a_repository_are_versions(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    trees = {tag: greeter(version=tag.removeprefix("v")).tree for tag in ("v1.0.0", "v1.1.0")}
    for tag, tree in trees.items():
        write(folder, tree)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", tag)
        git(folder, "tag", tag)
    labels = ("v1.0.0", "1.1.0", git(folder, "rev-parse", "v1.0.0"))
    found = Subjects(services).found(suite_of(tmp_path, f"template: {folder}"), labels)
    versions = [_version(each) for each in found.values()]
    assert versions == ["1.0.0", "1.1.0", "1.0.0"]


def _version(subject: Subject) -> str:
    text = subject.tree.text("copier.yml")
    return text.partition("version: ")[2].partition("\n")[0]


def test_versions_of_the_ledger_are_found_by_alias_number_and_hash(
    services: Services, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "greeter", greeter().tree)
    tree_hash = kept(services, greeter("true", version="1.0.1"), "1.0.1")
    pointer = Pointer(alias=CANARY, tree_hash=tree_hash, since=datetime.now(UTC))
    services.need(ArtifactStore).point(GREETER, pointer)
    labels = ("canary", "1.0.1", tree_hash[:12])
    found = Subjects(services).found(suite_of(tmp_path, "template: test:greeter"), labels)
    assert [each.tree_hash for each in found.values()] == [tree_hash] * 3
    assert not any(each.trusted for each in found.values())


def test_a_version_that_is_nowhere_is_refused(services: Services, tmp_path: Path) -> None:
    write(tmp_path / "templates" / "greeter", greeter().tree)
    with pytest.raises(NotKnownError, match="9"):
        Subjects(services).found(suite_of(tmp_path, "template: test:greeter"), ("9.9.9",))


def test_versions_of_two_templates_are_refused(services: Services, tmp_path: Path) -> None:
    other = greeter().tree.text("copier.yml").replace("test:greeter", "test:other")
    write(tmp_path / "one", greeter().tree)
    (write(tmp_path / "two", greeter().tree) / "copier.yml").write_text(other)
    suite = suite_of(tmp_path, "template: ./one")
    with pytest.raises(UsageError, match="different artifacts: template:test:greeter, template"):
        Subjects(services).found(suite, ("", str(tmp_path / "two")))


def test_a_tool_of_the_workspace_comes_before_ours(services: Services, tmp_path: Path) -> None:
    suite = suite_of(tmp_path, "tool: failing_lines")
    (ours,) = Subjects(services).found(suite, ("",)).values()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "failing_lines.py").write_text("# another\n")
    (theirs,) = Subjects(services).found(suite, ("",)).values()
    assert (ours.trusted, theirs.trusted) == (True, False)
    assert theirs.tree.text("failing_lines.py") == "# another\n"


def test_a_prompt_is_its_one_file(services: Services, tmp_path: Path) -> None:
    suite = suite_of(tmp_path, "prompt: inferrer/infer")
    (subject,) = Subjects(services).found(suite, ("",)).values()
    assert subject.artifact == Artifact(kind="prompt", name="inferrer/infer")
    assert list(subject.tree) == ["infer.md.jinja"]


def test_a_version_that_cannot_be_read_fails_its_trials_and_the_others_are_tried(
    services: Services, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "greeter", greeter().tree)
    suite_of(tmp_path, "template: test:greeter")
    broken = greeter().tree.replace({"copier.yml": text_entry("name: [\n")})
    tree_hash = kept(services, replace(greeter(), tree=broken), "1.0.1")
    order = EvalOrder(suite=tmp_path / "suite.yaml", versions=(tree_hash, "1.0.0"), workers=1)
    done = evaluate(services, order)
    assert [(each.passed, each.failed) for each in done.summaries] == [(0, 1), (1, 0)]
    assert "not YAML" in done.results[0].output


def test_two_names_of_one_version_are_told_apart_by_their_names(
    services: Services, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "greeter", greeter().tree)
    suite_of(tmp_path, "template: test:greeter")
    order = EvalOrder(
        suite=tmp_path / "suite.yaml", versions=("1.0.0", greeter().tree_hash), workers=1
    )
    kept(services, greeter(), "1.0.0")
    done = evaluate(services, order)
    assert [(each.label, each.passed) for each in done.summaries] == [
        ("1.0.0", 1),
        (greeter().tree_hash, 1),
    ]
