"""What was tried against upgrades, and must not work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cultivar.errors import TemplateError, UntrustedError, UsageError
from cultivar.ledger.base import Ledger
from cultivar.testing.projects import Story

CONFIG = "_subdirectory: files\nname: {type: str, default: world}\n_cultivar: {id: t:one}\n"
TEXT = "".join(f"line {number}\n" for number in range(12))
ANSWERS = ".template-answers.yml"
NEWER = TEXT.replace("line 3\n", "line 3 of the template\n")


@pytest.fixture
def updated(story: Story) -> Story:
    """A project with a newer version of its template."""
    story.begin({"copier.yml": CONFIG, "files/a.txt": TEXT, "files/b.txt": "b\n"})
    story.release("v2.0.0", {"files/a.txt": NEWER})
    return story


def test_a_file_that_git_ignores_stays_out_of_its_index_and_of_the_diff(updated: Story) -> None:
    updated.project.commit({".gitignore": ".env\n"})
    updated.project.write({".env": "SECRET=hunter22\n"})
    updated.release("v3.0.0", {"files/.env": "SECRET=\n"})
    assert "hunter22" not in updated.upgrade(dry_run=True).report.diff
    made = updated.upgrade()
    assert [each.path for each in made.report.conflicts] == [".env"]
    assert updated.project.read(".env") == "SECRET=hunter22\n"
    assert updated.project.has(".env.rej")
    assert ".env" not in updated.project.git("ls-files", "--stage")


def test_an_answers_file_cannot_lead_to_another_template(updated: Story, tmp_path: Path) -> None:
    key = tmp_path / "id_rsa"
    key.write_text("PRIVATE KEY\n")
    text = updated.project.read(ANSWERS)
    led = re.sub(r"(?m)^_src_path: .*$", f"_src_path: {key}", text)
    updated.project.commit({ANSWERS: led})
    updated.upgrade()
    assert not updated.project.has("id_rsa")
    other = tmp_path / "other"
    other.mkdir()
    (other / "copier.yml").write_text("_cultivar: {id: t:other, version: 9.0.0}\n")
    led = re.sub(r"(?m)^_src_path: .*$", f"_src_path: {other}", text)
    updated.project.commit({ANSWERS: led})
    with pytest.raises(UntrustedError, match="t:other"):
        updated.upgrade()


def test_an_upgrade_is_not_taken_back_from_under_a_later_one(updated: Story) -> None:
    first = updated.upgrade()
    updated.project.commit()
    updated.release("v3.0.0", {"files/b.txt": "B\n"})
    second = updated.upgrade()
    updated.project.commit()
    with pytest.raises(UsageError, match=f"cultivar undo {second.run_id[:8]}"):
        updated.cultivar.undo(first.run_id)
    updated.cultivar.undo(second.run_id)
    updated.cultivar.undo(first.run_id)
    assert updated.project.read("a.txt") == TEXT
    with pytest.raises(UsageError, match="taken back already"):
        updated.cultivar.undo(first.run_id)


def test_what_is_not_checked_out_is_not_passed_over_in_silence(updated: Story) -> None:
    updated.project.git("sparse-checkout", "set", "--no-cone", "/b.txt", "/.template-answers.yml")
    with pytest.raises(UsageError, match=r"changes `a\.txt`, which cannot be read"):
        updated.upgrade()


@pytest.mark.parametrize("value", [".nan", "!!binary aGk="])
def test_an_answer_that_is_no_value_is_said_by_name(updated: Story, value: str) -> None:
    text = updated.project.read(ANSWERS) + f"port: {value}\n"
    updated.project.commit({ANSWERS: text})
    with pytest.raises(TemplateError, match="`port`"):
        updated.upgrade()


def test_a_file_that_still_holds_markers_is_not_merged_again(updated: Story) -> None:
    marked = f"<<<<<<< mine\nmine\n=======\ntheirs\n>>>>>>> yours\n{TEXT}"
    updated.project.commit({"a.txt": marked})
    with pytest.raises(UsageError, match="markers"):
        updated.upgrade()
    assert updated.project.read("a.txt") == marked


def test_a_failed_upgrade_is_recorded_with_its_reason(updated: Story) -> None:
    updated.project.write({"a.txt": "changed\n"})
    with pytest.raises(UsageError, match="not committed") as failed:
        updated.upgrade()
    ledger = updated.cultivar.services.need(Ledger)
    (tracked,) = ledger.migrations(str(updated.project.folder))
    assert (tracked.id, tracked.outcome) == (failed.value.run_id, "failed")
    assert "not committed" in tracked.error
