"""What an upgrade leaves for a person, and how it is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar
from cultivar.errors import DirtyError, NotKnownError, UsageError
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story

CONFIG = "_subdirectory: files\nname: {type: str, default: world}\n"
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
OURS = LETTER.replace("is line 3 of", "was written by me in")
THEIRS = LETTER.replace("is line 3 of", "stands for the template's")
MARKED = LETTER.replace(
    "This is line 3 of a letter.\n",
    """\
<<<<<<< {ours}
This was written by me in a letter.
||||||| {base}
This is line 3 of a letter.
=======
This stands for the template's a letter.
>>>>>>> {theirs}
""",
)


@pytest.fixture
def clash(story: Story) -> Story:
    """A project and a new version of its template that changed the same line."""
    story.begin({"copier.yml": CONFIG, "files/letter.txt": LETTER, "files/b.txt": "b\n"})
    story.project.commit({"letter.txt": OURS})
    story.release("v2.0.0", {"files/letter.txt": THEIRS, "files/b.txt": "B\n"})
    return story


def test_a_conflict_shows_both_sides_and_what_they_came_from(clash: Story) -> None:
    made = clash.upgrade()
    (conflict,) = made.report.conflicts
    assert (conflict.path, conflict.reason, conflict.places) == (
        "letter.txt",
        "both changed the same lines",
        1,
    )
    shown = clash.project.read("letter.txt").splitlines()
    labels = [line.split(" ", 1)[1] for line in shown if line[:3] in {"<<<", "|||", ">>>"}]
    ours, base, theirs = labels
    assert shown == MARKED.format(ours=ours, base=base, theirs=theirs).splitlines()
    assert clash.project.read("b.txt") == "B\n"


def test_gits_index_holds_the_three_versions_of_a_file_in_conflict(clash: Story) -> None:
    clash.upgrade()
    stages = [line.split() for line in clash.project.git("ls-files", "-u").splitlines()]
    assert [(each[2], each[3]) for each in stages] == [
        (stage, "letter.txt") for stage in ("1", "2", "3")
    ]
    texts = [clash.project.git("cat-file", "-p", each[1]) for each in stages]
    assert texts == [text.strip() for text in (LETTER, OURS, THEIRS)]


def test_gits_merge_tools_settle_what_is_left(clash: Story) -> None:
    clash.upgrade()
    clash.project.git("config", "mergetool.mine.cmd", 'cp "$REMOTE" "$MERGED"')
    clash.project.git("config", "mergetool.mine.trustExitCode", "true")
    clash.project.git("config", "mergetool.keepBackup", "false")
    clash.project.git("mergetool", "--no-prompt", "--tool=mine")
    assert clash.project.read("letter.txt") == THEIRS
    assert clash.project.git("ls-files", "-u") == ""
    assert clash.cultivar.standing(clash.output).conflicts == ()


def test_a_conflict_that_is_left_is_told_until_it_is_settled(clash: Story) -> None:
    clash.upgrade()
    assert clash.cultivar.standing(clash.output).conflicts == ("letter.txt",)
    with pytest.raises(UsageError, match=r"waits to be finished: 'letter\.txt'"):
        clash.upgrade(force=True)


def test_what_was_rejected_stands_beside_the_file_by_choice(clash: Story) -> None:
    made = clash.upgrade(conflicts="rej")
    assert [each.path for each in made.report.conflicts] == ["letter.txt"]
    assert clash.project.read("letter.txt") == OURS
    assert clash.project.git("ls-files", "-u") == ""
    clash.project.write({"letter.txt": LETTER})
    clash.project.git("apply", "letter.txt.rej")
    assert clash.project.read("letter.txt") == THEIRS


@pytest.mark.parametrize("conflicts", ["markers", "rej"])
def test_undo_takes_conflicts_back_with_the_index(clash: Story, conflicts: Any) -> None:
    before, index = picture(clash.project.folder), clash.project.index
    made = clash.upgrade(conflicts=conflicts)
    assert picture(clash.project.folder) != before
    clash.cultivar.undo(made.run_id)
    assert (picture(clash.project.folder), clash.project.index) == (before, index)
    assert clash.project.git("status", "--porcelain") == ""


def test_undo_keeps_what_a_person_did_since(clash: Story) -> None:
    made = clash.upgrade()
    clash.project.write({"b.txt": "B\nmine\n"})
    done = clash.cultivar.undo(made.run_id[:8])
    assert "mine\n" in clash.project.read("b.txt")
    assert {*done.merged, *done.conflicts} == {"b.txt"}
    assert clash.project.read("letter.txt") == OURS


def test_undo_without_a_run_takes_back_the_latest_upgrade_here(clash: Story) -> None:
    before = picture(clash.project.folder)
    clash.upgrade()
    clash.cultivar.undo(folder=clash.project.folder)
    assert picture(clash.project.folder) == before
    with pytest.raises(NotKnownError, match="upgrade to undo"):
        clash.cultivar.undo(folder=clash.project.folder)


def test_what_was_undone_is_upgraded_again_from_where_it_stands(clash: Story) -> None:
    made = clash.upgrade()
    first = picture(clash.project.folder)
    clash.cultivar.undo(made.run_id)
    clash.upgrade()
    texts = {path: clash.project.read(path) for path in ("letter.txt", "b.txt")}
    assert texts == {path: first[path][1].decode() for path in texts}


def test_changes_that_are_not_committed_stop_it_by_name(clash: Story) -> None:
    clash.project.write({"b.txt": "mine\n", "new.txt": "nobody's\n"})
    before = picture(clash.project.folder)
    with pytest.raises(DirtyError, match=r"b\.txt") as error:
        clash.upgrade()
    assert "--force" in str(error.value)
    assert picture(clash.project.folder) == before
    clash.upgrade(force=True, conflicts="rej")
    assert "mine" in clash.project.read("b.txt")
    assert clash.project.read("new.txt") == "nobody's\n"


def test_a_dry_run_tells_all_and_writes_nothing(clash: Story) -> None:
    before, index = picture(clash.project.folder), clash.project.index
    made = clash.upgrade(dry_run=True)
    assert (picture(clash.project.folder), clash.project.index) == (before, index)
    assert [each.path for each in made.report.conflicts] == ["letter.txt"]
    assert made.report.risk.level == "high"
    assert "-b\n+B\n" in made.report.diff
    assert made.generation_id == ""
    with pytest.raises(NotKnownError):
        clash.cultivar.undo(folder=clash.project.folder)


@pytest.mark.parametrize("conflicts", ["markers", "rej"])
def test_the_diff_of_a_dry_run_makes_what_the_run_makes(
    clash: Story, tmp_path: Path, conflicts: Any
) -> None:
    clash.project.commit({"own.txt": "mine, without an end of line", "odd.txt": "a\fb\r\nc"})
    clash.release(
        "v3.0.0",
        {
            "files/added.txt": "no end of line",
            "files/odd.txt": "a\fb\r\nd",
            "files/b.txt": None,
            "files/empty.txt": "",
            "files/deep/er/é ü.txt": "ü\n",
        },
    )
    diff = clash.upgrade(dry_run=True, conflicts=conflicts).report.diff
    twin = _twin(clash.project, tmp_path / "twin")
    (tmp_path / "diff").write_text(diff, newline="")
    twin.git("apply", str(tmp_path / "diff"))
    clash.upgrade(conflicts=conflicts)
    assert _without_times(twin.folder) == _without_times(clash.project.folder)


def _twin(project: Repository, folder: Path) -> Repository:
    project.git("clone", "-q", str(project.folder), str(folder))
    return Repository(folder)


def _without_times(folder: Path) -> dict[str, bytes]:
    """All files, without the time of the upgrade."""
    files = {path: content for path, (mode, content) in picture(folder).items() if mode & 0o100000}
    return {path: _timeless(content) for path, content in files.items()}


def _timeless(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"_upgraded_at"))


def test_a_model_settles_a_conflict_where_its_word_holds(clash: Story) -> None:
    body = "This was written by me in stands for the template's a letter."
    with _with_model(clash, body) as cultivar:
        made = cultivar.upgrade(clash.output)
        generation = cultivar.generation(made.generation_id)
    assert not made.report.conflicts
    (change,) = (each for each in made.report.files if each.rung == "model")
    assert change.path == "letter.txt"
    assert body in clash.project.read("letter.txt")
    assert made.report.risk.level == "high"
    assert generation.usage.calls == 1


@pytest.mark.parametrize(
    "body", ["This stands for the template's a letter.", "<<<<<<< ours\nwritten by me in\n"]
)
def test_what_a_model_proposes_and_does_not_hold_is_a_conflict(clash: Story, body: str) -> None:
    with _with_model(clash, body) as cultivar:
        made = cultivar.upgrade(clash.output)
    assert [each.path for each in made.report.conflicts] == ["letter.txt"]
    assert "written by me in" in clash.project.read("letter.txt")


def _with_model(story: Story, body: str) -> Cultivar:
    """Cultivar with a model that knows what the first open place should be."""
    model = ScriptedModel({"hunks": [{"number": 1, "body": body, "reason": "both are meant"}]})
    return Cultivar(story.cultivar.services.settings, services={Provider: model})
