"""Projects that Copier made: upgraded and adopted as they are, and still Copier's afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from copier import run_copy, run_update

from cultivar import Cultivar
from cultivar.errors import NotKnownError
from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story

CONFIG = """\
_subdirectory: files
name: {type: str, default: world}
size: {type: int, default: 3}
loud: {type: bool, default: false}
shown: {type: str, default: "{{ name }}!", when: false}
token: {type: str, secret: true, default: none}
"""
ANSWERS = {
    "files/{{ _copier_conf.answers_file }}.jinja": (
        "# Keep it.\n{{ _copier_answers|to_nice_yaml -}}\n"
    )
}
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
LONGER = f"{LETTER}And one more.\n"
FIRST = {**ANSWERS, "copier.yml": CONFIG, "files/letter.txt": LETTER}


@pytest.fixture
def copied(story: Story) -> Story:
    """A project that Copier made of the first version, and a person edited."""
    story.release("v1.0.0", FIRST)
    run_copy(
        str(story.template.folder),
        story.project.folder,
        data={"name": "Ada"},
        vcs_ref="v1.0.0",
        defaults=True,
        quiet=True,
    )
    Repository.begun(story.project.folder)
    story.project.commit({"letter.txt": LETTER.replace("line 3", "my line")})
    return story


def test_it_is_upgraded_from_what_its_answers_file_says(copied: Story) -> None:
    copied.release("v2.0.0", {"files/letter.txt": LONGER, "files/name.txt.jinja": "{{ shown }}\n"})
    made = copied.upgrade()
    assert (made.report.from_version, made.report.to_version) == ("v1.0.0", "v2.0.0")
    assert copied.project.read("letter.txt") == LONGER.replace("line 3", "my line")
    assert copied.project.read("name.txt") == "Ada!\n"
    assert not copied.project.has(".template-answers.yml")


def test_its_answers_file_is_what_copier_itself_writes(copied: Story, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(copied.project.folder, twin)
    more = "kind: {type: str, default: 'a: b'}\nlist: {type: yaml, default: [1, {a: 2}]}\n"
    copied.release("v2.0.0", {"copier.yml": f"{CONFIG}{more}", "files/letter.txt": LONGER})
    run_update(twin, defaults=True, overwrite=True, quiet=True)
    copied.upgrade()
    theirs = (twin / ".copier-answers.yml").read_bytes()
    assert (copied.project.folder / ".copier-answers.yml").read_bytes() == theirs


def test_copier_updates_it_from_where_cultivar_left_it(copied: Story) -> None:
    copied.release("v2.0.0", {"files/letter.txt": LONGER})
    copied.upgrade()
    copied.project.commit()
    copied.release("v3.0.0", {"files/more.txt": "more\n"})
    run_update(copied.project.folder, defaults=True, overwrite=True, quiet=True)
    assert copied.project.read("more.txt") == "more\n"
    assert copied.project.read("letter.txt") == LONGER.replace("line 3", "my line")
    assert "_commit: v3.0.0" in copied.project.read(".copier-answers.yml")


def test_the_upgrade_after_needs_no_old_template_as_the_ledger_has_it(copied: Story) -> None:
    copied.release("v2.0.0", {"files/letter.txt": LONGER})
    copied.upgrade()
    copied.project.commit()
    shutil.rmtree(copied.template.folder)
    newest = Repository(copied.template.folder)
    newest.write({**FIRST, "files/letter.txt": LONGER, "files/more.txt": "more\n"})
    Repository.begun(newest.folder).git("tag", "v3.0.0")
    with Cultivar(copied.cultivar.services.settings) as cultivar:
        made = cultivar.upgrade(cultivar.output(copied.project.folder))
    assert not made.report.conflicts
    assert copied.project.read("more.txt") == "more\n"
    assert copied.project.read("letter.txt") == LONGER.replace("line 3", "my line")


def test_once_it_is_adopted_its_old_template_may_go(copied: Story) -> None:
    before = picture(copied.project.folder)
    adopted = copied.cultivar.adopt(copied.output)
    assert copied.cultivar.adopt(copied.output).id == adopted.id
    assert picture(copied.project.folder) == before
    sources = {each.name: each.source for each in adopted.answers}
    assert {name: sources[name] for name in ("name", "size")} == {"name": "user", "size": "default"}
    shutil.rmtree(copied.template.folder)
    newest = Repository(copied.template.folder.with_name("newest"))
    newest.write({**FIRST, "files/letter.txt": LONGER})
    copied.upgrade(template=str(newest.folder))
    assert copied.project.read("letter.txt") == LONGER.replace("line 3", "my line")


def test_a_version_that_was_rewritten_away_is_said_with_what_there_is(copied: Story) -> None:
    shutil.rmtree(copied.template.folder / ".git")
    Repository.begun(copied.template.folder).git("tag", "v2.0.0")
    before = picture(copied.project.folder)
    with pytest.raises(NotKnownError, match=r"'v1\.0\.0'.*v2\.0\.0") as error:
        copied.upgrade()
    assert "--from" in str(error.value)
    assert picture(copied.project.folder) == before


def test_each_line_of_it_is_blamed_on_the_template_an_answer_or_a_person(copied: Story) -> None:
    copied.release("v2.0.0", {"files/letter.txt": LONGER, "files/name.txt.jinja": "{{ shown }}\n"})
    copied.upgrade()
    lines = copied.cultivar.blame(copied.project.folder / "letter.txt")
    people = [line.number for line in lines if line.origin == "person"]
    assert people == [3]
    (line,) = copied.cultivar.blame(copied.project.folder / "name.txt")
    assert line.file == "files/name.txt.jinja"
