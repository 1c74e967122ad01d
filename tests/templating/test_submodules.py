"""Files of other repositories that belong to a template, fetched from a real web server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cultivar.errors import TemplateError, UnsafeError
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.repositories import commit, git, write_template


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog([tmp_path / "templates"], tmp_path / "cache", [])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A template in a repository."""
    folder = write_template(tmp_path / "origin" / "mine")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one", "v1.0.0")
    return folder


def add_submodule(repository: Path, address: str, child: Path) -> None:
    """Add `child` as the submodule `sub`, to be fetched from `address`."""
    head = git(child, "rev-parse", "HEAD")
    (repository / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = sub\n\turl = {address}\n')
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    (repository / "sub").mkdir()
    commit(repository, "with", "9.0.0")


@pytest.fixture
def child(tmp_path: Path) -> Path:
    """A repository that can be fetched from any plain web server."""
    folder = write_template(tmp_path / "web" / "child")
    git(folder, "init", "-q")
    commit(folder, "child")
    git(folder, "update-server-info")
    return folder


def test_the_files_of_a_submodule_belong_to_the_template(
    repository: Path, child: Path, catalog: Catalog, web: str
) -> None:
    add_submodule(repository, f"{web}/child/.git", child)
    template = catalog.find(f"file://{repository}")

    assert template.tree.text("sub/content.txt") == "child"


def test_a_submodule_may_be_named_from_where_the_template_is(
    repository: Path, child: Path, catalog: Catalog, web: str
) -> None:
    add_submodule(repository, "../../child/.git", child)
    git(repository, "clone", "-q", "--bare", ".", str(child.parent / "main" / "it.git"))
    git(child.parent / "main" / "it.git", "update-server-info")

    assert "sub/copier.yml" in catalog.find(f"{web}/main/it.git").tree


def test_a_submodule_on_this_machine_is_refused(
    repository: Path, child: Path, catalog: Catalog
) -> None:
    add_submodule(repository, str(child), child)

    with pytest.raises(UnsafeError, match="on this machine"):
        catalog.find(f"file://{repository}")


def test_a_submodule_without_an_address_is_the_templates_fault(
    repository: Path, child: Path, catalog: Catalog
) -> None:
    add_submodule(repository, "", child)

    with pytest.raises(TemplateError, match="no address"):
        catalog.find(f"file://{repository}")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server over the folder `web`."""
    (tmp_path / "web").mkdir(exist_ok=True)
    handler = partial(QuietHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, format: str, *args: object) -> None:
        del format, args
