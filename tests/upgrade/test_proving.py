"""What runs during an upgrade: migration scripts, the template's checks, the project's tests."""

from __future__ import annotations

import shutil

import pytest

from cultivar.errors import UntrustedError, UsageError
from cultivar.ledger.base import Ledger
from cultivar.testing.folders import picture
from cultivar.testing.projects import Repository, Story
from cultivar.upgrade.scripts import ScriptError
from cultivar.upgrades import Migration

CONFIG = """\
_subdirectory: files
name: {type: str, default: world}
_cultivar: {id: test:module, version: 1.0.0, checks: [{name: holds, run: sh check.sh}]}
"""
MIGRATIONS = """\
_migrations:
  - version: v2.0.0
    before: ["echo before $VERSION_FROM $VERSION_TO >> steps.txt"]
    after: ["echo after $STAGE >> steps.txt"]
  - version: v3.0.0
    after: ["echo third >> steps.txt"]
"""
SETTINGS = "[limits]\nretries = 3\ntimeout = 10\n\n[places]\nhome = 'here'\n"
FIRST = {
    "copier.yml": CONFIG,
    "files/settings.toml": SETTINGS,
    "files/check.sh": "true\n",
    "files/steps.txt": "",
}


def newer(version: str = "2.0.0", more: str = "") -> str:
    """The template's configuration in a newer version."""
    return CONFIG.replace("1.0.0", version) + more


def last(story: Story) -> Migration:
    """What the ledger has of the latest upgrade."""
    return story.cultivar.services.need(Ledger).migrations()[0]


def test_migration_scripts_run_before_and_after_once_and_are_tracked(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": newer(more=MIGRATIONS)})
    made = story.upgrade(trust=True)
    steps = ["before v1.0.0 v2.0.0", "after after"]
    assert story.project.read("steps.txt").splitlines() == steps
    told = last(story)
    assert told.id == made.run_id
    assert (told.outcome, told.changed, told.conflicts) == ("done", len(made.report.files), ())
    ran = [(each.stage, each.version, each.succeeded, each.idempotent) for each in told.scripts]
    assert ran == [("before", "2.0.0", True, False), ("after", "2.0.0", True, False)]
    assert told.seconds > 0

    story.project.commit()
    story.release("v3.0.0", {"copier.yml": newer("3.0.0", MIGRATIONS)})
    story.upgrade(trust=True)
    assert story.project.read("steps.txt").splitlines() == [*steps, "third"]


def test_a_script_that_did_its_work_is_not_run_again_until_it_is_taken_back(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": newer(more=MIGRATIONS)})
    story.upgrade(trust=True)
    first = story.project.read("steps.txt")
    again = story.upgrade(trust=True, force=True, from_version="v1.0.0", answers={"name": "Eve"})
    assert story.project.read("steps.txt") == first
    story.cultivar.undo(again.run_id)
    story.cultivar.undo(folder=story.project.folder)
    assert story.project.read("steps.txt") == ""
    story.upgrade(trust=True)
    assert story.project.read("steps.txt") == first


def test_a_script_that_fails_leaves_everything_as_it_was(story: Story) -> None:
    story.begin(FIRST)
    broken = "_migrations: [{version: v2.0.0, before: ['echo x > steps.txt; exit 3']}]\n"
    story.release("v2.0.0", {"copier.yml": newer(more=broken), "files/new.txt": "new\n"})
    before = picture(story.project.folder)
    with pytest.raises(ScriptError, match="exit 3"):
        story.upgrade(trust=True)
    assert picture(story.project.folder) == before


def test_scripts_of_a_template_that_nobody_trusts_are_refused_or_left_out(story: Story) -> None:
    story.begin(FIRST)
    story.release("v2.0.0", {"copier.yml": newer(more=MIGRATIONS), "files/new.txt": "new\n"})
    with pytest.raises(UntrustedError):
        story.upgrade()
    story.upgrade(skip_tasks=True)
    assert story.project.read("steps.txt") == ""
    assert story.project.read("new.txt") == "new\n"


def test_a_script_sees_neither_the_network_nor_anything_beside_the_project(story: Story) -> None:
    story.begin(FIRST)
    beside = story.project.folder.parent / "beside.txt"
    script = f"echo seen > ../beside.txt; echo x > {beside}; ls .git; true"
    more = f"_migrations: [{{version: v2.0.0, after: ['{script}']}}]\n"
    story.release("v2.0.0", {"copier.yml": newer(more=more)})
    made = story.upgrade(trust=True)
    assert made.report.scripts[0].succeeded
    assert not beside.exists()


def test_what_rules_merged_and_checks_refuse_becomes_a_conflict(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"settings.toml": SETTINGS.replace("3", "5")})
    check = "! { grep -q 'retries = 5' settings.toml && grep -q 'pause' settings.toml; }\n"
    changed = SETTINGS.replace("retries = 3", "retries = 3\npause = 1")
    story.release("v2.0.0", {"copier.yml": newer(), "files/settings.toml": changed})
    assert not story.upgrade(dry_run=True).report.conflicts
    story.release("v2.0.1", {"copier.yml": newer("2.0.1"), "files/check.sh": check})
    made = story.upgrade()
    (conflict,) = made.report.conflicts
    assert conflict.path == "settings.toml"
    assert conflict.reason == "merged by rule, holds failed"
    assert "retries = 5" in story.project.read("settings.toml")


def test_what_git_merged_and_checks_refuse_is_not_written(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"mine.txt": "mine\n"})
    before = picture(story.project.folder)
    story.release("v2.0.0", {"copier.yml": newer(), "files/check.sh": "! test -e mine.txt\n"})
    made = story.upgrade()
    assert made.report.proof.verdict == "failed"
    assert made.generation_id == ""
    assert picture(story.project.folder) == before
    story.upgrade(force=True)
    assert story.project.read("check.sh") == "! test -e mine.txt\n"


def test_a_check_that_failed_before_does_not_stop_an_upgrade(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"check.sh": "exit 1\n"})
    story.release("v2.0.0", {"copier.yml": newer(), "files/new.txt": "new\n"})
    made = story.upgrade()
    assert made.report.proof.verdict == "not_verified"
    assert story.project.read("new.txt") == "new\n"


def test_the_projects_own_tests_say_whether_the_merged_files_hold(story: Story) -> None:
    story.begin(FIRST)
    story.project.commit({"own.sh": "grep -q \"'here'\" settings.toml\n"})
    changed = SETTINGS.replace("'here'", "'there'")
    story.release("v2.0.0", {"copier.yml": newer(), "files/settings.toml": changed})
    made = story.upgrade(test="sh own.sh")
    failed = [each.check for each in made.report.proof.results if each.verdict == "failed"]
    assert failed == ["the project's own tests"]
    assert story.project.read("settings.toml") == SETTINGS
    made = story.upgrade(test="sh own.sh", file="settings.toml", force=True)
    assert story.project.read("settings.toml") == changed


def test_a_secret_is_never_written_as_its_placeholder(story: Story) -> None:
    config = f"{CONFIG}token: {{type: str, secret: true, default: ''}}\n"
    files = {"files/login.ini.jinja": "token={{ token }}\nhost=a\n"}
    story.begin({**FIRST, **files, "copier.yml": config}, answers={"token": "s3cret-t0ken"})
    assert story.project.read("login.ini") == "token=s3cret-t0ken\nhost=a\n"
    before = picture(story.project.folder)
    newly = {"copier.yml": config.replace("1.0.0", "2.0.0")}
    story.release("v2.0.0", {**newly, "files/more.ini.jinja": "again={{ token }}\n"})
    with pytest.raises(UsageError, match=r"`more\.ini` shows the secret `token`"):
        story.upgrade()
    assert picture(story.project.folder) == before
    made = story.upgrade(answers={"token": "s3cret-t0ken"})
    assert story.project.read("more.ini") == "again=s3cret-t0ken\n"
    assert story.project.read("login.ini") == "token=s3cret-t0ken\nhost=a\n"
    assert "s3cret" not in story.project.read(".template-answers.yml")
    assert "s3cret" not in repr(made)


def test_a_secret_that_is_not_at_hand_stays_where_it_stands(story: Story) -> None:
    config = f"{CONFIG}token: {{type: str, secret: true, default: ''}}\n"
    login = "token={{ token }}\nkind=basic\nport=1\nlast=1\nhost=a\n"
    files = {"files/login.ini.jinja": login}
    story.begin({**FIRST, **files, "copier.yml": config}, answers={"token": "s3cret-t0ken"})
    changed = {"files/login.ini.jinja": login.replace("host=a", "host=b")}
    story.release("v2.0.0", {"copier.yml": config.replace("1.0.0", "2.0.0"), **changed})
    made = story.upgrade()
    assert not made.report.conflicts
    shown = story.project.read("login.ini")
    assert shown == login.replace("{{ token }}", "s3cret-t0ken").replace("host=a", "host=b")


def test_what_was_adopted_is_upgraded_when_its_template_is_gone(story: Story) -> None:
    story.begin({**FIRST})
    ledger = story.cultivar.services.need(Ledger)
    moved = story.project.folder.rename(story.project.folder.with_name("elsewhere"))
    project = Repository(moved)
    project.commit({"settings.toml": SETTINGS.replace("3", "5")})
    adopted = story.cultivar.adopt(story.cultivar.output(moved))
    assert ledger.maker_of(str(moved / "settings.toml")) == adopted
    shutil.rmtree(story.template.folder)
    newest = Repository(moved.with_name("newest"))
    changed = SETTINGS.replace("here", "there")
    newest.write(
        {"copier.yml": newer(), "files/settings.toml": changed, "files/check.sh": "true\n"}
    )
    story.cultivar.upgrade(story.cultivar.output(moved), template=str(newest.folder))
    assert project.read("settings.toml") == changed.replace("3", "5")
