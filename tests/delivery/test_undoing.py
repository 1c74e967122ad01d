from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.delivery import records
from cultivar.delivery.changes import Changes, Entries
from cultivar.delivery.journal import Journals
from cultivar.delivery.records import undo_record
from cultivar.delivery.transaction import apply
from cultivar.delivery.undoing import Edited, look_at_undo, undo
from cultivar.errors import ChangedError, NotKnownError, WriteError
from cultivar.testing.folders import picture
from cultivar.tree import text_entry


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `a` and `b/c` in it."""
    (tmp_path / "out" / "b").mkdir(parents=True)
    (tmp_path / "out" / "a").write_text("old a")
    (tmp_path / "out" / "b" / "c").write_text("old c")
    return tmp_path / "out"


CHANGES: Entries = {"a": text_entry("new a"), "b/c": None, "d/e": text_entry("new e")}


def _change(folder: Path, journals: Journals, run_id: str = "run") -> None:
    apply(Changes(entries=CHANGES), folder, journals, run_id=run_id)


def test_a_run_is_undone(folder: Path, journals: Journals) -> None:
    before = picture(folder)
    _change(folder, journals)
    undone = undo("run", journals)
    assert picture(folder) == before
    assert (undone.folder, undone.edited) == (folder, {})
    assert undone.applied.removed == ("d/e",)


def test_a_run_that_is_undone_twice_is_undone_once(folder: Path, journals: Journals) -> None:
    before = picture(folder)
    _change(folder, journals)
    undo("run", journals)
    undo("run", journals)
    assert picture(folder) == before


def test_bits_that_only_the_system_knows_return_too(folder: Path, journals: Journals) -> None:
    (folder / "a").chmod(0o604)
    (folder / "b").chmod(0o711)
    before = picture(folder)
    apply(Changes(entries={"a": None, "b/c": None}), folder, journals, run_id="run")
    undo("run", journals)
    assert picture(folder) == before


def test_a_link_that_led_out_of_the_folder_returns(folder: Path, journals: Journals) -> None:
    (folder / "tools").symlink_to("/usr/bin")
    apply(Changes(entries={"tools": text_entry("1")}), folder, journals, run_id="run")
    undo("run", journals)
    assert str((folder / "tools").readlink()) == "/usr/bin"


def test_undoing_can_be_undone(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    after = picture(folder)
    undo("run", journals, as_run="back")
    undo("back", journals)
    assert picture(folder) == after


def test_what_a_person_edited_since_is_handed_over_and_stays(
    folder: Path, journals: Journals
) -> None:
    _change(folder, journals)
    (folder / "a").write_text("a person's")
    edited = {
        "a": Edited(
            before=text_entry("old a"), written=text_entry("new a"), now=text_entry("a person's")
        )
    }
    assert look_at_undo("run", journals).edited == edited
    assert undo("run", journals).edited == edited
    assert (folder / "a").read_text() == "a person's"
    assert (folder / "b" / "c").read_text() == "old c"
    assert not (folder / "d").exists()


def test_what_is_to_become_of_an_edit_can_be_said(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (folder / "a").write_text("a person's")
    look = look_at_undo("run", journals)
    settled = {"a": text_entry("both")}
    expected = {path: each.now for path, each in look.edited.items()}
    assert not undo("run", journals, settled=settled, expected=expected).edited
    assert (folder / "a").read_text() == "both"


def test_an_edit_that_changed_again_is_not_lost(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (folder / "a").write_text("a person's")
    look = look_at_undo("run", journals)
    expected = {path: each.now for path, each in look.edited.items()}
    (folder / "a").write_text("more")
    with pytest.raises(ChangedError):
        undo("run", journals, settled={"a": text_entry("both")}, expected=expected)
    assert (folder / "a").read_text() == "more"
    assert (folder / "d" / "e").exists()


def test_a_file_that_a_person_deleted_since_stays_so(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (folder / "a").unlink()
    assert undo("run", journals).edited["a"].now is None
    assert not (folder / "a").exists()


def test_a_folder_that_a_person_put_files_into_stays(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (folder / "d" / "mine").write_text("mine")
    undo("run", journals)
    assert [path.name for path in (folder / "d").iterdir()] == ["mine"]


def test_a_file_in_the_place_of_a_folder_stays(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (folder / "b").write_text("mine")
    assert set(undo("run", journals).edited) == {"b/c"}
    assert (folder / "b").read_text() == "mine"
    assert (folder / "a").read_text() == "old a"


def test_files_in_the_place_of_a_file_stay(folder: Path, journals: Journals) -> None:
    changes: Entries = {"a": None, "a/x": text_entry("1")}
    apply(Changes(entries=changes), folder, journals, run_id="run")
    (folder / "a" / "mine").write_text("mine")
    assert set(undo("run", journals).edited) == {"a"}
    assert (folder / "a" / "mine").read_text() == "mine"


def test_a_run_that_delivers_again_is_undone_as_a_whole(folder: Path, journals: Journals) -> None:
    before = picture(folder)
    _change(folder, journals)
    _change(folder, journals)
    (folder / "a").write_text("something else")
    apply(
        Changes(entries={"a": text_entry("newer a"), "d/f": text_entry("f")}),
        folder,
        journals,
        run_id="run",
    )
    (folder / "a").unlink()
    undo("run", journals)
    (folder / "a").write_text("old a")
    assert picture(folder) == before


def test_a_delivery_without_a_run_leaves_nothing_in_the_home(
    folder: Path, journals: Journals
) -> None:
    _change(folder, journals, run_id="")
    assert not journals.undo.exists()


def test_only_its_owner_reads_what_was_there(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    assert journals.undo.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "run2", "../run", "..", "/"])
def test_a_run_that_cannot_be_undone_is_named(name: str, folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    with pytest.raises(NotKnownError) as unknown:
        undo(name, journals)
    assert unknown.value.nearest == (("run",) if "run" in name else ())


@pytest.mark.parametrize("damage", ["{", "{}", '{"folder": "/", "sizes": {}, "contents": "x"}'])
def test_a_damaged_record_is_named(damage: str, folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    (kept,) = journals.undo.rglob("*.json")
    kept.write_text(damage)
    with pytest.raises(WriteError, match="is damaged"):
        undo("run", journals)


def test_contents_that_were_tampered_with_are_not_put_back(
    folder: Path, journals: Journals
) -> None:
    _change(folder, journals)
    (contents,) = journals.undo.rglob("*.bin")
    contents.write_bytes(contents.read_bytes().replace(b"old", b"bad"))
    with pytest.raises(WriteError, match="is damaged"):
        undo("run", journals)


def test_only_the_last_runs_of_a_folder_are_kept(
    folder: Path, journals: Journals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEPT_RUNS", 2)
    _change(tmp_path / "another", journals, run_id="another")
    for number in range(4):
        apply(Changes(entries={"a": text_entry(f"{number}")}), folder, journals, run_id=f"{number}")
    assert {path.name for path in journals.undo.iterdir()} == {"another", "2", "3"}


def test_only_so_much_is_kept_but_the_last_run_in_any_case(
    folder: Path, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEPT_BYTES", 10)
    for number in range(3):
        apply(Changes(entries={"a": text_entry(f"{number}")}), folder, journals, run_id=f"{number}")
    assert [path.name for path in journals.undo.iterdir()] == ["2"]


def test_what_a_run_did_can_be_read(folder: Path, journals: Journals) -> None:
    _change(folder, journals)
    record = undo_record("run", journals)
    assert record.written == CHANGES
    assert {path: old.entry if old else None for path, old in record.before.items()} == {
        **{"a": text_entry("old a"), "b/c": text_entry("old c"), "d/e": None}
    }
