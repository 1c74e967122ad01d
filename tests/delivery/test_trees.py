from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.delivery import transaction, trees
from cultivar.delivery.journal import Journals
from cultivar.delivery.trees import diff, plan
from cultivar.errors import DestinationError, UnsafeError, WriteError
from cultivar.model import Delivery
from cultivar.tree import Entry, Tree, read_tree, text_entry

NAMES = st.sampled_from(["a.py", "b.py", "c/d.py", "c/e/f.py", "g"])
TREES = st.dictionaries(NAMES, st.binary(max_size=9).map(lambda each: Entry(content=each))).map(
    Tree
)


def deliver(tree: Tree, folder: Path, **how: Any) -> Delivery:
    """Deliver, with the journals beside the folder."""
    return trees.deliver(tree, folder, _journals(folder), trees.Manner(**how))


def _journals(folder: Path) -> Journals:
    return Journals(folder.parent / "home")


def test_a_tree_is_written_with_its_modes_and_links(tmp_path: Path) -> None:
    tree = Tree(
        {
            "bin/run": text_entry("#!/bin/sh\n", "executable"),
            "lib/x.py": text_entry("x = 1\n"),
            "lib/y.py": Entry(content=b"x.py", mode="link"),
        }
    )
    deliver(tree, tmp_path / "new" / "out")
    assert read_tree(tmp_path / "new" / "out") == tree


def test_nothing_but_the_tree_is_left_in_the_folder(tmp_path: Path) -> None:
    deliver(Tree({"a": text_entry("1")}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_differs_stops_it_and_the_diff_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine\n")
    with pytest.raises(DestinationError) as refused:
        deliver(Tree({"a": text_entry("theirs\n"), "b": text_entry("new\n")}), tmp_path)
    assert refused.value.paths == ("a",)
    assert "-mine\n+theirs\n" in refused.value.diff
    assert read_tree(tmp_path) == Tree({"a": text_entry("mine\n")})


def test_a_file_that_differs_is_replaced_by_force(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine\n")
    done = deliver(Tree({"a": text_entry("theirs\n")}), tmp_path, force=True)
    assert done.replaced == ("a",)
    assert (tmp_path / "a").read_text() == "theirs\n"


def test_a_file_that_the_template_leaves_alone_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine\n")
    tree = Tree({"notes.md": text_entry("theirs\n")})
    assert deliver(tree, tmp_path, skip_if_exists=("notes.md",)).skipped == ("notes.md",)
    assert (tmp_path / "notes.md").read_text() == "mine\n"


def test_a_link_in_the_folder_does_not_lead_a_file_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lib").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeError, match="leads 'lib/x' out of it"):
        deliver(Tree({"lib/x": text_entry("1")}), tmp_path / "out")
    assert not list((tmp_path / "outside").iterdir())


def test_a_folder_where_a_file_should_go_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(WriteError, match="is a folder, where a file should go"):
        deliver(Tree({"a": text_entry("1")}), tmp_path, force=True)


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(WriteError, match="failed: File exists"):
        deliver(Tree({"a": text_entry("1")}), tmp_path / "out")


def test_what_a_stranger_left_in_the_folder_is_not_put_back(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    stage = tmp_path / "out" / ".cultivar-stage"
    (stage / "old").mkdir(parents=True)
    (tmp_path / "out" / "evil").write_text("evil")
    (stage / "journal.json").write_text('["../precious"]')
    (tmp_path / "out" / f"{transaction.STAGE}x").symlink_to(tmp_path)
    deliver(Tree({"a": text_entry("1")}), tmp_path / "out")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "out" / "a").read_text() == "1"


def test_a_diff_does_not_show_a_file_that_holds_a_secret(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("old-secret")
    tree = Tree({"env": text_entry("new-secret")})
    assert diff(tree, tmp_path, tree, hidden=("env",)) == ("File env differs, and holds a secret\n")


def test_a_diff_shows_new_changed_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    tree = Tree(
        {"new": text_entry("a\n"), "old": text_entry("2"), "raw": Entry(content=b"\xff\x00")}
    )
    assert diff(tree, tmp_path, tree) == (
        "diff --git a/new b/new\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n"
        "diff --git a/old b/old\n"
        "--- a/old\n+++ b/old\n@@ -1 +1 @@\n"
        "-1\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n"
        "Binary file raw differs\n"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(old=TREES, new=TREES)
def test_writing_by_force_leaves_the_new_files_and_the_others(
    old: Tree, new: Tree, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("out")
    deliver(old, folder)
    planned = plan(new, folder)
    assert deliver(new, folder, force=True) == planned
    assert read_tree(folder) == old.replace(dict(new))
    assert deliver(new, folder).added == ()
