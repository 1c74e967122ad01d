"""Putting a version on the disk and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cultivar.errors import (
    ChangedError,
    NotKnownError,
    SandboxUnavailableError,
    TemplateError,
    UnconfinedError,
    UnsafeError,
    UntrustedError,
    UsageError,
    WriteError,
)
from cultivar.evolution.artifacts.registry import Registry
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import Artifact, Candidate
from cultivar.record import replace
from cultivar.testing.artifacts import (
    CALCULATOR,
    COPIER,
    GREETING,
    MENDED,
    PROMPT,
    SLOTS,
    TEMPLATE,
    TOOL,
    World,
)
from cultivar.testing.folders import picture
from cultivar.testing.lifecycles import experiment_of, pointer_to
from cultivar.tree import Entry, Tree, text_entry

GOOD_DAY = GREETING.replace("hello", "good day")


def candidate(
    registry: Registry,
    ledger: SqlLedger,
    artifact: Artifact,
    changes: Mapping[str, str | None],
) -> Candidate:
    """A candidate that changes these files of the current version."""
    current = registry.current(artifact)
    entries: dict[str, Entry | None] = {
        path: None if text is None else text_entry(text) for path, text in changes.items()
    }
    tree = registry.tree(current).replace(entries)
    ledger.content.put(tree)
    return Candidate(
        artifact=artifact,
        parent=current.tree_hash,
        tree_hash=tree.hash,
        version="1.0.1",
        operator="guard",
        description="Mend it.",
    )


def mended(registry: Registry, ledger: SqlLedger) -> Candidate:
    return candidate(registry, ledger, CALCULATOR, {"calculator.py": MENDED})


def greeting(registry: Registry, ledger: SqlLedger) -> Candidate:
    return candidate(registry, ledger, TEMPLATE, {"template/greet.py.jinja": GOOD_DAY})


def test_a_tool_is_replaced_and_the_old_one_kept_beside_it(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    before = registry.current(CALCULATOR)
    release = registry.release(mended(registry, ledger), experiment="experiment-1")
    assert world.tool.read_text() == MENDED
    assert Path(release.backup).read_text() == TOOL
    assert Path(release.backup).name.startswith("calculator.py.backup-2")
    assert (release.status, release.experiment) == ("watching", "experiment-1")
    assert release.before == before.tree_hash
    current = registry.current(CALCULATOR)
    assert (current.tree_hash, current.version, current.made_by) == (
        *(release.after, "1.0.1", "guard"),
    )
    assert ledger.experiments.releases() == (release,)


def test_a_template_is_replaced_with_its_number_raised_and_its_comments_kept(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    release = registry.release(greeting(registry, ledger))
    assert release.status == "watching"
    assert (world.template / "template/greet.py.jinja").read_text() == GOOD_DAY
    assert (world.template / "copier.yml").read_text() == COPIER.replace("1.0.0", "1.0.1")
    assert registry.current(TEMPLATE).version == "1.0.1"
    assert registry.status([TEMPLATE])[0].state == "in_sync"


def test_a_number_is_given_once(registry: Registry, ledger: SqlLedger) -> None:
    registry.release(mended(registry, ledger))
    registry.rollback(CALCULATOR)
    other = candidate(registry, ledger, CALCULATOR, {"calculator.py": MENDED + "# more\n"})
    assert other.version == "1.0.1"
    registry.release(other)
    assert registry.current(CALCULATOR).version == "1.0.2"


def test_candidates_that_build_on_each_other_get_numbers_of_their_own(
    registry: Registry, ledger: SqlLedger
) -> None:
    one = greeting(registry, ledger)
    tree = ledger.content.tree(one.tree_hash)
    text = tree.text("template/greet.py.jinja")
    first, number = registry.numbered(TEMPLATE, tree)
    second, same = registry.numbered(
        TEMPLATE, tree.replace({"template/greet.py.jinja": text_entry(f"{text}# more\n")})
    )
    assert number == same == "1.0.1"
    for made, parent in ((first, one.parent), (second, first.hash)):
        ledger.content.put(made)
        registry.release(replace(one, tree_hash=made.hash, parent=parent))
    named = {each.version: each.tree_hash for each in registry.history(TEMPLATE)}
    assert [*named] == ["1.0.2", "1.0.1", "1.0.0"]
    assert named["1.0.1"] == first.hash
    assert ledger.artifacts.version(TEMPLATE, "1.0.2") == registry.current(TEMPLATE)


def test_the_backup_of_a_template_is_whole_and_no_template(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    (world.template / "template/notes.txt").chmod(0o600)
    old = picture(world.template)
    release = registry.release(greeting(registry, ledger))
    assert picture(Path(release.backup)) == old
    assert Path(release.backup).parent == world.template.parent
    assert [each for each in registry.known() if each.kind == "template"] == [TEMPLATE]


def test_what_is_no_file_of_a_template_stays_in_its_folder(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    world.write(world.template / ".git/HEAD", "ref\n")
    registry.release(greeting(registry, ledger))
    assert (world.template / ".git/HEAD").read_text() == "ref\n"


def test_files_that_a_version_has_not_are_taken_away_and_come_back(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    old = picture(world.template)
    changes = {"template/notes.txt": None, "template/deep/new.txt": "new\n"}
    registry.release(candidate(registry, ledger, TEMPLATE, changes))
    assert not (world.template / "template/notes.txt").exists()
    registry.rollback(TEMPLATE)
    assert picture(world.template) == old


def test_a_prompt_is_replaced(registry: Registry, ledger: SqlLedger, world: World) -> None:
    better = PROMPT.replace("Write", "Write short")
    registry.release(candidate(registry, ledger, SLOTS, {"slots.md.jinja": better}))
    assert world.prompt.read_text() == better


def test_a_rollback_brings_back_the_old_version_and_says_so_of_the_release(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    registry.release(mended(registry, ledger))
    back = registry.rollback(CALCULATOR, "1.0.0", reason="It was worse.")
    assert world.tool.read_text() == TOOL
    assert registry.current(CALCULATOR).version == "1.0.0"
    assert Path(back.backup).read_text() == MENDED
    assert back.status == "kept"
    statuses = {each.id: (each.status, each.reason) for each in ledger.experiments.releases()}
    assert sorted(statuses.values()) == [
        ("kept", "It was worse."),
        ("rolled_back", "It was worse."),
    ]


def test_any_version_can_be_gone_back_to(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    first = registry.release(mended(registry, ledger))
    other = candidate(registry, ledger, CALCULATOR, {"calculator.py": MENDED + "# more\n"})
    registry.release(other)
    registry.rollback(CALCULATOR, first.before[:12])
    assert world.tool.read_text() == TOOL
    registry.rollback(CALCULATOR, first.after)
    assert world.tool.read_text() == MENDED


def test_going_back_twice_does_not_bring_back_what_was_taken_back(
    registry: Registry, ledger: SqlLedger
) -> None:
    registry.release(mended(registry, ledger))
    registry.rollback(CALCULATOR)
    with pytest.raises(NotKnownError, match="no version before this one of 'tool:calculator'"):
        registry.rollback(CALCULATOR)


def test_two_versions_are_told_apart(registry: Registry, ledger: SqlLedger) -> None:
    registry.release(mended(registry, ledger))
    diff = registry.diff(CALCULATOR, "1.0.0", "current")
    assert diff.startswith("diff --git a/calculator.py b/calculator.py\n")
    assert '+        raise ValueError("b is 0")\n' in diff
    assert [each.version for each in registry.history(CALCULATOR)] == ["1.0.1", "1.0.0"]


def test_what_is_no_version_cannot_be_gone_back_to(registry: Registry) -> None:
    for which in ("9.9", "canary"):
        with pytest.raises(NotKnownError):
            registry.rollback(CALCULATOR, which)


def test_the_current_version_is_not_released_again(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"1\.0\.0 of tool:calculator is current already"):
        registry.release(registry.current(CALCULATOR))


BROKEN = [
    pytest.param(CALCULATOR, {"calculator.py": "def calculator(:\n"}, "SyntaxError", id="syntax"),
    pytest.param(CALCULATOR, {"calculator.py": "import os\nos._exit(0)\n"}, "ended", id="exit"),
    pytest.param(CALCULATOR, {"calculator.py": "x = 1\n"}, "calculator", id="no tool"),
    pytest.param(
        CALCULATOR,
        {"calculator.py": MENDED.replace("a / b", "a * b")},
        "does not hold any more",
        id="a case is lost",
    ),
    pytest.param(
        TEMPLATE, {"template/greet.py.jinja": "{% if %}"}, "greet.py.jinja", id="no Jinja"
    ),
    pytest.param(SLOTS, {"slots.md.jinja": "{{ what"}, "no Jinja: line 1", id="no Jinja"),
    pytest.param(
        SLOTS, {"slots.md.jinja": PROMPT + "{{ more }}"}, r"asks for \['more'\]", id="more"
    ),
    pytest.param(
        SLOTS, {"slots.md.jinja": "Write {{ what }}."}, r"nothing of \['rules'\]", id="fewer"
    ),
]


@pytest.mark.parametrize(("artifact", "changes", "why"), BROKEN)
def test_what_does_not_work_is_taken_back_by_itself(
    registry: Registry,
    ledger: SqlLedger,
    world: World,
    artifact: Artifact,
    changes: dict[str, str | None],
    why: str,
) -> None:
    old, current = picture(world.workspace), registry.current(artifact)
    release = registry.release(candidate(registry, ledger, artifact, changes))
    assert release.status == "rolled_back"
    assert re.search(why, release.reason), release.reason
    assert registry.current(artifact) == current
    assert registry.status([artifact])[0].state == "in_sync"
    assert picture(world.workspace) == old


def test_what_is_no_template_is_refused_before_anything_is_written(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    old = picture(world.workspace)
    with pytest.raises(TemplateError, match="This is not YAML"):
        registry.release(candidate(registry, ledger, TEMPLATE, {"copier.yml": "name: [\n"}))
    assert picture(world.workspace) == old
    assert ledger.experiments.releases() == ()


def test_a_candidate_that_was_taken_back_may_be_tried_again_under_its_number(
    registry: Registry, ledger: SqlLedger
) -> None:
    bad = candidate(registry, ledger, TEMPLATE, {"template/greet.py.jinja": "{% if %}"})
    first, again = registry.release(bad), registry.release(bad)
    assert first.after == again.after
    registry.release(greeting(registry, ledger))
    assert registry.current(TEMPLATE).version == "1.0.2"


def test_an_edit_that_nobody_took_up_stands(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    better = mended(registry, ledger)
    world.tool.write_text(TOOL + "# mine\n")
    with pytest.raises(ChangedError, match="cultivar sync"):
        registry.release(better)
    assert world.tool.read_text() == TOOL + "# mine\n"


def test_an_edit_in_the_middle_of_a_release_stands_and_the_release_is_taken_back(
    world: World, ledger: SqlLedger
) -> None:
    notes = world.template / "template/notes.txt"

    def edit(*_: object, **__: object) -> str:
        notes.write_text("mine\n")
        return ""

    registry = world.registry(ledger, verify=edit)
    registry.sync()
    with pytest.raises(ChangedError):
        registry.release(greeting(registry, ledger))
    assert notes.read_text() == "mine\n"
    assert registry.current(TEMPLATE).version == "1.0.0"
    (release,) = ledger.experiments.releases()
    assert release.status == "rolled_back"


def test_a_version_that_another_machine_made_current_meanwhile_stays_so(
    world: World, ledger: SqlLedger
) -> None:
    def move(*_: object, **__: object) -> str:
        ledger.artifacts.point(CALCULATOR, pointer_to(other))
        return ""

    registry = world.registry(ledger, verify=move)
    registry.sync()
    ledger.content.put(Tree({"calculator.py": text_entry("elsewhere\n")}))
    better = mended(registry, ledger)
    other = replace(
        registry.current(CALCULATOR),
        tree_hash=Tree({"calculator.py": text_entry("elsewhere\n")}).hash,
        version="2.0.0",
    )
    ledger.artifacts.keep(other)
    with pytest.raises(ChangedError):
        registry.release(better)
    assert world.tool.read_text() == TOOL
    assert registry.current(CALCULATOR) == other


@pytest.mark.parametrize("error", [SandboxUnavailableError, UnconfinedError, KeyboardInterrupt])
def test_where_it_cannot_be_told_whether_it_works_the_old_version_stands(
    world: World, ledger: SqlLedger, error: type[BaseException]
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error("It is down.")

    registry = world.registry(ledger, verify=fail)
    registry.sync()
    old = picture(world.workspace)
    with pytest.raises(error):
        registry.release(mended(registry, ledger))
    assert picture(world.workspace) == old
    assert registry.status([CALCULATOR])[0].state == "in_sync"
    assert [each.status for each in ledger.experiments.releases()] == ["rolled_back"]


def test_a_folder_that_cannot_be_written_to_keeps_the_old_version(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    better = mended(registry, ledger)
    world.tool.parent.rename(world.workspace / "elsewhere")
    world.write(world.workspace / "tools", "a file\n")
    with pytest.raises((ChangedError, WriteError)):
        registry.release(better)


def test_a_candidate_that_builds_on_another_is_released_and_taken_back_with_it(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    first = greeting(registry, ledger)
    ledger.experiments.keep_experiment(experiment_of("first", candidate=first))
    tree = ledger.content.tree(first.tree_hash).replace({"template/more": text_entry("more\n")})
    second = replace(first, parent=first.tree_hash, tree_hash=ledger.content.put(tree))
    registry.release(second)
    assert (world.template / "template/more").is_file()
    registry.rollback(TEMPLATE)
    assert registry.current(TEMPLATE).version == "1.0.0"


def test_a_candidate_that_was_made_from_what_is_not_used_any_more_is_refused(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    better = mended(registry, ledger)
    world.tool.write_text(TOOL + "# mine\n")
    registry.sync()
    with pytest.raises(ChangedError, match="cultivar experiments"):
        registry.release(better)
    assert world.tool.read_text() == TOOL + "# mine\n"


@pytest.mark.parametrize(
    "tree",
    [
        Tree({}),
        Tree({"other.py": text_entry(MENDED)}),
        Tree({"calculator.py": text_entry(MENDED), "more.py": text_entry("")}),
        Tree({"calculator.py": Entry(content=b"x.py", mode="link")}),
    ],
    ids=["nothing", "another name", "two files", "a link"],
)
def test_files_that_are_no_version_of_a_tool_are_refused(
    registry: Registry, ledger: SqlLedger, world: World, tree: Tree
) -> None:
    seen, good = picture(world.workspace), mended(registry, ledger)
    bad = replace(good, tree_hash=ledger.content.put(tree))
    with pytest.raises(UnsafeError, match=r"is the one file `calculator\.py`, and not"):
        registry.release(bad)
    assert picture(world.workspace) == seen
    assert registry.current(CALCULATOR).version == "1.0.0"


def test_a_template_that_takes_another_name_is_taken_back(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    other = {"copier.yml": COPIER.replace("quality_template:greeting", "quality_template:other")}
    release = registry.release(candidate(registry, ledger, TEMPLATE, other))
    assert release.status == "rolled_back"
    assert "it is not used" in release.reason
    assert (world.template / "copier.yml").read_text() == COPIER


class TestShipped:
    """What comes with Cultivar is improved by a version in the workspace that comes before it."""

    @pytest.fixture
    def world(self, world: World) -> World:
        (world.shipped / "templates_data").mkdir(parents=True)
        world.template.rename(world.shipped / "templates_data/greeting")
        (world.shipped / "tools").mkdir()
        world.tool.rename(world.shipped / "tools/calculator.py")
        return world

    def test_it_is_improved_in_the_workspace(
        self, registry: Registry, ledger: SqlLedger, world: World
    ) -> None:
        old = picture(world.shipped)
        release = registry.release(greeting(registry, ledger))
        assert (world.template / "template/greet.py.jinja").read_text() == GOOD_DAY
        assert (release.status, release.backup) == ("watching", "")
        assert registry.release(mended(registry, ledger)).status == "watching"
        assert world.tool.read_text() == MENDED
        assert picture(world.shipped) == old

    def test_going_back_to_it_takes_the_better_one_away(
        self, registry: Registry, ledger: SqlLedger, world: World
    ) -> None:
        registry.release(greeting(registry, ledger))
        back = registry.rollback(TEMPLATE)
        assert not world.template.exists()
        assert Path(back.backup).is_dir()
        (status,) = registry.status([TEMPLATE])
        assert (status.state, status.shipped, status.version) == ("in_sync", True, "1.0.0")

    def test_a_tool_is_not_put_into_a_workspace_that_is_not_trusted(
        self, registry: Registry, ledger: SqlLedger, world: World
    ) -> None:
        with pytest.raises(UntrustedError, match="is not trusted"):
            world.registry(ledger, trusted=False).release(mended(registry, ledger))
        assert not world.tool.exists()

    def test_a_new_one_of_ours_and_a_better_one_of_the_workspace_are_merged(
        self, registry: Registry, ledger: SqlLedger, world: World
    ) -> None:
        registry.release(greeting(registry, ledger))
        ours = world.shipped / "templates_data/greeting"
        world.write(ours / "copier.yml", COPIER.replace("1.0.0", "1.1.0"))
        world.write(ours / "template/notes.txt", "news\n")
        (status,) = registry.status([TEMPLATE])
        assert status.state == "diverged"
        (done,) = registry.sync([TEMPLATE])
        assert (done.state, done.version) == ("in_sync", "1.1.1")
        assert (world.template / "template/greet.py.jinja").read_text() == GOOD_DAY
        assert (world.template / "template/notes.txt").read_text() == "news\n"
        assert (world.template / "copier.yml").read_text() == COPIER.replace("1.0.0", "1.1.1")
        assert registry.status([TEMPLATE])[0].state == "in_sync"

    def test_a_new_one_of_ours_is_taken_up(
        self, registry: Registry, ledger: SqlLedger, world: World
    ) -> None:
        world.write(world.shipped / "tools/calculator.py", MENDED)
        (status,) = registry.status([CALCULATOR])
        assert status.state == "disk_ahead"
        registry.sync()
        current = registry.current(CALCULATOR)
        assert (current.version, current.made_by) == ("1.0.1", "shipped")
