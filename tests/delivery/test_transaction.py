from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.delivery.changes import Changes, Entries
from cultivar.delivery.journal import Journals, Note, locked
from cultivar.delivery.places import exists, identity, present, write_entry
from cultivar.delivery.returning import NEW, OLD, staged
from cultivar.delivery.transaction import STAGE, apply, recover, take_back
from cultivar.delivery.undoing import look_at_undo, undo
from cultivar.errors import ChangedError, UnsafeError, WriteError
from cultivar.record import to_builtins
from cultivar.testing.folders import picture
from cultivar.tree import Entry, Tree, read_tree, text_entry

OLD_TREE = Tree({"a": text_entry("old a"), "b": text_entry("old b")})
NEW_TREE = Tree({"a": text_entry("new a"), "b": text_entry("new b"), "c/d": text_entry("new d")})


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `a` and `b` in it."""
    _fill(tmp_path / "out", OLD_TREE)
    return tmp_path / "out"


def _fill(folder: Path, entries: Entries) -> None:
    folder.mkdir(exist_ok=True)
    for path, entry in entries.items():
        if entry is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_entry(folder / path, entry)


def test_files_are_written_replaced_and_taken_away(folder: Path, journals: Journals) -> None:
    changes = Changes(entries={"a": text_entry("1"), "b": None, "c/d": text_entry("2")})
    applied = apply(changes, folder, journals)
    assert (applied.added, applied.replaced, applied.removed) == (("c/d",), ("a",), ("b",))
    assert read_tree(folder) == Tree({"a": text_entry("1"), "c/d": text_entry("2")})


def test_a_file_that_is_as_it_should_be_is_not_touched(folder: Path, journals: Journals) -> None:
    before = (folder / "a").stat()
    applied = apply(Changes(entries={"a": text_entry("old a"), "x": None}), folder, journals)
    assert applied.unchanged == ("a", "x")
    assert (folder / "a").stat() == before


def test_nothing_is_left_beside_the_files(folder: Path, journals: Journals) -> None:
    apply(Changes(entries={"a": text_entry("1"), "b": None}), folder, journals)
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert not list(journals.deliveries.glob("*.json"))


def test_a_file_becomes_executable_and_back(folder: Path, journals: Journals) -> None:
    (folder / "a").chmod(0o640)
    apply(Changes(entries={"a": text_entry("old a", "executable")}), folder, journals)
    assert (folder / "a").stat().st_mode & 0o777 == 0o750
    apply(Changes(entries={"a": text_entry("old a")}), folder, journals)
    assert (folder / "a").stat().st_mode & 0o777 == 0o640


def test_a_file_that_only_its_owner_may_read_stays_so(folder: Path, journals: Journals) -> None:
    (folder / "a").chmod(0o600)
    apply(Changes(entries={"a": text_entry("new")}), folder, journals)
    assert (folder / "a").stat().st_mode & 0o777 == 0o600


def test_a_file_becomes_a_folder_and_a_folder_a_file(folder: Path, journals: Journals) -> None:
    _fill(folder, {"d/e": text_entry("1"), "d/f/g": text_entry("2")})
    swapped: Entries = {
        **{"a": None, "a/x": text_entry("3")},
        **{"d": text_entry("4"), "d/e": None, "d/f/g": None},
    }
    apply(Changes(entries=swapped), folder, journals)
    assert read_tree(folder) == OLD_TREE.replace(
        {"a": None, "a/x": text_entry("3"), "d": text_entry("4")}
    )


def test_a_link_becomes_a_folder_though_it_leads_out(
    folder: Path, journals: Journals, tmp_path: Path
) -> None:
    (folder / "lib").symlink_to(tmp_path)
    apply(Changes(entries={"lib": None, "lib/x": text_entry("1")}), folder, journals)
    assert (folder / "lib" / "x").read_text() == "1"
    assert not (tmp_path / "x").exists()


def test_a_link_that_stays_does_not_lead_a_file_out(
    folder: Path, journals: Journals, tmp_path: Path
) -> None:
    (tmp_path / "x").write_text("precious")
    (folder / "lib").symlink_to(tmp_path)
    with pytest.raises(UnsafeError, match="leads 'lib/x' out of it"):
        apply(Changes(entries={"lib/x": None}), folder, journals)
    assert (tmp_path / "x").read_text() == "precious"


@pytest.mark.parametrize("path", ["../x", "/x", ".git/config", "a/../../x"])
def test_a_path_that_leads_out_is_refused_also_where_it_is_taken_away(path: str) -> None:
    with pytest.raises(UnsafeError):
        Changes(entries={path: None})


def test_a_folder_goes_with_its_last_file_and_one_that_was_empty_stays(
    folder: Path, journals: Journals
) -> None:
    _fill(folder, {"d/e/f": text_entry("1"), "g/h": text_entry("2")})
    (folder / "g" / "empty").mkdir()
    apply(Changes(entries={"d/e/f": None, "g/h": None}), folder, journals)
    assert not (folder / "d").exists()
    assert (folder / "g" / "empty").is_dir()


def test_a_folder_with_other_files_does_not_become_a_file(folder: Path, journals: Journals) -> None:
    _fill(folder, {"d/e": text_entry("1"), "d/mine": text_entry("2")})
    before = picture(folder)
    with pytest.raises(WriteError, match="is a folder, where a file should go"):
        apply(Changes(entries={"d": text_entry("3"), "d/e": None}), folder, journals)
    assert picture(folder) == before


def test_a_pipe_where_a_file_should_go_is_named(folder: Path, journals: Journals) -> None:
    os.mkfifo(folder / "p")
    with pytest.raises(WriteError, match="neither a file nor a link"):
        apply(Changes(entries={"p": text_entry("3")}), folder, journals)


def test_a_file_that_changed_since_it_was_read_stops_it(folder: Path, journals: Journals) -> None:
    (folder / "b").write_text("a person's")
    with pytest.raises(ChangedError) as refused:
        apply(Changes(entries=NEW_TREE), folder, journals, expected=OLD_TREE)
    assert refused.value.paths == ("b",)
    assert read_tree(folder) == OLD_TREE.replace({"b": text_entry("a person's")})


def test_a_file_that_is_as_it_should_become_does_not_stop_it(
    folder: Path, journals: Journals
) -> None:
    (folder / "b").write_text("new b")
    apply(Changes(entries=NEW_TREE), folder, journals, expected=OLD_TREE)
    assert read_tree(folder) == NEW_TREE


def test_where_there_are_no_hard_links_old_files_are_copied(
    folder: Path, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _refuse)
    apply(Changes(entries=NEW_TREE), folder, journals)
    assert read_tree(folder) == NEW_TREE


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_failure_leaves_the_folder_as_it_was(folder: Path, journals: Journals) -> None:
    before = picture(folder)
    with pytest.raises(WriteError, match=r"failed: Not a directory\. It is as it was"):
        apply(Changes(entries={"a": None, "b/x": text_entry("1")}), folder, journals)
    assert picture(folder) == before


def test_a_folder_that_was_not_there_is_gone_after_a_failure(
    tmp_path: Path, journals: Journals
) -> None:
    entries = {f"{'x' * 200}/{'y' * 300}": text_entry("1")}
    with pytest.raises(WriteError, match="File name too long"):
        apply(Changes(entries=entries), tmp_path / "x" / "y", journals)
    assert not (tmp_path / "x").exists()


def _interrupt(folder: Path, journals: Journals) -> Path:
    """Leave what a delivery of `NEW_TREE` leaves that was killed once all was in its place."""
    stage = folder / f"{STAGE}x"
    for side in (NEW, OLD):
        (stage / side).mkdir(parents=True)
    for path, entry in OLD_TREE.items():
        write_entry(staged(stage, OLD, path), entry)
        (folder / path).write_bytes(NEW_TREE[path].content)
    _fill(folder, {"c/d": NEW_TREE["c/d"]})
    written = {path: identity(entry) for path, entry in NEW_TREE.items()}
    note = Note(folder=str(folder), stage=stage.name, written=written, added=("c/d",), made=("c",))
    journals.deliveries.mkdir(parents=True)
    journals.of(folder).write_text(json.dumps(to_builtins(note)))
    return stage


def test_an_interrupted_delivery_is_taken_back(folder: Path, journals: Journals) -> None:
    before = picture(folder)
    _interrupt(folder, journals)
    take_back(folder, journals)
    assert picture(folder) == before


def test_interrupted_deliveries_are_found_wherever_they_were(
    folder: Path, journals: Journals
) -> None:
    before = picture(folder)
    _interrupt(folder, journals)
    assert recover(journals) == (str(folder),)
    assert picture(folder) == before
    assert recover(journals) == ()


def test_what_a_person_did_after_an_interruption_is_not_undone(
    folder: Path, journals: Journals
) -> None:
    _interrupt(folder, journals)
    (folder / "a").write_text("a person's")
    (folder / "c" / "mine").write_text("mine")
    take_back(folder, journals)
    theirs = {"a": text_entry("a person's"), "c/mine": text_entry("mine")}
    assert read_tree(folder) == OLD_TREE.replace(theirs)


def test_what_a_person_made_executable_after_an_interruption_stays(
    folder: Path, journals: Journals
) -> None:
    _interrupt(folder, journals)
    (folder / "c" / "d").chmod(0o755)
    take_back(folder, journals)
    assert (folder / "c" / "d").stat().st_mode & 0o777 == 0o755


def test_an_interrupted_delivery_is_taken_back_before_the_next_one(
    folder: Path, journals: Journals
) -> None:
    _interrupt(folder, journals)
    apply(Changes(entries={"b": None}), folder, journals)
    assert read_tree(folder) == Tree({"a": OLD_TREE["a"]})


def test_a_damaged_journal_is_named(folder: Path, journals: Journals) -> None:
    journals.deliveries.mkdir(parents=True)
    journals.of(folder).write_text("{")
    with pytest.raises(WriteError, match="is damaged"):
        apply(Changes(entries=NEW_TREE), folder, journals)


def test_a_delivery_that_another_process_makes_is_not_taken_back(
    folder: Path, journals: Journals
) -> None:
    _interrupt(folder, journals)
    with (
        locked(journals.of(folder)),
        pytest.raises(WriteError, match="Another process"),
        locked(journals.of(folder), patience=0),
    ):
        pass
    with locked(journals.of(folder)):
        assert recover(journals) == ()
    assert read_tree(folder, ignore=frozenset({f"{STAGE}x"})) == NEW_TREE


NAMES = st.sampled_from(["a", "b", "c/d", "c/e/f", "c/e/g", "c", "a/x", "h"])
ENTRIES = st.one_of(
    st.none(),
    st.builds(Entry, content=st.binary(max_size=3), mode=st.sampled_from(["file", "executable"])),
    st.sampled_from(["b", "h", "c"]).map(lambda name: Entry(content=name.encode(), mode="link")),
)
CHANGES = st.dictionaries(NAMES, ENTRIES).filter(lambda found: _is_whole(found))


def _is_whole(found: Entries) -> bool:
    """Whether no file stands below another, or below a link."""
    try:
        Tree({path: entry for path, entry in found.items() if entry is not None})
    except UnsafeError:
        return False
    return True


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)
@given(old=CHANGES, empty=st.sets(st.sampled_from(["e", "c/n", "m/n"])), new=CHANGES)
def test_changes_that_are_undone_leave_everything_as_it_was(
    old: Entries, empty: set[str], new: Entries, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("law")
    folder, journals = root / "out", Journals(root / "home")
    _fill(folder, old)
    for name in empty:
        if not exists(folder / name.split("/")[0]):
            (folder / name).mkdir(parents=True)
    before = picture(folder)
    try:
        apply(Changes(entries=new), folder, journals, run_id="run")
    except (WriteError, UnsafeError):
        assert picture(folder) == before
        return
    for path, entry in new.items():
        assert entry is None or present(folder / path) == entry
    if picture(folder) != before:
        assert not look_at_undo("run", journals).edited
        undo("run", journals)
    assert picture(folder) == before
