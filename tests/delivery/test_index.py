from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.delivery import index
from cultivar.delivery.changes import Changes, Unmerged
from cultivar.delivery.journal import Journals
from cultivar.delivery.places import write_entry
from cultivar.delivery.repository import repository_of
from cultivar.delivery.transaction import apply
from cultivar.delivery.undoing import undo
from cultivar.delivery.worktree import state
from cultivar.errors import WriteError
from cultivar.testing.repositories import git
from cultivar.tree import Entry, text_entry

BASE, OURS, THEIRS = (text_entry(f"one\n{side}\nthree\n") for side in ("base", "ours", "theirs"))
MARKED = text_entry("one\n<<<<<<< ours\nours\n=======\ntheirs\n>>>>>>> theirs\nthree\n")
BOTH = {"f": Unmerged(base=BASE, ours=OURS, theirs=THEIRS)}
SIDES = {
    "UU": Unmerged(base=BASE, ours=OURS, theirs=THEIRS),
    "AA": Unmerged(base=None, ours=OURS, theirs=THEIRS),
    "DU": Unmerged(base=BASE, ours=None, theirs=THEIRS),
    "UD": Unmerged(base=BASE, ours=OURS, theirs=None),
}


@pytest.fixture(params=["", "below/it/"], ids=["root", "below"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with a file `f`, at the root of its repository or below it."""
    folder = tmp_path / "repository" / str(request.param)
    folder.mkdir(parents=True)
    git(folder, "init", "-q", str(tmp_path / "repository"))
    write_entry(folder / "f", OURS)
    write_entry(folder / "other", text_entry("other\n"))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    return folder


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "home")


def _conflict(folder: Path, journals: Journals) -> None:
    changes = Changes(entries={"f": MARKED}, unmerged=BOTH)
    apply(changes, folder, journals, run_id="run")


def _status(folder: Path) -> str:
    return git(folder, "status", "--porcelain")


@pytest.mark.parametrize("kind", SIDES)
def test_git_says_of_each_kind_of_conflict_which_it_is(
    kind: str, folder: Path, journals: Journals
) -> None:
    apply(Changes(entries={"f": MARKED}, unmerged={"f": SIDES[kind]}), folder, journals)
    assert _status(folder).startswith(f"{kind} ")
    assert state(folder).unmerged == ("f",)


def test_the_three_versions_can_be_read_from_git(folder: Path, journals: Journals) -> None:
    _conflict(folder, journals)
    for stage, entry in enumerate((BASE, OURS, THEIRS), start=1):
        assert git(folder, "show", f":{stage}:./f") == entry.content.decode().strip()
    assert "++<<<<<<< ours" in git(folder, "diff", "f")


def test_a_merge_tool_is_given_the_three_versions(
    folder: Path, journals: Journals, tmp_path: Path
) -> None:
    _conflict(folder, journals)
    tool = f'cat "$BASE" "$LOCAL" "$REMOTE" > {tmp_path}/seen; printf "settled\\n" > "$MERGED"'
    settings = {"mergetool.mine.cmd": tool, "mergetool.mine.trustExitCode": "true"}
    given = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    git(folder, *given, "mergetool", "--no-prompt", "--tool=mine", "f")
    seen = b"".join(entry.content for entry in (BASE, OURS, THEIRS))
    assert (tmp_path / "seen").read_bytes() == seen
    assert _status(folder).split("\n")[0].startswith("M ")


def test_git_makes_the_markers_again(folder: Path, journals: Journals) -> None:
    _conflict(folder, journals)
    (folder / "f").write_text("spoiled\n")
    git(folder, "checkout", "--conflict=diff3", "--", "f")
    lines = (folder / "f").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("<", "|", "=", ">"))] == [
        *("one", "ours", "base", "theirs", "three")
    ]


def test_a_settled_conflict_is_added_and_committed(folder: Path, journals: Journals) -> None:
    _conflict(folder, journals)
    (folder / "f").write_text("settled\n")
    git(folder, "add", "f")
    git(folder, "commit", "-qm", "settled")
    assert _status(folder) == ""


def test_what_else_is_in_the_index_stays(folder: Path, journals: Journals) -> None:
    (folder / "other").write_text("staged\n")
    git(folder, "add", "other")
    before = git(folder, "ls-files", "-s", "other")
    _conflict(folder, journals)
    assert git(folder, "ls-files", "-s", "other") == before


def test_a_file_that_git_did_not_know_can_be_in_conflict(folder: Path, journals: Journals) -> None:
    (folder / "new").write_bytes(OURS.content)
    unmerged = {"new": SIDES["AA"]}
    apply(Changes(entries={"new": MARKED}, unmerged=unmerged), folder, journals, run_id="run")
    assert _status(folder).startswith("AA ")
    undo("run", journals)
    assert _status(folder).startswith("?? ")


def test_undo_leaves_the_index_as_it_was(folder: Path, journals: Journals) -> None:
    before = git(folder, "ls-files", "-s")
    _conflict(folder, journals)
    undo("run", journals)
    assert git(folder, "ls-files", "-s") == before
    assert _status(folder) == ""


def test_undo_leaves_alone_what_a_person_added_since(folder: Path, journals: Journals) -> None:
    _conflict(folder, journals)
    (folder / "f").write_text("settled\n")
    git(folder, "add", "f")
    added = git(folder, "ls-files", "-s", "f")
    assert set(undo("run", journals).edited) == {"f"}
    assert git(folder, "ls-files", "-s", "f") == added


def test_where_there_is_no_repository_only_the_files_change(
    tmp_path: Path, journals: Journals
) -> None:
    (tmp_path / "plain").mkdir()
    _conflict(tmp_path / "plain", journals)
    assert (tmp_path / "plain" / "f").read_bytes() == MARKED.content


def test_a_repository_that_another_git_works_in_is_named_and_left_alone(
    folder: Path, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_PATIENCE", 0.0)
    found = repository_of(folder)
    assert found is not None
    lock = found.git / "index.lock"
    lock.touch()
    with pytest.raises(WriteError, match="Another git is at work"):
        _conflict(folder, journals)
    assert (folder / "f").read_bytes() == OURS.content
    assert lock.exists()
    assert [path for path in found.git.iterdir() if "cultivar" in path.name] == []


def test_an_exchange_is_taken_back_from_an_index_that_git_wrote_anew(folder: Path) -> None:
    before = git(folder, "ls-files", "-s")
    found = repository_of(folder)
    assert found is not None
    lines = index.conflict_lines(found, BOTH, folder.parent / "blobs")
    exchange = index.planned_exchange(found, lines, "index.ours")
    assert exchange is not None
    index.prepare(exchange)
    index.put(exchange)
    (folder / "another").touch()
    git(folder, "add", "another")
    index.take_back(exchange)
    git(folder, "rm", "-q", "--cached", "another")
    assert git(folder, "ls-files", "-s") == before
    assert [path for path in found.git.iterdir() if "ours" in path.name] == []


def test_a_repository_without_a_commit_can_be_in_conflict(
    tmp_path: Path, journals: Journals
) -> None:
    git(tmp_path, "init", "-q", "empty")
    _conflict(tmp_path / "empty", journals)
    assert _status(tmp_path / "empty").startswith("UU ")
    undo("run", journals)
    assert _status(tmp_path / "empty") == ""


def test_a_repository_with_longer_hashes_can_be_in_conflict(
    tmp_path: Path, journals: Journals
) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "long")
    _conflict(tmp_path / "long", journals)
    assert _status(tmp_path / "long").startswith("UU ")


def test_a_linked_working_tree_has_its_own_conflicts(folder: Path, journals: Journals) -> None:
    beside = journals.home.parent / "beside"
    git(folder, "worktree", "add", "-q", str(beside))
    _conflict(beside, journals)
    assert _status(beside).startswith("UU ")
    assert _status(folder) == ""


def test_an_index_in_two_parts_stays_whole(folder: Path, journals: Journals) -> None:
    git(folder, "update-index", "--split-index")
    _conflict(folder, journals)
    assert _status(folder).startswith("UU ")
    undo("run", journals)
    assert _status(folder) == ""


def test_no_filter_that_a_repository_names_is_run(
    folder: Path, journals: Journals, tmp_path: Path
) -> None:
    git(folder, "config", "filter.evil.clean", f"touch {tmp_path}/ran; cat")
    (folder / ".gitattributes").write_text("f filter=evil\n")
    _conflict(folder, journals)
    assert not (tmp_path / "ran").exists()


def test_an_executable_and_a_link_keep_their_modes(folder: Path, journals: Journals) -> None:
    versions = Unmerged(
        base=None, ours=text_entry("x", "executable"), theirs=Entry(content=b"f", mode="link")
    )
    apply(Changes(unmerged={"f": versions}), folder, journals)
    modes = [line.split()[0] for line in git(folder, "ls-files", "-s", "f").splitlines()]
    assert modes == ["100755", "120000"]
