"""How disk and record stand to each other, and how they are brought together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import NotKnownError, SandboxUnavailableError
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.artifacts.standing import check_sync_status, likeliest_base
from cultivar.evolution.artifacts.syncing import SyncOrder
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import Artifact, ArtifactVersion
from cultivar.record import replace
from cultivar.testing.artifacts import (
    CALCULATOR,
    COPIER,
    MENDED,
    SLOTS,
    TEMPLATE,
    TOOL,
    World,
)
from cultivar.testing.folders import picture
from cultivar.testing.lifecycles import pointer_to
from cultivar.tree import Tree, text_entry

MINE = TOOL.replace("nothing to divide by", "nobody to divide among")
BOTH = MENDED.replace("nothing to divide by", "nobody to divide among")
LATER = timedelta(days=1)


def state_of(registry: Registry, artifact: Artifact = CALCULATOR) -> str:
    return registry.status([artifact])[0].state


def moved(
    registry: Registry, ledger: SqlLedger, text: str = MENDED, artifact: Artifact = CALCULATOR
) -> ArtifactVersion:
    """The tool is that text now, as another machine released it into the shared record."""
    tree = Tree({"calculator.py": text_entry(text)})
    current = registry.current(artifact)
    version = replace(
        current,
        tree_hash=ledger.content.put(tree),
        version="1.0.1",
        parent=current.tree_hash,
        made_at=current.made_at + LATER,
    )
    ledger.artifacts.keep(version)
    ledger.artifacts.point(artifact, pointer_to(version))
    return version


def test_what_nobody_took_up_is_new(world: World, ledger: SqlLedger) -> None:
    registry = world.registry(ledger)
    assert registry.known() == (SLOTS, TEMPLATE, CALCULATOR)
    assert {each.state for each in registry.status()} == {"new"}
    assert ledger.artifacts.artifacts() == ()


def test_what_is_new_becomes_the_first_version(registry: Registry) -> None:
    assert {each.state for each in registry.status()} == {"in_sync"}
    first = registry.current(CALCULATOR)
    assert (first.version, first.made_by, first.parent) == ("1.0.0", "person", "")
    assert registry.tree(first).text("calculator.py") == TOOL
    assert registry.current(TEMPLATE).version == "1.0.0"


def test_bringing_together_what_is_the_same_changes_nothing(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    seen = picture(world.workspace)
    assert [each.done for each in registry.sync()] == ["", "", ""]
    assert picture(world.workspace) == seen
    assert len(registry.history(CALCULATOR)) == 1


def test_what_a_person_edited_becomes_a_version(registry: Registry, world: World) -> None:
    first = registry.current(CALCULATOR)
    world.write(world.tool, MINE)
    assert state_of(registry) == "disk_ahead"
    registry.sync()
    current = registry.current(CALCULATOR)
    assert registry.tree(current).text("calculator.py") == MINE
    assert (current.version, current.made_by, current.parent) == (
        *("1.0.1", "person", first.tree_hash),
    )
    assert state_of(registry) == "in_sync"


def test_a_template_keeps_the_number_that_a_person_gave_it(
    registry: Registry, world: World
) -> None:
    world.write(world.template / "copier.yml", COPIER.replace("1.0.0", "3.0.0"))
    registry.sync()
    assert registry.current(TEMPLATE).version == "3.0.0"


def test_a_person_who_goes_back_to_an_old_version_is_followed(
    registry: Registry, world: World
) -> None:
    world.write(world.tool, MINE)
    registry.sync()
    world.write(world.tool, TOOL)
    assert state_of(registry) == "disk_ahead"
    registry.sync()
    assert registry.current(CALCULATOR).version == "1.0.0"


def test_what_was_released_elsewhere_is_put_on_the_disk(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    version = moved(registry, ledger)
    assert state_of(registry) == "database_ahead"
    (done,) = registry.sync([CALCULATOR])
    assert (done.state, done.version) == ("in_sync", "1.0.1")
    assert world.tool.read_text() == MENDED
    assert registry.current(CALCULATOR) == version
    (backup,) = world.tool.parent.glob("calculator.py.backup-*")
    assert backup.read_text() == TOOL


def test_what_was_released_elsewhere_and_does_not_work_here_leaves_the_disk(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    moved(registry, ledger, "not python(\n")
    (done,) = registry.sync([CALCULATOR])
    assert done.state == "database_ahead"
    assert "1.0.1 cannot be used" in done.problem
    assert world.tool.read_text() == TOOL


def test_changes_of_both_sides_are_merged(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    moved(registry, ledger)
    world.write(world.tool, MINE)
    assert state_of(registry) == "diverged"
    (done,) = registry.sync([CALCULATOR])
    assert (done.state, done.conflicts) == ("in_sync", ())
    assert world.tool.read_text() == BOTH
    current = registry.current(CALCULATOR)
    assert (current.version, current.made_by) == ("1.0.3", "person")
    assert {registry.tree(each).text("calculator.py") for each in registry.history(CALCULATOR)} == {
        *(TOOL, MINE, MENDED, BOTH)
    }


def conflicting(registry: Registry, ledger: SqlLedger, world: World) -> str:
    """Both changed the same line; what a person wrote."""
    moved(registry, ledger)
    mine = TOOL.replace("return a / b", "return a / (b or 1)")
    world.write(world.tool, mine)
    return mine


def test_what_cannot_be_merged_stays_and_is_told(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    mine = conflicting(registry, ledger, world)
    seen = picture(world.workspace)
    (done,) = registry.sync([CALCULATOR])
    assert (done.state, done.conflicts) == ("diverged", ("calculator.py",))
    assert picture(world.workspace) == seen
    assert world.tool.read_text() == mine
    assert registry.current(CALCULATOR).version == "1.0.1"


def test_of_what_cannot_be_merged_the_disk_may_be_preferred(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    mine = conflicting(registry, ledger, world)
    (done,) = registry.sync([CALCULATOR], SyncOrder(prefer="disk"))
    assert done.state == "in_sync"
    assert world.tool.read_text() == mine
    assert registry.tree(registry.current(CALCULATOR)).text("calculator.py") == mine


def test_of_what_cannot_be_merged_the_record_may_be_preferred_and_nothing_is_lost(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    mine = conflicting(registry, ledger, world)
    (done,) = registry.sync([CALCULATOR], SyncOrder(prefer="database"))
    assert done.state == "in_sync"
    assert world.tool.read_text() == MENDED
    (backup,) = world.tool.parent.glob("calculator.py.backup-*")
    assert backup.read_text() == mine
    kept = {registry.tree(each).text("calculator.py") for each in registry.history(CALCULATOR)}
    assert mine in kept


def test_a_disk_that_nothing_is_known_of_is_held_against_the_likeliest_version(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    moved(registry, ledger)
    for note in (world.home / "artifacts").glob("*.base"):
        note.unlink()
    world.write(world.tool, BOTH)
    assert state_of(registry) == "disk_ahead"
    world.write(world.tool, MINE)
    assert state_of(registry) == "diverged"


def test_what_is_missing_is_told_and_comes_back_when_asked_for(
    registry: Registry, world: World
) -> None:
    world.tool.unlink()
    assert registry.sync([CALCULATOR])[0].state == "missing"
    assert not world.tool.exists()
    (done,) = registry.sync([CALCULATOR], SyncOrder(restore=True))
    assert done.state == "in_sync"
    assert world.tool.read_text() == TOOL


def test_a_missing_template_comes_back_where_it_was(registry: Registry, world: World) -> None:
    seen = picture(world.template)
    world.template.rename(world.root / "away")
    registry.sync([TEMPLATE], SyncOrder(restore=True))
    assert picture(world.template) == seen


def test_a_template_that_a_person_broke_is_told_and_comes_back_when_asked_for(
    registry: Registry, world: World
) -> None:
    world.write(world.template / "copier.yml", "name: [\n")
    (status,) = registry.sync([TEMPLATE])
    assert (status.state, status.problem) == ("missing", "What stands there cannot be read.")
    assert (world.template / "copier.yml").read_text() == "name: [\n"
    (done,) = registry.sync([TEMPLATE], SyncOrder(restore=True))
    assert (done.state, done.problem) == ("in_sync", "")
    assert (world.template / "copier.yml").read_text() == COPIER
    (backup,) = world.template.parent.glob(".greeting.backup-*")
    assert (backup / "copier.yml").read_text() == "name: [\n"


def test_one_that_cannot_be_brought_together_does_not_keep_others_from_it(
    world: World, ledger: SqlLedger
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise SandboxUnavailableError("It is down.")

    registry = world.registry(ledger, verify=fail)
    registry.sync()
    moved(registry, ledger)
    world.write(world.prompt, "Write {{ what }}. {{ rules }}\n")
    world.write(world.template / "template/notes.txt", "mine\n")
    states = {each.artifact: (each.state, each.problem) for each in registry.sync()}
    assert states == {
        SLOTS: ("in_sync", ""),
        TEMPLATE: ("in_sync", ""),
        CALCULATOR: ("database_ahead", "It is down."),
    }
    assert world.tool.read_text() == TOOL


def test_what_is_nowhere_is_not_known(registry: Registry) -> None:
    with pytest.raises(NotKnownError):
        registry.status([Artifact(kind="tool", name="nowhere")])


@pytest.mark.parametrize(
    "artifact",
    [
        Artifact(kind="tool", name="../../evil"),
        Artifact(kind="tool", name="\0"),
        Artifact(kind="prompt", name="../evil"),
        Artifact(kind="prompt", name="evil"),
    ],
    ids=lambda each: repr(each.name),
)
def test_a_name_in_the_record_that_leads_elsewhere_is_told_and_nothing_is_written(
    registry: Registry, ledger: SqlLedger, world: World, artifact: Artifact
) -> None:
    evil = replace(registry.current(CALCULATOR), artifact=artifact)
    ledger.artifacts.keep(evil)
    ledger.artifacts.point(artifact, pointer_to(evil))
    seen = picture(world.root / "workspace")
    told = {each.artifact: each for each in registry.sync(order=SyncOrder(restore=True))}
    assert told[artifact].state == "missing"
    assert "is no name of a" in told[artifact].problem
    assert told[CALCULATOR].state == "in_sync"
    assert picture(world.workspace) == seen
    assert not list(world.root.rglob("*evil*"))


@pytest.mark.parametrize(("name", "folder"), [("team:hello", "team_hello"), ("../../evil", "evil")])
def test_a_template_of_the_record_comes_into_the_folder_of_templates_or_nowhere(
    registry: Registry, ledger: SqlLedger, world: World, name: str, folder: str
) -> None:
    seen = picture(world.workspace)
    config = text_entry(COPIER.replace("quality_template:greeting", name))
    current = registry.current(TEMPLATE)
    tree = registry.tree(current).replace({"copier.yml": config})
    artifact = Artifact(kind="template", name=name)
    other = replace(current, artifact=artifact, tree_hash=ledger.content.put(tree))
    ledger.artifacts.keep(other)
    ledger.artifacts.point(artifact, pointer_to(other))
    (done,) = registry.sync([artifact], SyncOrder(restore=True))
    if done.problem:
        assert "`_cultivar.id` is '../../evil'" in done.problem
        assert picture(world.workspace) == seen
    else:
        assert (world.workspace / "templates_data" / folder / "copier.yml").is_file()
        assert state_of(registry, artifact) == "in_sync"


def test_what_is_no_artifact_is_left_alone(registry: Registry, world: World) -> None:
    world.write(world.workspace / "tools/helpers.py", "def helpers():\n    pass\n")
    world.write(world.workspace / "tools/_private.py", TOOL)
    world.write(world.workspace / "agents/writer/README.md", "words\n")
    (world.workspace / "tools/link.py").symlink_to("/etc/passwd")
    assert registry.known() == (SLOTS, TEMPLATE, CALCULATOR)


hashes = st.sampled_from(["", "a", "b", "c"])


@given(disk=hashes, current=hashes, base=hashes, known=st.sets(hashes))
def test_disk_and_record_are_in_sync_only_where_they_are_the_same(
    disk: str, current: str, base: str, known: set[str]
) -> None:
    state = check_sync_status(disk, current, base, known)
    assert (state == "in_sync") == (disk == current != "")
    assert (state == "new") == (not current)
    assert (state == "missing") == (not disk and bool(current))


@given(disk=hashes, current=hashes, known=st.sets(hashes))
def test_what_is_on_the_disk_alone_is_never_taken_for_old(
    disk: str, current: str, known: set[str]
) -> None:
    state = check_sync_status(disk, current, base=current, known=known - {disk})
    assert state in {"new", "missing", "in_sync", "disk_ahead"}


def test_the_likeliest_base_is_the_version_that_differs_least() -> None:
    trees = {
        name: Tree({"a": text_entry(text), "b": text_entry("same\n")})
        for name, text in (("one", "1\n2\n3\n"), ("two", "1\n2\n4\n"))
    }
    disk = Tree({"a": text_entry("1\n2\n4\n5\n"), "b": text_entry("same\n")})
    assert likeliest_base(disk, trees) == "two"
    assert likeliest_base(disk, {}) == ""
