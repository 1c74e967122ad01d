from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import UnsafeError
from cultivar.tree import Entry, Tree, read_tree, text_entry

PATHS = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}\.py", fullmatch=True)
TREES = st.dictionaries(PATHS, st.binary(max_size=9).map(lambda each: Entry(content=each)))


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "a//b", "./a", "", ".", "a\0b", "a\\b", ".git/hooks/x"]
)
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(UnsafeError):
        Tree({path: text_entry("")})


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "a/../../x"])
def test_a_link_that_leads_out_is_refused(target: str) -> None:
    with pytest.raises(UnsafeError, match="leads out of the destination"):
        Tree({"link": Entry(content=target.encode(), mode="link")})


def test_a_path_through_a_link_is_refused() -> None:
    link = Entry(content=b"elsewhere", mode="link")
    with pytest.raises(UnsafeError, match="which is no folder"):
        Tree({"a": link, "a/b": text_entry("")})


@given(entries=TREES)
def test_the_hash_does_not_depend_on_the_order_of_the_paths(entries: dict[str, Entry]) -> None:
    backwards = dict(reversed(entries.items()))
    assert Tree(entries).hash == Tree(backwards).hash


@given(one=TREES, other=TREES)
def test_trees_are_equal_when_their_hashes_are(
    one: dict[str, Entry], other: dict[str, Entry]
) -> None:
    assert (Tree(one) == Tree(other)) == (Tree(one).hash == Tree(other).hash)


def test_the_hash_tells_modes_apart() -> None:
    assert Tree({"a": text_entry("")}).hash != Tree({"a": text_entry("", "executable")}).hash


def test_a_folder_is_read_without_its_git_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").touch()
    (tmp_path / "a.py").write_text("x = 1\n")
    assert read_tree(tmp_path) == Tree({"a.py": text_entry("x = 1\n")})
