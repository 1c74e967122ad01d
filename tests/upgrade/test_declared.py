"""What migrations a template declares, in either dialect, becomes scripts that can run."""

from __future__ import annotations

from typing import Any

import pytest

from cultivar.errors import TemplateError, UsageError
from cultivar.model import Answer
from cultivar.templating.template import Template
from cultivar.testing.migrations import ANSWERS, NAME, SECRET, first_system_of, template_of
from cultivar.upgrade.scripts import scripts_for
from cultivar.upgrade.window import Window

WINDOW = Window(from_version="1.0.0", to_version="3.0.0")


def commands(template: Template, window: Window = WINDOW) -> list[tuple[str, str]]:
    """The stage and the command of each script of an upgrade."""
    return [(each.stage, each.command) for each in scripts_for(template, ANSWERS, window)]


def test_a_command_alone_runs_after_every_upgrade() -> None:
    assert commands(template_of("one", ["two", "it's", 3])) == [
        ("after", "one"),
        ("after", "two 'it'\"'\"'s' 3"),
    ]


def test_a_migration_runs_after_unless_it_says_when() -> None:
    template = template_of(
        {"version": "2.0.0", "command": "late"},
        {"version": "2.0.0", "command": "early", "when": "{{ _stage == 'before' }}"},
        {"version": "2.0.0", "command": "always", "when": True},
        {"version": "2.0.0", "command": "never", "when": "{{ name != name }}"},
    )
    assert commands(template) == [
        ("before", "early"),
        ("before", "always"),
        ("after", "late"),
        ("after", "always"),
    ]


def test_the_old_style_lists_commands_by_stage() -> None:
    template = template_of(
        {"version": "v2.0.0", "before": ["one", ["two", "a b"]], "after": ["three"]}
    )
    assert commands(template) == [("before", "one"), ("before", "two 'a b'"), ("after", "three")]


def test_an_entry_of_the_first_system_may_have_all_of_its_keys() -> None:
    template = first_system_of(
        {"version": "2.0.0", "before": "one", "after": ["two"], "command": "three {{name}}"}
    )
    assert commands(template) == [
        ("before", "one"),
        ("after", "two"),
        ("after", "three Ada's cache"),
    ]


def test_a_migration_that_both_systems_declare_runs_once() -> None:
    copier = {"version": "v2.0.0", "command": "move", "when": "{{ _stage == 'after' }}"}
    first = {"version": "2.0", "after": "move", "working_directory": "./"}
    both = scripts_for(template_of(copier, first), ANSWERS, WINDOW)
    assert len(both) == 1
    assert both[0].id == scripts_for(first_system_of(first), ANSWERS, WINDOW)[0].id
    assert both[0].id == scripts_for(template_of(copier), ANSWERS, WINDOW)[0].id


def test_a_script_is_known_by_what_is_written_not_by_what_was_answered() -> None:
    template = template_of({"version": "2.0.0", "command": "mv {{ name }} x"})
    other = (Answer(name="name", value="other", source="user", confidence=1.0),)
    one, two = (scripts_for(template, each, WINDOW)[0] for each in (ANSWERS, other))
    assert (one.id, one.command != two.command) == (two.id, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "2.0.1"},
        {"command": "mv b a"},
        {"working_directory": "src"},
        {"when": "{{ _stage == 'before' }}"},
    ],
)
def test_scripts_that_differ_are_known_apart(changed: dict[str, str]) -> None:
    migration = {"version": "2.0.0", "command": "mv a b"}
    one, two = (
        scripts_for(template_of(each), ANSWERS, WINDOW)[0]
        for each in (migration, {**migration, **changed})
    )
    assert one.id != two.id


@pytest.mark.parametrize(
    ("migration", "told"),
    [
        ({"version": "2.0.0"}, "line 8: A migration has no command, but `version`"),
        ({}, "line 8: A migration has no command, but nothing"),
        ({"version": "soon", "command": "x"}, "line 8: `version` is 'soon'"),
        ({"command": "x", "version": 1.10}, r"`version` is the number 1\.1\. Put it in quotes"),
        ({"command": {"run": "x"}}, "`command` has"),
        ({"command": ""}, "`command` has ''"),
        ({"version": "2.0.0", "before": [{"x": "y"}]}, "`before` has"),
        ({"command": "x", "when": [1]}, "`when` is"),
        ({"command": "x", "working_directory": 1}, "`working_directory` is 1"),
        ({"command": "{{ name"}, "unexpected end of template"),
    ],
)
def test_a_migration_that_is_wrong_is_told_with_its_place(
    migration: dict[str, Any], told: str
) -> None:
    with pytest.raises(TemplateError, match=told) as caught:
        scripts_for(template_of("one", migration), ANSWERS, WINDOW)
    assert caught.value.file == "copier.yml"


def test_scripts_without_a_version_come_last_at_their_stage() -> None:
    template = template_of(
        {"command": "any", "when": True},
        {"version": "2.10.0", "command": "ten", "when": True},
        {"version": "2.9.0", "command": "nine", "when": True},
    )
    order = ["nine", "ten", "any"]
    assert commands(template) == [
        *(("before", each) for each in order),
        *(("after", each) for each in order),
    ]


def test_a_command_sees_what_copier_tells() -> None:
    said = (
        "{{ _stage }} {{ _version_from }} {{ _version_to }} {{ _version_current }} "
        "{{ _version_pep440_from }} {{ _version_pep440_to.major }} {{ _version_pep440_current }} "
        "{{ _version_pep440_from < _version_pep440_to }} {{ _copier_operation }} {{ name }}"
    )
    window = Window(
        from_version="1.0.0", to_version="3.0.0", from_ref="v1.0.0", to_ref="v3.0.0-1-g0a1b2c3"
    )
    assert commands(template_of({"version": "v2.0", "command": said}), window) == [
        ("after", "after v1.0.0 v3.0.0-1-g0a1b2c3 v2.0 1.0.0 3 2.0 True update Ada's cache")
    ]


@pytest.mark.parametrize(
    "migration",
    [
        {"command": "login {{ token }}"},
        {"command": ["login", "{{ token }}"]},
        {"command": "x{% if token == 'hunter2' %}y{% endif %}"},
        {"command": "x", "working_directory": "{{ token }}"},
    ],
)
def test_a_command_that_changes_with_a_secret_is_refused(migration: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="uses a secret") as caught:
        scripts_for(template_of(migration), (NAME, SECRET), WINDOW, secrets={"token": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_at_hand_is_refused_too() -> None:
    with pytest.raises(UsageError, match="uses a secret"):
        scripts_for(template_of("login {{ token }}"), (NAME, SECRET), WINDOW)


def test_what_changes_by_itself_is_no_secret() -> None:
    template = template_of("echo {{ now() }} {{ make_secret() }}")
    assert len(scripts_for(template, (NAME, SECRET), WINDOW)) == 1


def test_whether_a_script_runs_may_hang_on_a_secret() -> None:
    template = template_of({"command": "x", "when": "{{ token == 'hunter2' }}"})
    found = scripts_for(template, (NAME, SECRET), WINDOW, secrets={"token": "hunter2"})
    assert [each.stage for each in found] == ["before", "after"]
