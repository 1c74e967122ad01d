from __future__ import annotations

from collections.abc import Mapping

import pytest

from cultivar.tree import Entry, Mode, Tree, text_entry
from cultivar.upgrade.merging.base import Merge, MergedFile, Policy, Resolution, Texts, Trees
from cultivar.upgrade.merging.ladder import merge

Files = Mapping[str, str | bytes | Entry]
LICENSE = "".join(f"Line {number} of a long licence.\n" for number in range(12))


def tree(files: Files) -> Tree:
    return Tree({path: entry(content) for path, content in files.items()})


def entry(content: str | bytes | Entry, mode: Mode = "file") -> Entry:
    if isinstance(content, Entry):
        return content
    return text_entry(content, mode) if isinstance(content, str) else Entry(content=content)


def merged(base: Files, ours: Files, theirs: Files, policy: Policy | None = None) -> Merge:
    trees = Trees(base=tree(base), ours=tree(ours), theirs=tree(theirs))
    return merge(trees, policy or Policy())


def only(result: Merge) -> MergedFile:
    (file,) = result.files
    return file


def text(file: MergedFile) -> str:
    assert file.entry is not None
    return file.entry.content.decode()


def in_one_file(
    base: str | bytes, ours: str | bytes, theirs: str | bytes, path: str = "a.txt"
) -> MergedFile:
    return only(merged({path: base}, {path: ours}, {path: theirs}))


def test_changes_of_different_lines_are_joined() -> None:
    file = in_one_file("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n")
    assert (file.rung, text(file)) == ("git", "A\nb\nc\nd\nE\n")


def test_what_nobody_can_decide_is_a_conflict_with_the_base_between() -> None:
    file = in_one_file("top\nb\nend\n", "top\nmine\nend\n", "top\nnew\nend\n")
    assert text(file) == (
        "top\n<<<<<<< yours\nmine\n||||||| the template, before\nb\n=======\nnew\n"
        ">>>>>>> the template, now\nend\n"
    )


def test_a_conflict_says_why_and_how_many_places_are_open() -> None:
    lines = [f"{number}\n" for number in range(9)]
    ours, theirs = list(lines), list(lines)
    ours[1] = ours[7] = "mine\n"
    theirs[1] = theirs[7] = "new\n"
    conflict = in_one_file("".join(lines), "".join(ours), "".join(theirs)).conflict
    assert conflict is not None
    assert (conflict.reason, conflict.places) == ("both changed the same lines", 2)


def test_what_both_now_begin_with_stands_before_the_markers() -> None:
    file = in_one_file("top\nb\n", "top\nsame\nmine\n", "top\nsame\nnew\n")
    assert text(file).startswith("top\nsame\n<<<<<<< yours\nmine\n")


def test_a_file_that_both_added_differently_is_a_conflict_without_a_base() -> None:
    conflict = only(merged({}, {"a": "mine\n"}, {"a": "new\n"})).conflict
    assert conflict is not None
    assert conflict.versions.base is None
    assert conflict.reason == "both added it"


def test_markers_are_wider_than_those_that_a_file_holds() -> None:
    old = "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> other\n"
    file = in_one_file(f"{old}b\n", f"{old}mine\n", f"{old}new\n")
    assert f"{old}<<<<<<<< yours\n" in text(file)


@pytest.mark.parametrize("width", [7, 8, 40, 61, 62])
def test_an_underline_of_any_length_is_no_marker(width: int) -> None:
    title = f"Title\n{'=' * width}\n"
    file = in_one_file(f"{title}b\nc\nd\ne\n", f"{title}B\nc\nd\ne\n", f"{title}b\nc\nd\nE\n")
    assert text(file) == f"{title}B\nc\nd\nE\n"


def test_a_file_that_the_person_deleted_stays_deleted() -> None:
    result = merged({"a": "1\n"}, {}, {"a": "2\n"})
    assert (result.changes, [file.path for file in result.kept]) == ({}, ["a"])


def test_a_file_that_the_template_deleted_goes() -> None:
    assert only(merged({"a": "1\n"}, {"a": "1\n"}, {})).entry is None


def test_a_file_that_the_template_deleted_and_a_person_edited_is_kept_in_a_conflict() -> None:
    file = only(merged({"a": "1\n"}, {"a": "1\nmine\n"}, {}))
    assert text(file) == "1\nmine\n"
    assert file.conflict is not None
    assert file.conflict.versions.theirs is None


def test_a_file_that_differs_from_the_deleted_one_only_in_white_space_goes() -> None:
    assert only(merged({"a": "1"}, {"a": "1\n"}, {})).entry is None


def test_a_file_in_which_a_person_only_raised_versions_goes_with_the_template() -> None:
    assert only(merged({"a": "x@v1\n"}, {"a": "x@v2\n"}, {})).entry is None


def test_a_new_file_of_the_template_is_added() -> None:
    assert text(only(merged({}, {"mine": "x\n"}, {"a": "1\n"}))) == "1\n"


def test_blank_lines_that_the_template_changed_leave_an_edited_file_as_it_is() -> None:
    result = merged({"a": "x\ny\n"}, {"a": "x\nmine\ny\n"}, {"a": "\nx\ny\n"})
    assert (result.files, [file.path for file in result.kept]) == ((), ["a"])


def test_windows_line_ends_of_the_project_stay() -> None:
    file = in_one_file(b"a\nb\nc\n", b"a\r\nb\r\nc\r\n", b"a\nB\nc\n")
    assert text(file) == "a\r\nB\r\nc\r\n"


def test_line_ends_that_the_template_changed_are_taken_over() -> None:
    file = in_one_file(b"a\nb\nc\nd\n", b"A\nb\nc\nd\n", b"a\r\nb\r\nc\r\nd\r\n")
    assert text(file) == "A\r\nb\r\nc\r\nd\r\n"


def test_a_last_line_without_its_end_is_in_conflict_with_nothing() -> None:
    file = in_one_file("a\nb\nc\nd", "A\nb\nc\nd\n", "a\nb\nc\nd\ne")
    assert (file.conflict, text(file)) == (None, "A\nb\nc\nd\ne\n")


def test_the_last_line_stays_open_where_both_leave_it_open() -> None:
    assert text(in_one_file("a\nb\nc", "A\nb\nc", "a\nb\nC")) == "A\nb\nC"


def test_text_that_is_not_utf_8_is_merged_by_git() -> None:
    file = in_one_file(b"\xe9\nb\nc\nd\n", b"\xe9\nb\nc\nD\n", b"\xe9\xe8\nb\nc\nd\n")
    assert file.entry == Entry(content=b"\xe9\xe8\nb\nc\nD\n")


def test_text_that_is_not_utf_8_keeps_its_bytes_in_a_conflict() -> None:
    assert (
        b"\xe9 mine" in (in_one_file(b"b\n", b"\xe9 mine\n", b"new\n").entry or entry("")).content
    )


def test_a_binary_file_that_both_changed_is_kept_in_a_conflict() -> None:
    file = in_one_file(b"\0a", b"\0b", b"\0c")
    assert file.entry == Entry(content=b"\0b")
    assert file.conflict is not None
    assert file.conflict.reason == "both changed it, and it is no text"


def test_a_binary_file_that_one_side_changed_is_no_conflict() -> None:
    assert in_one_file(b"\0a", b"\0a", b"\0c").entry == Entry(content=b"\0c")


def test_a_file_that_the_template_emptied_keeps_what_the_person_added() -> None:
    file = in_one_file("a\nb\n", "a\nb\nmine\n", "")
    assert "mine\n" in text(file)


def test_the_executable_bit_and_the_text_are_merged_apart() -> None:
    base, ours, theirs = entry("a\n"), entry("a\n", "executable"), entry("b\n")
    assert only(merged({"x": base}, {"x": ours}, {"x": theirs})).entry == entry("b\n", "executable")


def test_an_executable_bit_that_the_template_sets_is_set_on_an_edited_file() -> None:
    base, ours, theirs = entry("a\n"), entry("mine\n"), entry("a\n", "executable")
    assert only(merged({"x": base}, {"x": ours}, {"x": theirs})).entry == entry(
        "mine\n", "executable"
    )


def test_a_link_that_both_changed_is_kept_in_a_conflict() -> None:
    base, ours, theirs = (Entry(content=each, mode="link") for each in (b"a", b"b", b"c"))
    file = only(merged({"x": base}, {"x": ours}, {"x": theirs}))
    assert file.entry == Entry(content=b"b", mode="link")
    assert file.conflict is not None


def test_a_link_where_a_person_has_a_file_is_a_conflict() -> None:
    file = only(merged({"x": "a\n"}, {"x": "mine\n"}, {"x": Entry(content=b"a", mode="link")}))
    assert text(file) == "mine\n"
    assert file.conflict is not None


def test_a_new_file_does_not_replace_a_folder_of_the_persons() -> None:
    result = merged({}, {"a/mine": "x\n"}, {"a": "1\n"})
    conflict = only(result).conflict
    assert result.changes == {}
    assert conflict is not None
    assert conflict.versions.theirs == entry("1\n")


def test_a_new_file_does_not_replace_a_file_by_its_folder() -> None:
    conflict = only(merged({}, {"a": "mine\n"}, {"a/b": "1\n"})).conflict
    assert conflict is not None
    assert "'a' is a file" in conflict.reason


def test_a_file_may_become_a_folder_where_nobody_edited_it() -> None:
    result = merged({"a": "1\n"}, {"a": "1\n"}, {"a/b": "1\n"})
    assert (dict(result.changes), result.conflicts) == ({"a": None, "a/b": entry("1\n")}, ())


def test_a_new_file_that_differs_from_a_persons_only_in_case_is_a_conflict() -> None:
    file = only(merged({}, {"README.md": "mine\n"}, {"Readme.md": "1\n"}))
    assert file.entry is None
    assert file.conflict is not None


def test_what_is_written_only_once_is_left_alone() -> None:
    policy = Policy(skip_if_exists=("kept", "gone", "fresh"))
    base, theirs = {"kept": "1\n", "gone": "1\n"}, {"kept": "2\n", "gone": "2\n", "fresh": "2\n"}
    assert merged(base, {"kept": "1\n"}, theirs, policy).changes == {"fresh": entry("2\n")}


def test_the_answers_file_is_written_anew() -> None:
    policy = Policy(answers_file=".answers.yml")
    base, ours, theirs = ({".answers.yml": f"a: {number}\n"} for number in range(3))
    file = only(merged(base, ours, theirs, policy))
    assert (text(file), file.conflict) == ("a: 2\n", None)


def test_an_answers_file_that_the_template_does_not_write_stays() -> None:
    policy = Policy(answers_file=".answers.yml")
    assert merged({".answers.yml": "a\n"}, {".answers.yml": "b\n"}, {}, policy) == Merge()


def test_the_rungs_are_climbed_in_their_order() -> None:
    def unsure(_texts: Texts) -> Resolution | None:
        return None

    def sure(texts: Texts) -> Resolution | None:
        return Resolution(text=f"{texts.ours}{texts.theirs}", rung="model", reason="both")

    def surer(texts: Texts) -> Resolution | None:
        raise AssertionError(texts)

    policy = Policy(resolvers=(unsure, sure, surer))
    file = only(merged({"a": "b\n"}, {"a": "mine\n"}, {"a": "new\n"}, policy))
    assert (file.rung, file.reason, text(file)) == ("model", "both", "mine\nnew\n")


@pytest.mark.parametrize("lossy", ["new\n", "<<<<<<< mine\nnew\n"])
def test_a_rung_that_loses_a_word_or_leaves_a_marker_is_not_believed(lossy: str) -> None:
    def losing(_texts: Texts) -> Resolution | None:
        return Resolution(text=lossy, rung="model")

    policy = Policy(resolvers=(losing,))
    file = only(merged({"a": "b\n"}, {"a": "mine\n"}, {"a": "new\n"}, policy))
    assert file.conflict is not None


def test_a_rung_is_asked_about_what_is_still_open() -> None:
    asked: list[Texts] = []

    def listening(texts: Texts) -> Resolution | None:
        asked.append(texts)
        return None

    base, ours, theirs = "a\nx\ny\nz\nb\n", "A\nx\ny\nz\nmine\n", "a\nx\ny\nz\nnew\n"
    merged({"f": base}, {"f": ours}, {"f": theirs}, Policy(resolvers=(listening,)))
    assert (asked[0].base, asked[0].theirs) == ("A\nx\ny\nz\nb\n", "A\nx\ny\nz\nnew\n")


def test_a_merge_without_conflict_that_does_not_parse_is_a_conflict() -> None:
    base = '{"a": 1,\n\n\n\n"b": 2}\n'
    ours = base.replace('{"a": 1,', '{"c": 3, "a": 1,')
    theirs = base.replace('"b": 2}', '"b": 2, "c": 4}')
    conflict = only(merged({"x.json": base}, {"x.json": ours}, {"x.json": theirs})).conflict
    assert conflict is not None
    assert "does not hold" in conflict.reason


def test_an_empty_merge_needs_no_git() -> None:
    assert merged({"a": "1\n"}, {"a": "mine\n"}, {"a": "1\n"}) == Merge()
