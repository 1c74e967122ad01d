from __future__ import annotations

from collections.abc import Mapping

from cultivar.tree import Tree, text_entry
from cultivar.upgrade.merging.base import Merge, Policy, Trees
from cultivar.upgrade.merging.ladder import merge

Files = Mapping[str, str]
PAGE = "".join(f"Sentence {number} of a page.\n" for number in range(12))
EDITED = PAGE.replace("Sentence 9 of a page.", "Sentence 9, by a person.")
NEWER = PAGE.replace("Sentence 2 of a page.", "Sentence 2 of the newer page.")
BOTH = NEWER.replace("Sentence 9 of a page.", "Sentence 9, by a person.")


def merged(base: Files, ours: Files, theirs: Files) -> Merge:
    trees = (
        Tree({path: text_entry(text) for path, text in files.items()})
        for files in (base, ours, theirs)
    )
    return merge(Trees(**dict(zip(("base", "ours", "theirs"), trees, strict=True))), Policy())


def result(base: Files, ours: Files, theirs: Files) -> dict[str, str]:
    changes = merged(base, ours, theirs).changes
    tree = Tree({path: text_entry(text) for path, text in ours.items()}).replace(changes)
    return {path: tree.text(path) for path in tree}


def test_an_edited_file_that_the_template_moved_is_carried() -> None:
    assert result({"a.md": PAGE}, {"a.md": EDITED}, {"docs/b.md": NEWER}) == {"docs/b.md": BOTH}


def test_an_edited_file_that_the_template_only_renamed_is_carried() -> None:
    merge = merged({"a.md": PAGE}, {"a.md": EDITED}, {"b.md": PAGE})
    (file,) = merge.files
    assert (file.path, file.moved_from, merge.conflicts) == ("b.md", "a.md", ())
    assert merge.changes == {"a.md": None, "b.md": text_entry(EDITED)}


def test_a_file_that_the_user_moved_is_followed() -> None:
    assert result({"a.md": PAGE}, {"own/x.md": EDITED}, {"a.md": NEWER}) == {"own/x.md": BOTH}


def test_a_file_that_both_moved_stays_where_the_user_has_it() -> None:
    assert result({"a.md": PAGE}, {"own/x.md": EDITED}, {"b.md": NEWER}) == {"own/x.md": BOTH}


def test_a_file_that_both_moved_to_one_place_is_merged_there() -> None:
    assert result({"a.md": PAGE}, {"b.md": EDITED}, {"b.md": NEWER}) == {"b.md": BOTH}


def test_a_moved_file_in_conflict_is_open_at_both_places() -> None:
    theirs = PAGE.replace("Sentence 9 of a page.", "Something else.")
    merge = merged({"a.md": PAGE}, {"a.md": EDITED}, {"b.md": theirs})
    assert [conflict.versions.path for conflict in merge.conflicts] == ["a.md", "b.md"]
    marked = merge.conflicts[1].marked
    assert marked is not None
    assert b"Sentence 9, by a person." in marked.content


def test_files_that_only_look_alike_are_not_taken_for_one_another() -> None:
    base = {"one.md": PAGE, "two.md": PAGE}
    theirs = {"three.md": PAGE, "four.md": PAGE}
    merge = merged(base, {"one.md": EDITED, "two.md": PAGE}, theirs)
    assert [conflict.versions.path for conflict in merge.conflicts] == ["one.md"]


def test_a_short_likeness_is_no_move() -> None:
    base, theirs = {"a.md": "# Title\nold\n"}, {"b.md": "# Title\nnew words here\n"}
    ours = {"a.md": "# Title\nold\nmine\n"}
    assert result(base, ours, theirs) == {**ours, **theirs}


def test_a_few_words_do_not_make_a_file_one_that_the_user_moved() -> None:
    base, ours = {"a/README.md": "Put it here.\n"}, {"b/README.md": "Put it here.\n"}
    assert result(base, ours, {"a/README.md": PAGE}) == ours


def test_the_users_own_files_do_not_follow_a_folder_that_the_template_renamed() -> None:
    base = {"old/a.py": PAGE, "old/b.py": EDITED}
    theirs = {"new/a.py": PAGE, "new/b.py": EDITED}
    assert result(base, {**base, "old/mine.py": "x = 1\n"}, theirs) == {
        **theirs,
        "old/mine.py": "x = 1\n",
    }


def test_a_package_that_was_renamed_is_followed_though_its_name_is_in_every_file() -> None:
    files = {
        "src/{}/__init__.py": "from {}.main import main\n\n__all__ = ['main']\n",
        "src/{}/main.py": "from {} import a\nfrom {} import b\n\ndef main(): pass\n",
    }
    base, theirs = (
        {path.format(name): text.replace("{}", name) for path, text in files.items()}
        for name in ("old", "new")
    )
    ours = {**base, "src/old/main.py": base["src/old/main.py"] + "\n\nMINE = 1\n"}
    merge = merged(base, ours, theirs)
    assert merge.conflicts == ()
    assert b"MINE = 1" in (merge.changes["src/new/main.py"] or text_entry("")).content


def test_a_file_that_the_user_deleted_and_the_template_moved_unchanged_is_offered() -> None:
    assert result({"a.md": PAGE}, {}, {"b.md": PAGE}) == {"b.md": PAGE}


def test_a_new_file_at_the_place_of_a_move_is_not_overwritten() -> None:
    merge = merged({"a.md": PAGE}, {"a.md": EDITED, "b.md": "mine\n"}, {"b.md": PAGE})
    assert {conflict.versions.path for conflict in merge.conflicts} == {"a.md", "b.md"}


def test_an_edited_file_stays_where_it_is_if_there_is_no_room_where_it_would_go() -> None:
    ours = {"a.md": EDITED, "b.md/mine": "x\n"}
    theirs = PAGE.replace("Sentence 9 of a page.", "Something else.")
    assert result({"a.md": PAGE}, ours, {"b.md": theirs}) == ours
