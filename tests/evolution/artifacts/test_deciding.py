"""One at a time decides about an artifact, on one machine and across machines."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from cultivar.errors import UsageError
from cultivar.evolution.artifacts.deciding import Deciding, UndecidedError
from cultivar.evolution.artifacts.notes import Notes
from cultivar.ledger.sql import SqlLedger
from cultivar.testing.artifacts import CALCULATOR, TEMPLATE, World
from cultivar.testing.folders import interrupted_at, kill


def _at(home: Path, ledger: SqlLedger) -> Deciding:
    """As a machine with that home has it."""
    return Deciding(leases=ledger.leases, notes=Notes(home))


def _is_free(deciding: Deciding) -> bool:
    try:
        with deciding.alone(CALCULATOR, patience=0):
            return True
    except UndecidedError:
        return False


@pytest.mark.parametrize("home", ["home", "another"], ids=["one machine", "two machines"])
def test_while_one_decides_another_is_kept_out(
    world: World, ledger: SqlLedger, tmp_path: Path, home: str
) -> None:
    other = _at(tmp_path / home, ledger)
    with _at(world.home, ledger).alone(CALCULATOR):
        assert not _is_free(other)
        with other.alone(TEMPLATE, patience=0):
            pass
    assert _is_free(other)


def test_who_fails_keeps_nobody_out(world: World, ledger: SqlLedger, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), _at(world.home, ledger).alone(CALCULATOR):
        _ = 1 / 0
    assert _is_free(_at(tmp_path / "another", ledger))


def test_who_is_killed_keeps_nobody_out_on_its_machine(world: World, tmp_path: Path) -> None:
    assert interrupted_at(10_000, partial(_killed_while_deciding, world), kill) == "killed"
    with world.ledger() as ledger:
        assert not _is_free(_at(tmp_path / "another", ledger))
        assert _is_free(_at(world.home, ledger))
        assert _is_free(_at(tmp_path / "another", ledger))


def _killed_while_deciding(world: World) -> None:
    with world.ledger() as ledger, _at(world.home, ledger).alone(CALCULATOR):
        kill("", os.getpid())


def test_the_name_of_who_decides_is_given_again_where_it_was_damaged(
    world: World, ledger: SqlLedger
) -> None:
    deciding = _at(world.home, ledger)
    assert _is_free(deciding)
    (file,) = (world.home / "artifacts").glob("*.decider")
    file.write_text("nonsense")
    assert _is_free(deciding)


def test_who_is_kept_out_is_told_of_what_and_what_to_do() -> None:
    error: UsageError = UndecidedError(CALCULATOR)
    assert "tool:calculator" in error.what
    assert "cultivar experiments" in error.remedy
