"""An upgrade from its order to its files: questions, versions, one file, several outputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from cultivar.errors import NotKnownError, TemplateError, UnavailableError, UsageError
from cultivar.model import Json, OpenQuestion
from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story

CONFIG = """\
_subdirectory: files
name: {type: str, default: world}
_cultivar: {id: test:letter, version: 1.0.0, description: A letter}
"""
LETTER = "".join(f"This is line {number} of a letter.\n" for number in range(1, 13))
LONGER = f"{LETTER}And one more.\n"
FIRST = {"copier.yml": CONFIG, "files/letter.txt": LETTER, "files/note.txt.jinja": "{{ name }}\n"}


def asking(*more: str, version: str = "2.0.0") -> str:
    """The template's configuration, with more questions."""
    return "\n".join([CONFIG.replace("1.0.0", version).rstrip("\n"), *more, ""])


def answers_of(project: Repository) -> dict[str, Json]:
    answers: dict[str, Json] = yaml.safe_load(project.read(".template-answers.yml"))
    return answers


def kept(project: Repository) -> dict[str, Json]:
    """The answers in a project's answers file."""
    return {name: value for name, value in answers_of(project).items() if name[0] != "_"}


def test_edits_of_both_sides_come_together(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"letter.txt": LETTER.replace("line 3", "my line")})
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    made = story.upgrade()
    changes = {each.path: each.action for each in made.report.files}
    assert changes == {".template-answers.yml": "changed", "letter.txt": "changed"}
    assert story.project.read("letter.txt") == LONGER.replace("line 3", "my line")
    assert story.project.git("status", "--short", "letter.txt").split() == ["M", "letter.txt"]


def test_the_answers_file_says_that_it_was_upgraded_from_what_and_when(story: Story) -> None:
    story.begin(FIRST, answers={"name": "Ada"})
    before = answers_of(story.project)
    story.release("v2.0.0", {"copier.yml": asking()})
    story.upgrade()
    after = answers_of(story.project)
    when = datetime.fromisoformat(str(after.pop("_upgraded_at")))
    assert datetime.now(UTC) - when < timedelta(minutes=5)
    changed = {
        "_template_version": "2.0.0",
        "_commit": "v2.0.0",
        "_upgraded": True,
        "_upgraded_from": "1.0.0",
    }
    assert after == {**before, **changed}


def test_a_person_is_asked_new_questions_only(story: Story) -> None:
    story.begin(FIRST, answers={"name": "Ada"})
    story.release("v2.0.0", {"copier.yml": asking("tone: {type: str, default: kind}")})
    asked: list[str] = []

    def ask(question: OpenQuestion) -> Json:
        asked.append(question.name)
        return "stern"

    story.cultivar.upgrade(story.output, ask=ask, interactive=True)
    assert asked == ["tone"]
    assert kept(story.project) == {"name": "Ada", "tone": "stern"}


def test_a_run_with_nobody_to_ask_waits_and_is_answered_later(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": asking("tone: {type: str, default: kind}")})
    before = picture(story.project.folder)
    made = story.upgrade(interactive=True)
    assert made.question is not None
    assert made.question.name == "tone"
    assert picture(story.project.folder) == before
    story.cultivar.resume(made.run_id, ask=lambda _: "stern")
    assert kept(story.project)["tone"] == "stern"


def test_without_a_person_new_questions_are_inferred_and_old_answers_stay(story: Story) -> None:
    story.begin(FIRST, answers={"name": "Ada"})
    more = ("tone: {type: str, default: kind}", "greeting: 'Hello {{ name }}'")
    story.release("v2.0.0", {"copier.yml": asking(*more)})
    made = story.upgrade()
    assert kept(story.project) == {"name": "Ada", "tone": "kind", "greeting": "Hello Ada"}
    sources = {each.name: each.source for each in made.answers}
    assert sources == {"name": "user", "tone": "default", "greeting": "default"}
    assert [(each.name, each.kind) for each in made.report.answers] == [
        ("tone", "new"),
        ("greeting", "new"),
    ]


def test_answers_can_be_given_with_the_upgrade(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": asking("tone: {type: str, default: kind}")})
    story.upgrade(answers={"tone": "stern", "name": "Eve"})
    assert kept(story.project) == {"name": "Eve", "tone": "stern"}
    assert story.project.read("note.txt") == "Eve\n"


def test_a_question_that_is_gone_is_told_and_its_answer_dropped(story: Story) -> None:
    story.begin({**FIRST, "copier.yml": f"{CONFIG}tone: kind\n"})
    story.release("v2.0.0", {"copier.yml": asking()})
    (change,) = story.upgrade().report.answers
    assert (change.name, change.kind, change.old) == ("tone", "dropped", "kind")
    assert "tone" not in kept(story.project)


def test_an_output_that_is_up_to_date_stays_as_it_is_and_that_is_said(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"letter.txt": LONGER})
    before, index = picture(story.project.folder), story.project.index
    made = story.upgrade()
    assert made.report.up_to_date
    assert made.generation_id == ""
    assert (picture(story.project.folder), story.project.index) == (before, index)


def test_another_answer_is_taken_at_the_same_version(story: Story) -> None:
    story.begin(FIRST)
    assert story.upgrade(answers={"name": "world"}).report.up_to_date
    story.upgrade(answers={"name": "Eve"})
    assert story.project.read("note.txt") == "Eve\n"
    assert kept(story.project) == {"name": "Eve"}


def test_an_upgrade_is_up_to_date_once_it_was_made(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    story.upgrade()
    assert story.upgrade(force=True).report.up_to_date
    assert story.cultivar.standing(story.output).clean


def test_a_pre_release_is_taken_only_when_it_is_asked_for(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0b1", {"copier.yml": asking(version="2.0.0b1")})
    assert story.upgrade().report.up_to_date
    assert story.upgrade(pre_releases=True).report.to_version == "2.0.0b1"


def test_any_version_tag_or_commit_can_be_asked_for(story: Story) -> None:
    story.begin(FIRST)
    story.release("v1.1.0", {"copier.yml": asking(version="1.1.0"), "files/a.txt": "1.1\n"})
    story.release("v2.0.0", {"copier.yml": asking(), "files/a.txt": "2.0\n"})
    assert story.upgrade(to="1.1.0").report.to_version == "1.1.0"
    assert story.project.read("a.txt") == "1.1\n"
    commit = story.template.git("rev-parse", "v2.0.0")
    story.upgrade(to=commit[:12], force=True)
    assert story.project.read("a.txt") == "2.0\n"


def test_a_version_that_there_is_not_is_said_with_the_nearest(story: Story) -> None:
    story.begin(FIRST)
    with pytest.raises(NotKnownError) as error:
        story.upgrade(to="v1.0.1")
    assert "v1.0.0" in str(error.value)


def test_the_version_that_made_it_can_be_said(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    text = story.project.read(".template-answers.yml")
    wrong = text.replace("v1.0.0", "v0.0.1").replace("1.0.0", "0.0.1")
    story.project.commit({".template-answers.yml": wrong})
    with pytest.raises(NotKnownError):
        story.upgrade()
    made = story.upgrade(from_version="v1.0.0")
    assert made.report.from_version == "v1.0.0"
    assert story.project.read("letter.txt") == LONGER


def test_a_downgrade_is_refused_unless_it_is_allowed(story: Story) -> None:
    story.release("v0.9.0", {"copier.yml": asking(version="0.9.0"), "files/letter.txt": "Short.\n"})
    story.begin(FIRST)
    with pytest.raises(UsageError, match=r"v0\.9\.0 of test:letter is older than v1\.0\.0"):
        story.upgrade(to="v0.9.0")
    story.upgrade(to="v0.9.0", allow_downgrade=True)
    assert story.project.read("letter.txt") == "Short.\n"


def test_one_file_alone_is_upgraded_and_later_the_rest(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"letter.txt": LETTER.replace("line 3", "my line")})
    changed = {"files/letter.txt": LONGER, "files/note.txt.jinja": "Dear {{ name }}\n"}
    story.release("v2.0.0", {"copier.yml": asking(), **changed})
    answers = story.project.read(".template-answers.yml")

    made = story.upgrade(file="letter.txt")
    assert [each.path for each in made.report.files] == ["letter.txt"]
    assert story.project.read("letter.txt") == LONGER.replace("line 3", "my line")
    assert story.project.read("note.txt") == "world\n"
    assert story.project.read(".template-answers.yml") == answers

    story.project.commit()
    made = story.upgrade()
    assert not made.report.conflicts
    assert story.project.read("letter.txt") == LONGER.replace("line 3", "my line")
    assert story.project.read("note.txt") == "Dear world\n"
    assert answers_of(story.project)["_template_version"] == "2.0.0"


def test_a_file_that_no_template_made_is_said_with_the_nearest(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"leter.txt": "mine\n"})
    with pytest.raises(NotKnownError, match=r"leter\.txt.*letter\.txt"):
        story.cultivar.output(story.project.folder / "leter.txt")
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    with pytest.raises(NotKnownError, match=r"leter\.txt.*letter\.txt"):
        story.upgrade(file="leter.txt")


def test_an_output_of_one_file_is_upgraded_beside_the_persons_own(story: Story) -> None:
    single = {"copier.yml": CONFIG, "files/letter.txt": LETTER}
    story.release("v1.0.0", single)
    for name in ("one", "two"):
        place = story.project.folder / name
        story.cultivar.generate("x", template=str(story.template.folder), output=place)
    Repository.begun(story.project.folder)
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    output = story.cultivar.output(story.project.folder / "one" / "letter.txt")
    story.cultivar.upgrade(output)
    assert story.project.read("one/letter.txt") == LONGER
    assert story.project.read("two/letter.txt") == LETTER
    assert "_upgraded: true" in story.project.read("one/letter.txt.template-answers.yml")


def test_several_outputs_in_one_repository_are_upgraded_each_by_its_own(story: Story) -> None:
    story.release("v1.0.0", FIRST)
    for name in ("one", "two"):
        story.cultivar.generate(
            "x",
            template=str(story.template.folder),
            output=story.project.folder / name,
            answers={"name": name},
        )
    Repository.begun(story.project.folder)
    story.release("v2.0.0", {"copier.yml": asking(), "files/note.txt.jinja": "Dear {{ name }}\n"})
    found = story.cultivar.outputs(story.project.folder).outputs
    assert [each.folder.name for each in found] == ["one", "two"]
    story.cultivar.upgrade(found[0])
    assert story.project.read("two/note.txt") == "two\n"
    story.cultivar.upgrade(found[1])
    assert story.project.read("one/note.txt") == "Dear one\n"
    assert story.project.read("two/note.txt") == "Dear two\n"


def test_the_answers_file_of_a_person_who_edited_it_is_taken_at_its_word(story: Story) -> None:
    story.begin(FIRST)
    text = story.project.read(".template-answers.yml").replace("name: world", "name: Ada")
    story.project.commit({".template-answers.yml": text})
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    story.upgrade()
    assert kept(story.project) == {"name": "Ada"}
    assert story.project.read("note.txt") == "Ada\n"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("name: world", "name: [world", 8),
        ("name: world", "name: [world]", 7),
        ("_template_version: 1.0.0", "_template_version: [1]", 3),
        ("_generated_at: '", "_generated_at: 'at ", 4),
    ],
)
def test_an_answers_file_that_cannot_be_read_is_refused_by_its_line(
    story: Story, old: str, new: str, line: int
) -> None:
    story.begin(FIRST)
    text = story.project.read(".template-answers.yml").replace(old, new)
    story.project.commit({".template-answers.yml": text})
    story.release("v2.0.0", {"copier.yml": asking()})
    with pytest.raises(TemplateError) as error:
        story.upgrade()
    assert error.value.line == line


def test_a_template_that_is_out_of_reach_is_said_with_what_is_known(
    story: Story, tmp_path: Path
) -> None:
    story.begin(FIRST)
    address = f"file://{story.template.folder}"
    text = story.project.read(".template-answers.yml")
    story.project.commit(
        {".template-answers.yml": text.replace(str(story.template.folder), address)}
    )
    story.template.folder.rename(tmp_path / "moved")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        story.upgrade()
    assert not story.cultivar.standing(story.output).clean


def test_a_template_that_moved_is_named(story: Story, tmp_path: Path) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": LONGER})
    moved = story.template.folder.rename(tmp_path / "moved")
    with pytest.raises(NotKnownError, match="--source"):
        story.upgrade()
    story.upgrade(template=str(moved))
    assert story.project.read("letter.txt") == LONGER
    assert answers_of(story.project)["_src_path"] == str(moved)


def test_a_project_without_git_is_upgraded_all_the_same(story: Story, tmp_path: Path) -> None:
    story.begin(FIRST)
    (story.project.folder / ".git").rename(tmp_path / "gone")
    story.project.write({"letter.txt": LETTER.replace("line 3", "my line")})
    changed = LONGER.replace("line 3", "a line of theirs")
    story.release("v2.0.0", {"copier.yml": asking(), "files/letter.txt": changed})
    made = story.upgrade()
    assert [each.path for each in made.report.conflicts] == ["letter.txt"]
    assert "<<<<<<<" in story.project.read("letter.txt")
    assert not (story.project.folder / ".git").exists()
