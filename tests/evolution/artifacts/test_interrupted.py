"""A release that is interrupted anywhere leaves the old or the new version, whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cultivar.checking.checks import CheckRunner
from cultivar.evolution.artifacts.finding import tree_at
from cultivar.evolution.artifacts.registry import Registry
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import Candidate
from cultivar.record import replace
from cultivar.settings import Settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.artifacts import GREETING, TEMPLATE, World, world_in
from cultivar.testing.folders import Ending, Interrupt, fill_disk, interrupted_at, kill
from cultivar.tree import Tree, text_entry
from cultivar.wiring import Services

CHANGES = {
    "template/greet.py.jinja": text_entry(GREETING.replace("hello", "good day")),
    "template/notes.txt": None,
    "template/deep/new.txt": text_entry("new\n"),
}
STEPS = 400
"""More than there are."""

Work = Callable[[Registry, SqlLedger], object]


def _release(registry: Registry, ledger: SqlLedger) -> None:
    current = registry.current(TEMPLATE)
    tree = registry.tree(current).replace(CHANGES)
    ledger.content.put(tree)
    registry.release(
        Candidate(
            artifact=TEMPLATE,
            parent=current.tree_hash,
            tree_hash=tree.hash,
            version="",
            operator="guard",
            description="Mend it.",
        )
    )


def _rollback(registry: Registry, _: SqlLedger) -> None:
    registry.rollback(TEMPLATE)


def _sync(registry: Registry, _: SqlLedger) -> None:
    registry.sync()


def _do(world: World, work: Work) -> None:
    """Do it as a process of its own does."""
    with world.ledger() as ledger:
        work(world.registry(ledger), ledger)


def _edit(world: World) -> None:
    world.write(world.template / "template/mine.txt", "mine\n")


def _tree(world: World) -> Tree:
    return tree_at(world.template, TEMPLATE)


def _used(world: World) -> Tree:
    """The files of the template as the application reads it."""
    settings = Settings(
        home=world.home, workspace=world.workspace, template_paths=(Path("templates_data"),)
    )
    return Services(settings, {}).need(Catalog).find(TEMPLATE.name).tree


def _copy(world: World, root: Path) -> World:
    shutil.copytree(world.root, root)
    return replace(world, root=root)


def _settled(world: World) -> None:
    """The next start: what was interrupted is settled, and disk and record are the same."""
    with world.ledger() as ledger:
        registry = world.registry(ledger)
        registry.recover()
        (status,) = registry.status([TEMPLATE])
        assert status.state == "in_sync"
        assert {each.status for each in ledger.experiments.releases()} <= {
            *("watching", "kept", "rolled_back")
        }
        assert registry.recover() == ()
    assert not list(world.template.parent.glob(".cultivar-stage-*"))
    assert not list((world.home / "artifacts").glob("*.json"))


def _backups_are_whole(world: World, begin: World, old: Tree) -> None:
    before, after = (
        {each.name: each for each in where.template.parent.glob(".greeting.backup-*")}
        for where in (begin, world)
    )
    new = after.keys() - before.keys()
    assert len(new) == int(_tree(world) != old)
    assert all(tree_at(after[name], TEMPLATE) == old for name in new)


def _endings(
    begin: World, work: Work, interrupt: Interrupt, steps: range
) -> list[tuple[Ending, bool]]:
    """How it ended, interrupted at each of these steps, and whether the new version is there."""
    old = _tree(begin)
    finished = _copy(begin, begin.root.with_name("finished"))
    _do(finished, work)
    new = _tree(finished)
    found: list[tuple[Ending, bool]] = []
    for step in steps:
        world = _copy(begin, begin.root.with_name(f"step-{step}"))
        ending = interrupted_at(step, partial(_do, world, work), interrupt)
        assert _used(world) in (old, new), f"at step {step}"
        _settled(world)
        assert _tree(world) in (old, new), f"at step {step}"
        _backups_are_whole(world, begin, old)
        found.append((ending, _tree(world) == new))
        shutil.rmtree(world.root)
        if ending == "done":
            break
    return found


@pytest.fixture
def begin(tmp_path: Path, runner: CheckRunner) -> World:
    """A world where all is in the record."""
    world = world_in(tmp_path / "begin", lambda: runner)
    _do(world, _sync)
    return world


def test_a_release_that_is_killed_at_any_step_leaves_the_old_or_the_new_version(
    begin: World,
) -> None:
    endings = _endings(begin, _release, kill, range(1, STEPS))
    is_new = [new for _, new in endings]
    assert is_new == sorted(is_new)
    assert (is_new[0], is_new[-1]) == (False, True)
    assert {ending for ending, _ in endings[:-1]} == {"killed"}
    assert 40 < len(endings) < STEPS - 1


def test_a_rollback_that_is_killed_leaves_the_old_or_the_new_version(begin: World) -> None:
    _do(begin, _release)
    endings = _endings(begin, _rollback, kill, range(1, STEPS, 5))
    assert {ending for ending, _ in endings} == {"killed", "done"} or endings[-1][1]


def test_a_disk_that_fills_up_leaves_the_old_version_or_does_not_matter(begin: World) -> None:
    endings = _endings(begin, _release, fill_disk, range(1, STEPS, 3))
    assert endings[-1] == ("done", True)
    assert {ending for ending, _ in endings[:-1]} == {"failed"}
    assert not any(new for _, new in endings[:-1])


def test_after_a_kill_the_release_can_be_made_again(begin: World) -> None:
    for step in (20, 35, 50):
        assert interrupted_at(step, partial(_do, begin, _release), kill) == "killed"
    _do(begin, _release)
    assert "good day" in _tree(begin).text("template/greet.py.jinja")
    with begin.ledger() as ledger:
        assert begin.registry(ledger).current(TEMPLATE).version == "1.0.1"


def test_an_edit_after_a_kill_stands(begin: World) -> None:
    for step in range(10, STEPS, 11):
        world = _copy(begin, begin.root.with_name(f"step-{step}"))
        ending = interrupted_at(step, partial(_do, world, _release), kill)
        _edit(world)
        _do(world, _sync)
        assert _tree(world).text("template/mine.txt") == "mine\n"
        with world.ledger() as ledger:
            assert world.registry(ledger).status([TEMPLATE])[0].state == "in_sync"
        if ending == "done":
            break
