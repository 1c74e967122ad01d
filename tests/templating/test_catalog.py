"""From an id, a folder or a git address to a template, with real repositories."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from copier._template import Template as CopierTemplate

from cultivar.errors import NotKnownError, TemplateError, UnavailableError, UsageError
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.origins.git import local_repository
from cultivar.testing.repositories import commit, git, write_template

BUILTIN = Path(__file__).parents[2] / "templates_data"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the releases 1.0.0 and 1.1.0, a pre-release, and a commit after it."""
    folder = write_template(tmp_path / "origin" / "mine")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one", "v1.0.0")
    commit(folder, "two", "1.1.0", "not-a-version")
    commit(folder, "three", "2.0.0b1")
    commit(folder, "four")
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog([tmp_path / "templates"], tmp_path / "cache", [])


def content(catalog: Catalog, reference: str, ref: str = "", *, pre_releases: bool = False) -> str:
    return catalog.find(reference, ref, pre_releases=pre_releases).tree.text("content.txt")


def test_the_shipped_templates_are_found_and_trusted(tmp_path: Path) -> None:
    catalog = Catalog([], tmp_path, [], builtin=[BUILTIN])

    assert {each.ref.id for each in catalog.all()} >= {
        "quality_template:python-production",
        "quality_template:elixir-production",
        "project_template:python-library",
    }
    assert catalog.broken == {}
    assert {(each.ref.origin, each.ref.trusted) for each in catalog.all()} == {("builtin", True)}


def test_of_several_versions_the_newest_is_found(tmp_path: Path, catalog: Catalog) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0rc1"):
        write_template(tmp_path / "templates" / version, id="t:one", version=version)

    assert catalog.find("t:one").ref.version == "1.10.0"
    assert catalog.find("t:one", pre_releases=True).ref.version == "2.0.0rc1"
    assert catalog.find("t:one", "1.9").ref.version == "1.9.0"
    assert [each.ref.version for each in catalog.all()] == ["2.0.0rc1", "1.10.0", "1.9.0"]


def test_a_version_that_is_not_there_is_not_known(tmp_path: Path, catalog: Catalog) -> None:
    write_template(tmp_path / "templates" / "one", id="t:one")

    with pytest.raises(NotKnownError, match=r"version of `t:one` '3'"):
        catalog.find("t:one", "3")


def test_of_one_version_the_first_folder_has_it(tmp_path: Path) -> None:
    first = write_template(tmp_path / "a" / "one", id="t:one")
    write_template(tmp_path / "b" / "one", id="t:one")
    catalog = Catalog([tmp_path / "a", tmp_path / "b"], tmp_path / "cache", [])

    assert [each.ref.origin for each in catalog.all()] == [str(first)]


def test_an_unknown_template_gets_the_nearest_names(tmp_path: Path, catalog: Catalog) -> None:
    write_template(tmp_path / "templates" / "one", id="quality_template:python-production")

    with pytest.raises(NotKnownError) as caught:
        catalog.find("quality_template:python-prod")

    assert caught.value.nearest == ("quality_template:python-production",)


def test_a_broken_template_is_told_and_keeps_no_other_away(
    tmp_path: Path, catalog: Catalog
) -> None:
    write_template(tmp_path / "templates" / "good", id="t:good")
    bad = write_template(tmp_path / "templates" / "bad")
    (bad / "copier.yml").write_text("a: b: c")

    assert [each.ref.id for each in catalog.all()] == ["t:good"]
    assert list(catalog.broken) == [str(bad)]
    with pytest.raises(TemplateError, match="line 1"):
        catalog.find("bad")


def test_a_file_name_that_is_no_text_breaks_its_template_only(
    tmp_path: Path, catalog: Catalog
) -> None:
    write_template(tmp_path / "templates" / "good", id="t:good")
    bad = write_template(tmp_path / "templates" / "bad", id="t:bad")
    (bad / os.fsdecode(b"\xff")).touch()

    assert [each.ref.id for each in catalog.all()] == ["t:good"]
    assert list(catalog.broken) == [str(bad)]


def test_a_change_to_a_template_is_seen(tmp_path: Path, catalog: Catalog) -> None:
    folder = write_template(tmp_path / "templates" / "one", id="t:one")
    before = catalog.find("t:one")
    unchanged = catalog.find("t:one")
    (folder / "more.txt").write_text("x")

    assert unchanged is before
    assert "more.txt" in catalog.find("t:one").tree


def test_a_folder_that_is_not_there_holds_no_templates(tmp_path: Path) -> None:
    assert Catalog([tmp_path / "none"], tmp_path, []).all() == ()


def test_a_folder_is_a_reference(tmp_path: Path, catalog: Catalog) -> None:
    folder = write_template(tmp_path / "elsewhere")
    template = catalog.find(str(folder))

    assert (template.ref.id, template.ref.origin) == ("elsewhere", str(folder))
    assert not template.ref.trusted


@pytest.mark.parametrize(
    ("trust", "trusted"),
    [
        ("{}", True),
        ("{}/acme", True),
        ("{}/acme/", True),
        ("{}/acme/one", True),
        ("{}/ac", False),
        ("{}/acme/one/two", False),
        ("{}/acme-evil", False),
        ("", False),
    ],
)
def test_an_origin_is_trusted_by_what_it_starts_with(
    trust: str, trusted: bool, tmp_path: Path
) -> None:
    folder = write_template(tmp_path / "acme" / "one")
    catalog = Catalog([], tmp_path / "cache", [trust.format(tmp_path)])

    assert catalog.find(str(folder)).ref.trusted is trusted


@pytest.mark.parametrize(
    ("trust", "trusted"), [("file://{}/", True), ("file://{}/mine", True), ("file://{}/m", False)]
)
def test_a_repository_is_trusted_by_its_address(
    trust: str, trusted: bool, repository: Path, tmp_path: Path
) -> None:
    catalog = Catalog([], tmp_path / "cache", [trust.format(repository.parent)])

    assert catalog.find(f"file://{repository}").ref.trusted is trusted


def test_a_bundle_is_a_repository(repository: Path, tmp_path: Path, catalog: Catalog) -> None:
    git(repository, "bundle", "create", str(tmp_path / "mine.bundle"), "--all")

    assert content(catalog, str(tmp_path / "mine.bundle")) == "two"


def test_nothing_is_no_reference(catalog: Catalog) -> None:
    with pytest.raises(NotKnownError):
        catalog.find("")


def test_a_cache_that_cannot_be_written_is_told(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    catalog = Catalog([], tmp_path / "file" / "cache", [])

    with pytest.raises(UnavailableError, match="cannot be used"):
        catalog.find(f"file://{repository}")


def test_without_a_ref_the_newest_release_is_taken(repository: Path, catalog: Catalog) -> None:
    template = catalog.find(str(repository))

    assert template.tree.text("content.txt") == "two"
    assert (template.ref.id, template.ref.version) == ("mine", "1.1.0")
    assert ".git" not in template.tree


def test_pre_releases_are_taken_when_asked_for(repository: Path, catalog: Catalog) -> None:
    assert content(catalog, str(repository), pre_releases=True) == "three"


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}.git"])
@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("v1.0.0", "one"),
        ("main", "four"),
        ("HEAD", "four"),
        ("HEAD~1", "three"),
        ("2.0.0b1", "three"),
    ],
)
def test_a_tag_a_branch_or_a_commit_may_be_named(
    form: str, ref: str, expected: str, repository: Path, catalog: Catalog
) -> None:
    if form == "{}.git":
        git(repository, "clone", "-q", "--bare", ".", f"{repository}.git")

    assert content(catalog, form.format(repository), ref) == expected


def test_a_commit_may_be_named_by_its_hash(repository: Path, catalog: Catalog) -> None:
    first = git(repository, "rev-parse", "v1.0.0")

    assert content(catalog, f"file://{repository}", first) == "one"
    assert content(catalog, str(repository), first[:10]) == "one"


def test_a_ref_that_is_not_there_gets_the_nearest(repository: Path, catalog: Catalog) -> None:
    with pytest.raises(NotKnownError) as caught:
        catalog.find(str(repository), "1.0.0")

    assert "v1.0.0" in caught.value.nearest


@pytest.mark.parametrize("ref", ["", "v1.0.0", "HEAD"])
def test_the_version_is_copiers(ref: str, repository: Path, catalog: Catalog) -> None:
    theirs = CopierTemplate(url=str(repository), ref=ref or None)
    ours = catalog.find(str(repository), ref)

    assert ours.ref.ref == theirs.commit
    assert ours.ref.version == str(theirs.version)


def test_a_folder_with_changes_is_taken_as_it_is(repository: Path, catalog: Catalog) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    (repository / "a.log").touch()
    (repository / "content.txt").write_text("changed")
    template = catalog.find(str(repository))

    assert template.tree.text("content.txt") == "changed"
    assert "a.log" not in template.tree
    assert content(catalog, str(repository), "v1.0.0") == "one"


def test_a_repository_without_commits_is_taken_as_it_is(tmp_path: Path, catalog: Catalog) -> None:
    folder = write_template(tmp_path / "new")
    git(folder, "init", "-q")

    assert catalog.find(str(folder)).ref.id == "new"


def test_modes_and_links_are_kept(tmp_path: Path, catalog: Catalog) -> None:
    folder = write_template(tmp_path / "modes")
    (folder / "run").write_bytes(b"\x00\xff")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("run")
    git(folder, "init", "-q")
    commit(folder, "ä", "1.0.0")

    tree = catalog.find(f"file://{folder}").tree

    assert [tree[name].mode for name in ("run", "link", "copier.yml")] == [
        "executable",
        "link",
        "file",
    ]
    assert tree["run"].content == b"\x00\xff"
    assert tree.text("content.txt") == "ä"


def test_a_clone_is_brought_up_to_date(repository: Path, catalog: Catalog) -> None:
    address = f"file://{repository}"
    before = content(catalog, address)
    commit(repository, "five", "3.0.0")

    assert (before, content(catalog, address)) == ("two", "five")


def test_a_tag_that_was_cloned_needs_no_network(repository: Path, catalog: Catalog) -> None:
    address = f"file://{repository}"
    described = catalog.find(address, "HEAD").ref.ref
    repository.rename(repository.with_name("gone"))

    assert content(catalog, address, "v1.0.0") == "one"
    assert content(catalog, address, described) == "four"
    with pytest.raises(UnavailableError):
        catalog.find(address)


def test_a_repository_that_is_not_there_is_unavailable(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(UnavailableError, match="Git failed"):
        catalog.find(f"file://{tmp_path}/none.git")

    assert not list((tmp_path / "cache").glob("clone-*"))


@pytest.mark.parametrize("reference", ["--upload-pack=touch x", "-x"])
def test_what_looks_like_an_option_is_refused(reference: str, catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="option"):
        catalog.find(reference)


def test_a_ref_that_looks_like_an_option_is_refused(repository: Path, catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="option"):
        catalog.find(str(repository), "--output=x")


@pytest.mark.parametrize(
    "address", ["ext::sh -c touch% x", "git+ext::sh -c x", "git+--upload-pack=x"]
)
def test_no_address_runs_a_command(address: str, tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises((NotKnownError, UnavailableError, UsageError)):
        catalog.find(address.replace("x", str(tmp_path / "touched")))

    assert not (tmp_path / "touched").exists()


def test_a_repositorys_own_settings_run_nothing(repository: Path, catalog: Catalog) -> None:
    touched = repository.parent / "touched"
    hook = repository / ".git" / "hooks" / "post-checkout"
    for script in (hook, repository.parent / "evil"):
        script.write_text(f"#!/bin/sh\ntouch {touched}\n")
        script.chmod(0o755)
    evil = str(repository.parent / "evil")
    for key in ("core.fsmonitor", "filter.x.clean", "filter.x.smudge", "core.pager"):
        git(repository, "config", key, evil)
    (repository / ".git" / "info" / "attributes").write_text("* filter=x\n")
    (repository / "content.txt").write_text("changed")

    catalog.find(str(repository))
    catalog.find(f"file://{repository}", "v1.0.0")

    assert not touched.exists()


def test_an_error_of_git_shows_no_credentials(catalog: Catalog) -> None:
    with pytest.raises(UnavailableError) as caught:
        catalog.find("https://user:hunter2@localhost:1/x.git")

    assert "hunter2" not in str(caught.value)


def test_a_plain_folder_is_no_repository(tmp_path: Path) -> None:
    assert local_repository(tmp_path) is None


def test_json_templates_are_found_in_folders(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    text = '{"id": "q:%s", "version": "1.0.0", "questions": [], "content": "x"}'
    (folder / "one.json").write_text(text % "one")
    (folder / "package.json").write_text('{"name": "x"}')
    (folder / "inner").mkdir()
    (folder / "inner" / "two.json").write_text(text % "two")

    assert [each.ref.id for each in catalog.all()] == ["q:one", "q:two"]
    assert catalog.find(str(folder / "one.json")).ref.id == "q:one"


def test_a_folder_too_large_for_a_template_is_refused(
    tmp_path: Path, catalog: Catalog, sparse: Callable[[Path], None]
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    sparse(folder / "disk.img")

    with pytest.raises(TemplateError, match="too large"):
        catalog.find(str(folder))


@pytest.fixture
def sparse() -> Callable[[Path], None]:
    """Makes a file that is large without taking room."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(2**30)

    return make


def test_a_repository_that_would_fetch_what_it_lacks_runs_no_command_of_its_own(
    catalog: Catalog, repository: Path, tmp_path: Path
) -> None:
    blob = git(repository, "rev-parse", "v1.0.0:content.txt")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nobody@localhost/none",
        "core.sshCommand": f"touch {tmp_path / 'ran'}; false",
    }.items():
        git(repository, "config", name, value)

    with pytest.raises(UnavailableError, match=r"content\.txt"):
        catalog.find(str(repository), "v1.0.0")
    assert not (tmp_path / "ran").exists()
