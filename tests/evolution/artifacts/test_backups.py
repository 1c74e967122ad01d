"""Old backups go, and nothing goes with them."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from cultivar.evolution.artifacts.backups import KEPT
from cultivar.evolution.artifacts.finding import tree_at
from cultivar.evolution.artifacts.registry import Registry
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import Artifact, Candidate, Release, ReleaseStatus
from cultivar.record import replace
from cultivar.testing.artifacts import CALCULATOR, TEMPLATE, World
from cultivar.testing.folders import Ending, interrupted_at, kill
from cultivar.tree import Tree, text_entry

FILES = {CALCULATOR: "calculator.py", TEMPLATE: "template/greet.py.jinja"}


def fine(
    artifact: Artifact, tree: Tree, before: Tree | None = None, *, trusted: bool = False
) -> str:
    return ""


@pytest.fixture
def registry(world: World, ledger: SqlLedger) -> Registry:
    """All of it in the record; that a version works is taken on trust."""
    made = world.registry(ledger, verify=fine)
    made.sync()
    return made


def release(registry: Registry, ledger: SqlLedger, artifact: Artifact, number: int) -> Release:
    """Release the current version with one more line."""
    current = registry.current(artifact)
    before, file = registry.tree(current), FILES[artifact]
    tree = before.replace({file: text_entry(f"{before.text(file)}# {number}\n")})
    ledger.content.put(tree)
    return registry.release(
        Candidate(
            artifact=artifact,
            parent=current.tree_hash,
            tree_hash=tree.hash,
            version="1.0.1",
            operator="guard",
            description="Mend it.",
        )
    )


def one_more(world: World) -> None:
    with world.ledger() as ledger:
        release(world.registry(ledger, verify=fine), ledger, TEMPLATE, 7)


def become(ledger: SqlLedger, status: ReleaseStatus, made: list[Release]) -> None:
    for each in made:
        ledger.experiments.keep_release(replace(each, status=status))


def standing(made: list[Release]) -> list[bool]:
    return [Path(each.backup).exists() for each in made]


@pytest.mark.parametrize("artifact", FILES, ids=lambda artifact: artifact.kind)
def test_of_what_is_not_watched_any_more_the_latest_backups_stay(
    artifact: Artifact, registry: Registry, ledger: SqlLedger
) -> None:
    made = [release(registry, ledger, artifact, number) for number in range(KEPT + 2)]
    become(ledger, "kept", made)
    made.append(release(registry, ledger, artifact, KEPT + 2))
    assert standing(made) == [False, False, *[True] * (KEPT + 1)]
    named = [each.backup for each in ledger.experiments.releases(artifact)][::-1]
    assert named == ["", "", *(each.backup for each in made[2:])]


def test_the_backup_of_a_release_that_is_watched_stays(
    registry: Registry, ledger: SqlLedger
) -> None:
    made = [release(registry, ledger, CALCULATOR, number) for number in range(KEPT + 3)]
    become(ledger, "kept", made[1:])
    made.append(release(registry, ledger, CALCULATOR, KEPT + 3))
    assert standing(made) == [True, False, False, *[True] * (KEPT + 1)]


@pytest.mark.parametrize("artifact", FILES, ids=lambda artifact: artifact.kind)
def test_a_backup_that_holds_what_no_version_does_stays(
    artifact: Artifact, registry: Registry, ledger: SqlLedger, world: World
) -> None:
    made = [release(registry, ledger, artifact, number) for number in range(KEPT + 2)]
    become(ledger, "kept", made)
    edited = Path(made[0].backup)
    mine = edited / "mine.txt" if edited.is_dir() else edited
    world.write(mine, "mine\n")
    made.append(release(registry, ledger, artifact, KEPT + 2))
    assert standing(made) == [True, False, *[True] * (KEPT + 1)]
    assert mine.read_text() == "mine\n"


def test_what_a_pruned_backup_held_can_be_gone_back_to(
    registry: Registry, ledger: SqlLedger, world: World
) -> None:
    first, before = registry.current(CALCULATOR), world.tool.read_text()
    made = [release(registry, ledger, CALCULATOR, number) for number in range(KEPT + 1)]
    become(ledger, "kept", made)
    release(registry, ledger, CALCULATOR, KEPT + 1)
    assert not Path(made[0].backup).exists()
    registry.rollback(CALCULATOR, first.tree_hash)
    assert world.tool.read_text() == before


def test_whoever_is_killed_while_backups_go_leaves_each_whole_or_gone(
    registry: Registry, ledger: SqlLedger, world: World, tmp_path: Path
) -> None:
    become(ledger, "kept", [release(registry, ledger, TEMPLATE, number) for number in range(7)])
    ledger.close()
    begin = shutil.copytree(world.root, tmp_path.with_name(f"{tmp_path.name}-begin"))
    endings: list[tuple[Ending, int]] = []
    for step in range(60, 400, 6):
        shutil.rmtree(world.root)
        shutil.copytree(begin, world.root)
        ending = interrupted_at(step, partial(one_more, world), kill)
        with world.ledger() as record:
            made = world.registry(record, verify=fine)
            made.recover()
            known = {each.tree_hash for each in made.history(TEMPLATE)}
        left = list(world.template.parent.glob(".greeting.backup-*"))
        assert {tree_at(each, TEMPLATE).hash for each in left} <= known
        endings.append((ending, len(left)))
        if ending == "done":
            break
    assert endings[-1] == ("done", KEPT + 1)
    assert endings.count(("killed", KEPT + 1)) > 2
    assert {number for _, number in endings} <= {KEPT + 1, KEPT + 2}
