"""What made an output and what it is to become: from the ledger, the catalog, and real git."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cultivar.errors import NotKnownError, UnavailableError, UsageError
from cultivar.generation.templates import TemplateStore
from cultivar.ledger.base import Query
from cultivar.ledger.sql import SqlLedger
from cultivar.model import Answers, Generation, Json, SlotBody
from cultivar.record import replace
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.questions.interview import interview
from cultivar.templating.rendering.render import render
from cultivar.templating.template import Template
from cultivar.testing.generations import attempt_at, generation_of
from cultivar.testing.repositories import commit, git
from cultivar.tree import Tree
from cultivar.upgrade.outputs import Output, outputs
from cultivar.upgrade.sources import Sources
from cultivar.upgrade.versions import Versions, Wanted
from cultivar.upgrades import UpgradeOrder

ANSWERS = "{{ _copier_answers|to_nice_yaml -}}\n"
CONFIG = "name: me\n_subdirectory: files\n"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A template's repository: v1.0.0, v1.1.0, a commit, 2.0.0b1, and a branch of 1.0."""
    folder = tmp_path / "origin"
    (folder / "files").mkdir(parents=True)
    (folder / "copier.yml").write_text(CONFIG)
    (folder / "files" / "{{ _copier_conf.answers_file }}.jinja").write_text(ANSWERS)
    (folder / "files" / "hello.txt.jinja").write_text("Hello {{ name }}\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder / "files", "one", "v1.0.0")
    commit(folder / "files", "two", "v1.1.0")
    commit(folder / "files", "three")
    commit(folder / "files", "four", "2.0.0b1")
    git(folder, "checkout", "-q", "-b", "old", "v1.0.0")
    commit(folder / "files", "backport", "v1.0.1")
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog([tmp_path / "templates"], tmp_path / "cache", [])


@pytest.fixture
def sources(ledger: SqlLedger, catalog: Catalog) -> Sources:
    return fresh(ledger, catalog)


def fresh(ledger: SqlLedger, catalog: Catalog) -> Sources:
    """Sources that have seen nothing yet, as a new process has them."""
    return Sources(
        ledger=ledger,
        content=ledger.content,
        templates=TemplateStore(ledger.content),
        versions=Versions(catalog=catalog),
    )


def made(template: Template, given: Mapping[str, Json]) -> tuple[Answers, Tree]:
    """The answers and the tree of a template."""
    answers = interview(template, given)
    return answers, render(template, answers).tree


def generate(catalog: Catalog, reference: str, ref: str, folder: Path) -> Output:
    """Do as Copier does: render into `folder`, with Copier's answers file."""
    _, tree = made(catalog.find(reference, ref), {"name": "Ada"})
    for path, entry in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(entry.content)
    return outputs(folder)[0]


def written(folder: Path, answers: str) -> Output:
    """An output of which there is an answers file of Copier's."""
    folder.mkdir()
    (folder / ".copier-answers.yml").write_text(answers)
    return outputs(folder)[0]


@dataclass
class Server:
    """Serves a repository over HTTP, and counts who asks what there is in it."""

    folder: Path
    port: int = 0
    visits: int = 0

    def serve(self, origin: Path) -> str:
        """Serve the repository as it is now; returns its address."""
        git(origin, "push", "-q", "--mirror", str(self.folder))
        git(self.folder, "update-server-info")
        return f"http://127.0.0.1:{self.port}/repository"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served" / "repository"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "-b", "main")
    serving = Server(folder=folder)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.visits += "/info/refs" in self.path
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    handler = partial(Handler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        serving.port = web.server_port
        Thread(target=web.serve_forever, daemon=True).start()
        yield serving
        web.shutdown()


def order_for(output: Output, **changes: object) -> UpgradeOrder:
    """An upgrade of `output`."""
    order = UpgradeOrder(folder=str(output.folder), answers_file=output.answers_file)
    return replace(order, **changes)


def recorded(
    ledger: SqlLedger,
    output: Output,
    template: Template,
    *,
    task: str = "",
    slots: tuple[SlotBody, ...] = (),
) -> Generation:
    """Let the ledger know what generated `output`."""
    answers, tree = made(template, {"name": "Ada"})
    ledger.content.put(template.tree)
    attempt = attempt_at(ledger.content.put(tree))
    generation = generation_of(
        tree.hash,
        template=template.ref,
        answers=answers,
        attempts=(replace(attempt, draft=replace(attempt.draft, slots=slots)),),
        output=str(output.folder),
        file_path=str(output.folder),
        task=task,
    )
    ledger.record(generation)
    return generation


# Where the old version comes from


def test_what_the_ledger_has_needs_neither_template_nor_network(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    generation = recorded(ledger, output, catalog.find(str(origin), "v1.0.0"))
    shutil.rmtree(origin)

    base = sources.base(output, order_for(output))

    assert (base.how, base.generation) == ("generated here", generation)
    assert base.tree == ledger.content.tree(generation.tree_hash)
    assert base.template is not None
    assert base.template.tree.text("files/content.txt") == "one"


def test_an_answer_that_was_edited_since_leaves_the_base_as_it_was(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    generation = recorded(ledger, output, catalog.find(str(origin), "v1.0.0"))
    file = output.folder / output.answers_file
    file.write_text(file.read_text().replace("Ada", "Bob"))

    base = sources.base(outputs(output.folder)[0], order_for(output))

    assert (base.generation, base.given) == (generation, {"name": "Bob"})


def test_a_project_that_was_moved_is_known_by_its_answers(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    generation = recorded(ledger, output, catalog.find(str(origin), "v1.0.0"))
    output.folder.rename(tmp_path / "moved")
    shutil.rmtree(origin)
    (moved,) = outputs(tmp_path / "moved")

    base = sources.base(moved, order_for(moved))

    assert (base.how, base.generation) == ("generated elsewhere", generation)


@pytest.mark.parametrize(
    ("changed", "how"),
    [
        (("hello.txt", "content.txt"), "kept template"),
        (("hello.txt",), "generated elsewhere"),
    ],
)
def test_what_a_model_wrote_elsewhere_counts_only_where_most_of_it_stands_here(
    sources: Sources,
    ledger: SqlLedger,
    catalog: Catalog,
    origin: Path,
    tmp_path: Path,
    changed: tuple[str, ...],
    how: str,
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    template = catalog.find(str(origin), "v1.0.0")
    slots = (SlotBody(path="hello.txt", slot="a", body="x"),)
    recorded(ledger, replace(output, folder=tmp_path / "elsewhere"), template, slots=slots)
    for path in changed:
        (output.folder / path).write_text("mine\n")

    assert sources.base(output, order_for(output)).how == how


def test_a_template_that_the_ledger_kept_for_others_is_rendered_again(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    recorded(ledger, replace(output, folder=tmp_path / "x"), catalog.find(str(origin), "v1.0.0"))
    (generation,) = ledger.generations(Query())
    file = output.folder / output.answers_file
    file.write_text(file.read_text().replace("Ada", "Eve"))
    shutil.rmtree(origin)
    (edited,) = outputs(output.folder)

    base = sources.base(edited, order_for(edited))

    assert (base.how, base.tree, base.given) == ("kept template", None, {"name": "Eve"})
    assert base.template is not None
    assert base.template.ref == generation.template


@pytest.mark.parametrize("form", ["{}", "file://{}"])
@pytest.mark.parametrize("ref", ["v1.0.0", "v1.1.0-1-g", "hash"])
def test_a_project_of_copiers_is_made_again_from_its_templates_repository(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path, form: str, ref: str
) -> None:
    if ref != "v1.0.0":
        ref = git(origin, "describe", "--tags", "main~1") if "g" in ref else "main~1"
    reference = form.format(origin)
    output = generate(catalog, reference, ref, tmp_path / "project")

    base = sources.base(output, order_for(output))

    assert (base.how, base.tree, base.given) == ("origin", None, {"name": "Ada"})
    assert base.template is not None
    assert base.template.ref.ref == output.commit
    _, tree = made(base.template, base.given)
    assert tree.text("hello.txt") == (output.folder / "hello.txt").read_text()


def test_answers_to_questions_that_the_template_does_not_have_are_left_out(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    with (output.folder / output.answers_file).open("a") as file:
        file.write("forgotten: 1\n")
    (edited,) = outputs(output.folder)

    assert sources.base(edited, order_for(edited)).given == {"name": "Ada"}


def test_a_commit_that_a_rewritten_repository_lost_is_told_with_what_is_known(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, f"file://{origin}", "v1.0.1", tmp_path / "project")
    git(origin, "tag", "-d", "v1.0.1")
    git(origin, "branch", "-qD", "old")
    shutil.rmtree(tmp_path / "cache")

    with pytest.raises(NotKnownError) as caught:
        sources.base(output, order_for(output))

    told = str(caught.value)
    assert "'v1.0.1'" in told
    assert "`2.0.0b1`, `v1.1.0`, `v1.0.0`" in told
    assert "--source" in told
    assert "--from" in told
    assert sources.base(output, order_for(output, from_version="1.0.0")).template is not None


def test_a_repository_that_is_gone_is_told_with_what_is_known(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, f"file://{origin}", "v1.0.0", tmp_path / "project")
    origin.rename(tmp_path / "elsewhere")

    with pytest.raises(UnavailableError) as caught:
        sources.newest(output, order_for(output))

    assert f"file://{origin}" in str(caught.value)
    assert "`2.0.0b1`, `v1.1.0`" in caught.value.remedy
    assert sources.newest(output, order_for(output, to="v1.1.0")).ref.ref == "v1.1.0"
    there = order_for(output, template=str(tmp_path / "elsewhere"))
    assert sources.newest(output, there).ref.ref == "v1.1.0"


@pytest.mark.parametrize(
    ("content", "needed"),
    [
        ("name: Ada\n", "--source"),
        ("name: Ada\n_src_path: {origin}\n", "--from"),
        ("name: Ada\n_src_path: /nowhere/x\n_commit: v1\n", "--source"),
        ("name: Ada\n_template_id: t:none\n_template_version: 1.0.0\n", "--source"),
    ],
)
def test_an_answers_file_that_does_not_say_what_made_it_is_told_what_it_takes(
    sources: Sources, origin: Path, tmp_path: Path, content: str, needed: str
) -> None:
    output = written(tmp_path / "p", content.format(origin=origin))

    with pytest.raises(UsageError, match=needed):
        sources.base(output, order_for(output))
    said = order_for(output, template=str(origin), from_version="v1.0.0")
    assert sources.base(output, said).template is not None


# What it is to become


@pytest.mark.parametrize("form", ["{}", "file://{}"])
@pytest.mark.parametrize(
    ("to", "pre_releases", "ref"),
    [
        ("", False, "v1.1.0"),
        ("", True, "2.0.0b1"),
        ("v1.1.0", False, "v1.1.0"),
        ("1.1", False, "v1.1.0"),
        ("main", False, "2.0.0b1"),
        ("old", False, "v1.0.1"),
    ],
)
def test_the_new_version_is_the_newest_release_or_what_is_asked_for(
    sources: Sources,
    catalog: Catalog,
    origin: Path,
    tmp_path: Path,
    form: str,
    to: str,
    pre_releases: bool,
    ref: str,
) -> None:
    output = generate(catalog, form.format(origin), "v1.0.0", tmp_path / "project")

    new = sources.newest(output, order_for(output, to=to, pre_releases=pre_releases))

    assert new.ref.ref == ref


def test_a_version_that_is_not_there_is_told_with_the_nearest(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")

    with pytest.raises(NotKnownError, match=r"newest tags are `2\.0\.0b1`, `v1.1.0`") as caught:
        sources.newest(output, order_for(output, to="v1.2.0"))

    assert "v1.1.0" in caught.value.nearest


@pytest.mark.parametrize(
    ("present", "to"), [("v1.1.0", "v1.0.1"), ("2.0.0b1", "v1.1.0"), ("main~1", "main~2")]
)
def test_a_downgrade_is_refused_unless_allowed(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path, present: str, to: str
) -> None:
    output = generate(catalog, str(origin), present, tmp_path / "project")

    with pytest.raises(UsageError, match=r"is older than .*--allow-downgrade"):
        sources.newest(output, order_for(output, to=to))
    allowed = order_for(output, to=to, allow_downgrade=True)
    assert sources.newest(output, allowed).ref == catalog.find(str(origin), to).ref


def test_commits_without_any_tag_are_compared_by_history(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    for tag in git(origin, "tag").splitlines():
        git(origin, "tag", "-d", tag)
    output = generate(catalog, str(origin), "main~1", tmp_path / "project")

    assert sources.newest(output, order_for(output)).ref == catalog.find(str(origin), "main").ref
    with pytest.raises(UsageError, match="--allow-downgrade"):
        sources.newest(output, order_for(output, to="main~2"))


def test_commits_whose_hashes_read_like_versions_are_compared_by_history(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    for tag in git(origin, "tag").splitlines():
        git(origin, "tag", "-d", tag)
    old = _commit_like(origin, r"[1-9]\d{2,4}[ab]\d+")  # such as 395b750, the beta 750 of 395
    output = generate(catalog, str(origin), old, tmp_path / "project")
    new = _commit_like(origin, r"\d[ab]\d{5}")

    assert sources.newest(output, order_for(output)).ref == catalog.find(str(origin), new).ref


def _commit_like(repository: Path, pattern: str) -> str:
    """Make the commit whose hash begins like `pattern`: one in about a hundred does."""
    tree, parent = git(repository, "rev-parse", "HEAD^{tree}", "HEAD").split()
    texts = (_commit_text(tree, parent, number) for number in itertools.count())
    hashes = ((hashlib.sha1(f"commit {len(text)}\0{text}".encode()), text) for text in texts)
    found, text = next(
        (hashed.hexdigest(), text)
        for hashed, text in hashes
        if re.fullmatch(pattern, hashed.hexdigest()[:7])
    )
    (repository / ".git" / "commit").write_text(text)
    git(repository, "hash-object", "-t", "commit", "-w", ".git/commit")
    git(repository, "reset", "--hard", "--quiet", found)
    return found[:7]


def _commit_text(tree: str, parent: str, number: int) -> str:
    who = f"Ada <ada@example.org> {1_700_000_000 + number} +0000"
    return f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nanother\n"


def test_what_is_newer_than_the_newest_release_stays_what_it_is(
    sources: Sources, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "2.0.0b1", tmp_path / "project")

    assert sources.newest(output, order_for(output)).ref.ref == "2.0.0b1"


def test_a_repository_on_this_machine_is_read_where_it_stands(
    sources: Sources, origin: Path, tmp_path: Path
) -> None:
    output = written(tmp_path / "project", f"_src_path: file://{origin}\n_commit: v1.0.0\n")

    assert sources.newest(output, order_for(output)).ref.origin == f"file://{origin}"
    assert sources.base(output, order_for(output)).template is not None
    assert not (tmp_path / "cache").exists()


def test_a_repository_is_fetched_once_for_both_versions(
    ledger: SqlLedger, catalog: Catalog, server: Server, origin: Path, tmp_path: Path
) -> None:
    address = server.serve(origin)
    output = written(tmp_path / "project", f"_src_path: {address}\n_commit: v1.0.0\n")

    sources = fresh(ledger, catalog)
    first = sources.newest(output, order_for(output))
    base = sources.base(output, order_for(output))
    cloned = server.visits

    commit(origin / "files", "five", "v3.0.0")
    address = server.serve(origin)
    sources = fresh(ledger, catalog)
    second = sources.base(output, order_for(output)), sources.newest(output, order_for(output))

    assert (first.ref.ref, cloned) == ("v1.1.0", 1)
    assert (second[1].ref.ref, server.visits) == ("v3.0.0", 2)
    assert base.template == second[0].template


def test_a_process_that_lives_long_sees_new_releases(
    sources: Sources, server: Server, origin: Path, tmp_path: Path
) -> None:
    address = server.serve(origin)
    output = written(tmp_path / "project", f"_src_path: {address}\n_commit: v1.0.0\n")
    sources.newest(output, order_for(output))
    commit(origin / "files", "five", "v3.0.0")
    server.serve(origin)

    later = replace(sources, versions=replace(sources.versions, fresh_for=-1.0))

    assert sources.newest(output, order_for(output)).ref.ref == "v1.1.0"
    assert later.newest(output, order_for(output)).ref.ref == "v3.0.0"


def test_a_version_that_is_here_already_needs_no_network(
    ledger: SqlLedger, catalog: Catalog, server: Server, origin: Path, tmp_path: Path
) -> None:
    address = server.serve(origin)
    output = written(tmp_path / "project", f"_src_path: {address}\n_commit: v1.0.0\n")
    fresh(ledger, catalog).newest(output, order_for(output))

    sources = fresh(ledger, catalog)
    new = sources.newest(output, order_for(output, to="v1.1.0"))
    base = sources.base(output, order_for(output, to="v1.1.0"))

    assert (new.ref.ref, server.visits) == ("v1.1.0", 1)
    assert base.template is not None


def test_an_id_is_not_taken_for_a_folder_of_that_name(
    catalog: Catalog, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "copier.yml").write_text("_cultivar: {id: origin, version: 7.0.0}\n")
    monkeypatch.chdir(tmp_path)

    assert Versions(catalog=catalog).find(Wanted(reference="origin")).ref.version == "7.0.0"
    shutil.rmtree(tmp_path / "templates")
    assert Versions(catalog=catalog).find(Wanted(reference="origin")).ref.origin == str(origin)


def test_templates_of_the_catalog_go_by_their_version(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, tmp_path: Path
) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0rc1"):
        folder = tmp_path / "templates" / version
        folder.mkdir(parents=True)
        config = f"name: me\n_cultivar: {{id: t:one, version: {version}}}\n"
        (folder / "copier.yml").write_text(config)
        (folder / "a.txt").write_text(version)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / ".template-answers.yml").write_text(
        "_template_id: t:one\n_template_version: 1.10.0\nname: me\n"
    )
    (output,) = outputs(tmp_path / "p")

    assert sources.newest(output, order_for(output)).ref.version == "1.10.0"
    newest = sources.newest(output, order_for(output, pre_releases=True))
    assert newest.ref.version == "2.0.0rc1"
    with pytest.raises(UsageError, match="--allow-downgrade"):
        sources.newest(output, order_for(output, to="1.9.0"))
    base = sources.base(output, order_for(output))
    assert base.template is not None
    assert base.template.ref.version == "1.10.0"


def test_a_template_in_a_folder_of_its_own_is_found_where_the_ledger_says(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "copier.yml").write_text("name: me\n")
    (tmp_path / "plain" / "a.txt").write_text("a\n")
    (tmp_path / "plain" / "b.txt").write_text("b\n")
    found = catalog.find(str(tmp_path / "plain"))
    (tmp_path / "project").mkdir()
    for name in ("a.txt", "b.txt"):
        shutil.copy(tmp_path / "plain" / name, tmp_path / "project")
    kept = f"_template_id: plain\n_template_version: {found.ref.version}\nname: Ada\n"
    (tmp_path / "project" / ".template-answers.yml").write_text(kept)
    (output,) = outputs(tmp_path / "project")
    generation = recorded(ledger, output, found)

    assert sources.newest(output, order_for(output)).ref == found.ref
    output.folder.rename(tmp_path / "moved")
    (moved,) = outputs(tmp_path / "moved")
    assert sources.newest(moved, order_for(moved)).ref == found.ref
    assert sources.base(moved, order_for(moved)).generation == generation


# Adopting


def test_an_adopted_project_needs_its_template_no_more(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, f"file://{origin}", "v1.0.0", tmp_path / "project")

    adopted = sources.adopt(output, order_for(output), made, "here")
    shutil.rmtree(origin)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)

    assert (adopted.task, adopted.output, adopted.success) == ("adopted", str(output.folder), None)
    base = fresh(ledger, catalog).base(output, order_for(output))
    assert (base.how, base.generation) == ("generated here", adopted)
    assert base.tree is not None
    assert base.tree.text("hello.txt") == "Hello Ada\n"
    assert base.template is not None


def test_adopting_again_changes_nothing(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")

    first = sources.adopt(output, order_for(output), made, "here")
    second = sources.adopt(output, order_for(output), made, "here")

    assert first == second
    assert ledger.generations(Query()) == (first,)


def test_a_project_of_another_folder_is_adopted_as_it_was_generated(
    sources: Sources, ledger: SqlLedger, catalog: Catalog, origin: Path, tmp_path: Path
) -> None:
    output = generate(catalog, str(origin), "v1.0.0", tmp_path / "project")
    there = recorded(ledger, output, catalog.find(str(origin), "v1.0.0"), task="Greet Ada")
    output.folder.rename(tmp_path / "moved")
    (moved,) = outputs(tmp_path / "moved")

    adopted = sources.adopt(moved, order_for(moved), made, "here")

    assert adopted.output == str(moved.folder)
    assert (adopted.tree_hash, adopted.answers) == (there.tree_hash, there.answers)
    assert adopted.generated_at > datetime(2026, 1, 1, tzinfo=UTC)
